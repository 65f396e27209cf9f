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
from stylejax.config import Config, ConfigError, EncoderConfig, TextTowerConfig, TransformerConfig
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
def encoder(**options):
    config = tiny.config("", "", encoder={"fusion": {"depth": 0}, **options})
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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"prune": 1.0}, r"encoder.prune is 1.0; use \[0, 1\)"),
        ({"prune": 0.5, "fusion": TransformerConfig(depth=1)}, "is for encoder.fusion.depth 0"),
        ({"prune": 0.5, "text": TextTowerConfig(pool="last")}, 'here they are 0 and "last"'),
    ],
)
def test_what_cannot_be_pruned_is_refused(change: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        dataclasses.replace(Config(), encoder=EncoderConfig(**change))
