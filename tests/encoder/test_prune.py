"""Tests of stylejax/encoder/prune.py, and of what the encoder makes of it."""

import dataclasses
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
from hypothesis import given
from hypothesis import strategies as st

from stylejax.batch import NO_TOKEN
from stylejax.config import Config, ConfigError, EncoderConfig, TextTowerConfig
from stylejax.encoder import encoder_factory
from stylejax.encoder.prune import kept_tokens

VOCAB = 32


@given(seed=st.integers(0, 999), share=st.sampled_from([0.0, 0.2, 0.5, 0.9]))
def test_the_tokens_least_like_the_reference_go(seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    tokens, reference = rng.normal(size=(3, 6, 4)), rng.normal(size=(3, 4))
    present = rng.random((3, 6)) < 0.7
    kept = kept_tokens(*map(jnp.asarray, (tokens, reference, present)), share)
    for row in range(3):
        there = np.flatnonzero(present[row])
        cosine = tokens[row] @ reference[row] / np.linalg.norm(tokens[row], axis=1)
        leaving = sorted(there, key=lambda n: cosine[n])[: int(np.floor(share * len(there)))]
        assert set(np.flatnonzero(kept[row])) == set(there) - set(leaving)


@cache
def encoder(depth: int = 0, **options):
    config = tiny.config("", "", encoder={"fusion": {"depth": depth}, **options})
    init, bind = encoder_factory(config, VOCAB)
    return bind(init(jax.random.key(0)))


def products():
    made = tiny.products(4, vocab=VOCAB)
    made.has_image[2] = False
    tokens = made.tokens.copy()
    tokens[3] = NO_TOKEN
    return jax.tree.map(jnp.asarray, made._replace(tokens=tokens))


def test_titles_are_read_whole_unless_it_is_training() -> None:
    whole, pruning = encoder(), encoder(prune=0.5)
    for view, x in whole(products()).items():
        np.testing.assert_array_equal(pruning(products())[view], x)
        np.testing.assert_array_equal(whole(products(), training=True)[view], x)


@pytest.mark.parametrize("by", ["text", "image"])
def test_training_reads_a_title_without_what_tells_least(by: str) -> None:
    pruning = encoder(prune=0.5, prune_by=by)
    given = products()
    tokens, present = pruning.text(given.tokens)
    headed = pruning.text.head(tokens)
    guide = pruning(given, ["t"])["t"] if by == "text" else pruning(given, ["i"])["i"]
    kept = kept_tokens(headed, guide, present, 0.5)
    if by == "image":
        kept = jnp.where(given.has_image[:, None], kept, present)  # without a picture, whole
    expected = pruning.text.head(pruning.text.pool(tokens, kept))[:3]
    expected /= jnp.linalg.norm(expected, axis=1, keepdims=True)
    found = pruning(given, ["t"], training=True)["t"]
    np.testing.assert_allclose(found[:3], expected, atol=1e-6)
    assert np.isfinite(found).all()
    assert np.abs(found - pruning(given, ["t"])["t"]).max() > 1e-3


@pytest.mark.parametrize("by", ["text", "image"])
@pytest.mark.parametrize("views", [("m", "t"), ("i", "m", "t")])
def test_a_fusion_reads_the_words_that_its_picture_or_title_tells(by: str, views: tuple) -> None:
    pruning = encoder(depth=2, prune=0.5, prune_by=by)
    given = products()
    text, present = pruning.text(given.tokens)
    words = pruning.fusion.title_tokens((text, present))
    weight = present[..., None].astype(words.dtype)
    title = (words * weight).sum(1) / jnp.maximum(weight.sum(1), 1)
    guide = title if by == "text" else pruning(given, ["i"])["i"]
    kept = kept_tokens(words, guide, present, 0.5)
    if by == "image":
        kept = jnp.where(given.has_image[:, None], kept, present)
    assert (kept.sum(1) < present.sum(1)).any()
    left = given._replace(tokens=jnp.where(kept, given.tokens, NO_TOKEN))
    found = pruning(given, views, training=True)
    assert set(found) == set(views)
    # A word that is left out is none of the fusion's, though the tower has read it.
    image = pruning._image(given.image)
    pictures = (
        image.reshape(4, -1, image.shape[-1]),
        jnp.repeat(given.has_image[:, None], image.shape[1] * image.shape[2], axis=1),
    )
    both = pruning.fusion(pictures, (text, kept))
    both /= jnp.linalg.norm(both, axis=1, keepdims=True)
    np.testing.assert_allclose(found["m"], both, atol=1e-5)
    np.testing.assert_array_equal(found["m"][3], pruning(left)["m"][3])  # a listing without a title
    assert np.abs(found["t"] - pruning(given, ["t"])["t"])[:3].max() > 1e-3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"prune": 1.0}, r"encoder.prune is 1.0; use \[0, 1\)"),
        ({"prune": 0.5, "text": TextTowerConfig(pool="last")}, 'here the pool is "last"'),
        ({"prune": 0.5, "text": TextTowerConfig(padding="attended")}, 'padding is "attended"'),
    ],
)
def test_what_cannot_be_pruned_is_refused(change: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        dataclasses.replace(Config(), encoder=EncoderConfig(**change))
