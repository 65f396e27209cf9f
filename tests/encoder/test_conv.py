"""Tests of stylejax/encoder/conv.py."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from stylejax.config import ImageTowerConfig
from stylejax.encoder.conv import (
    ConvStem,
    ResidualBlock,
    StandardisedConv,
    scaled_relu,
    space_to_depth,
)

CONFIG = ImageTowerConfig(stem="conv", patch=4, conv_widths=(8, 12), conv_depths=(1, 2))


def normal(*shape: int, seed: int = 0) -> jax.Array:
    return jax.random.normal(jax.random.key(seed), shape)


def test_space_to_depth_folds_each_patch_into_its_channels() -> None:
    x = np.arange(2 * 4 * 6 * 3).reshape(2, 4, 6, 3).astype(np.float32)
    folded = space_to_depth(jnp.asarray(x), 2)
    assert folded.shape == (2, 2, 3, 12)
    for row in range(2):
        for column in range(3):
            patch = x[:, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
            assert np.array_equal(folded[:, row, column], patch.reshape(2, -1))


def test_scaled_relu_keeps_unit_variance() -> None:
    assert float(jnp.var(scaled_relu(normal(100_000)))) == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("side", [1, 3])
def test_a_convolution_is_the_loop_over_standardised_kernels(side: int) -> None:
    layer = StandardisedConv(side, 4, 5, dtype="float32", rngs=nnx.Rngs(params=0))
    layer.gain[...] = jnp.arange(1.0, 6.0)
    layer.bias[...] = jnp.arange(5.0)
    x = np.asarray(normal(1, 6, 7, 4), np.float64)
    kernel = np.asarray(layer.kernel[...], np.float64)
    for channel in range(5):
        of_channel = kernel[..., channel]
        spread = np.sqrt(of_channel.var() * of_channel.size + 1e-4)
        kernel[..., channel] = (of_channel - of_channel.mean()) / spread * (channel + 1)
    padded = np.pad(x, [(0, 0), (side // 2,) * 2, (side // 2,) * 2, (0, 0)])
    expected = np.zeros((1, 6, 7, 5))
    for row in range(6):
        for column in range(7):
            window = padded[0, row : row + side, column : column + side]
            expected[0, row, column] = np.tensordot(window, kernel, 3) + np.arange(5)
    np.testing.assert_allclose(layer(jnp.asarray(x, jnp.float32)), expected, atol=1e-4)


def test_the_scale_of_a_kernel_does_not_matter() -> None:
    layer = StandardisedConv(3, 16, 8, dtype="float32", rngs=nnx.Rngs(params=0))
    before = layer(normal(2, 4, 4, 16))
    layer.kernel[...] = 50.0 * layer.kernel[...] + 3.0
    np.testing.assert_allclose(layer(normal(2, 4, 4, 16)), before, atol=2e-3)


def test_a_block_starts_as_the_identity_and_can_learn() -> None:
    block = ResidualBlock(6, 0, dtype="float32", rngs=nnx.Rngs(params=0))
    x = normal(2, 4, 4, 6)
    assert np.array_equal(block(x), x)
    slope = nnx.grad(lambda block: (block(x) ** 2).sum())(block)
    assert float(jnp.abs(slope.skip_gain[...])) > 0


def test_the_stem_halves_the_side_at_each_stage() -> None:
    stem = ConvStem(CONFIG, dtype="float32", rngs=nnx.Rngs(params=0))
    features = nnx.jit(stem)(normal(2, 32, 24, 3))
    assert features.shape == (2, 4, 3, 12)
    assert float(features.min()) >= 0
    assert len(stem.stages[1]) == 2


def test_colour_survives_the_stem() -> None:
    """Two flat pictures of different colours give different features."""
    stem = ConvStem(replace(CONFIG, conv_depths=(0, 0)), dtype="float32", rngs=nnx.Rngs(params=0))
    red, blue = (
        jnp.broadcast_to(jnp.array(c), (1, 32, 32, 3)) for c in ([1.0, -1, -1], [-1, -1, 1.0])
    )
    middle = [np.asarray(stem(x)[0, 2, 2]) for x in (red, blue)]
    assert np.abs(middle[0] - middle[1]).max() > 0.05
