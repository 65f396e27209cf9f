"""Tests of stylejax/encoder/text.py."""

import jax.numpy as jnp
import numpy as np
import tiny
from flax import nnx

from stylejax.config import EncoderConfig, TextTowerConfig
from stylejax.encoder.text import TextTower

CONFIG = EncoderConfig(text=TextTowerConfig(depth=1, **tiny.LAYERS))
TOKENS = jnp.array([[2, 5, 6, -1], [2, 5, -1, -1], [-1, -1, -1, -1]])


def test_tokens_become_vectors_and_padding_is_marked() -> None:
    vectors, present = TextTower(CONFIG, 8, 6, rngs=nnx.Rngs(params=0))(TOKENS)
    assert vectors.shape == (3, 4, 16)
    assert np.array_equal(present, TOKENS >= 0)
    assert np.isfinite(vectors).all()


def test_padding_is_attended_to_by_none() -> None:
    tower = TextTower(CONFIG, 8, 6, rngs=nnx.Rngs(params=0))
    whole, _ = tower(TOKENS)
    short, _ = tower(TOKENS[:, :2])
    np.testing.assert_allclose(whole[1, :2], short[1], atol=1e-5)
    # Row 0 has a third word, which row 1 lacks.
    assert np.abs(whole[0, :2] - whole[1, :2]).max() > 1e-4


def test_without_layers_it_is_embedding_plus_position() -> None:
    tower = TextTower(tiny.changed(CONFIG, {"text": {"depth": 0}}), 8, 6, rngs=nnx.Rngs(params=0))
    vectors, _ = tower(TOKENS)
    table, positions = np.asarray(tower.tokens.embedding[...]), np.asarray(tower.positions[...])
    np.testing.assert_allclose(vectors[0, 1], table[5] + positions[1], atol=1e-6)
