"""Tests of stylejax/encoder/image.py."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
from flax import nnx

from stylejax.config import ConfigError, EncoderConfig, ImageTowerConfig
from stylejax.encoder.image import ImageTower, standardise

PATCH = ImageTowerConfig(depth=1, **tiny.LAYERS, patch=8)
CONV = replace(PATCH, stem="conv", patch=4, conv_widths=(6, 10), conv_depths=(1, 1))


def tower(config: ImageTowerConfig, size: int = 16) -> ImageTower:
    return ImageTower(EncoderConfig(dim=8, image=config), size, rngs=nnx.Rngs(params=0))


def images(rows: int, size: int) -> jax.Array:
    return jnp.asarray(tiny.products(rows, size=size).image)


def test_bytes_become_numbers_around_zero() -> None:
    given = jnp.asarray(np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1).repeat(3, axis=3))
    numbers = np.asarray(standardise(given, PATCH, jnp.dtype("float32")))
    assert numbers.dtype == np.float32
    assert numbers.mean() == pytest.approx(0.0, abs=1e-6)
    assert 0.5 < numbers.std() < 2.0
    np.testing.assert_allclose(
        np.diff(numbers[..., 0].ravel()), numbers[0, 0, 1, 0] - numbers[0, 0, 0, 0], rtol=1e-4
    )


@pytest.mark.parametrize("config", [PATCH, CONV], ids=["patch", "conv"])
def test_a_picture_is_a_grid_of_tokens(config: ImageTowerConfig) -> None:
    tokens = nnx.jit(tower(config))(images(3, 16))
    assert tokens.shape == (3, 2 * 2, 16)
    assert np.isfinite(tokens).all()


@pytest.mark.parametrize("config", [PATCH, CONV], ids=["patch", "conv"])
def test_positions_tell_patches_apart(config: ImageTowerConfig) -> None:
    flat = jnp.full((1, 32, 32, 3), 200, jnp.uint8)
    tokens = np.asarray(tower(replace(config, depth=0), 32)(flat)[0])
    inner = tokens.reshape(4, 4, 16)[1:3, 1:3].reshape(4, 16)  # away from the conv's padding
    assert np.ptp(inner, axis=0).max() > 1e-3


@pytest.mark.parametrize("config", [PATCH, CONV], ids=["patch", "conv"])
def test_another_size_interpolates_the_positions(config: ImageTowerConfig) -> None:
    small = tower(config)
    assert nnx.jit(small)(images(2, 32)).shape == (2, 16, 16)
    # Positions that are the same everywhere stay so: the weights then fit a tower of that size.
    one = small.positions[...][:1, :1]
    small.positions[...] = jnp.broadcast_to(one, (2, 2, 16))
    large = tower(config, 32)
    nnx.update(large, nnx.state(small))
    large.positions.set_value(jnp.broadcast_to(one, (4, 4, 16)))
    given = images(2, 32)
    np.testing.assert_allclose(small(given), large(given), atol=1e-5)


@pytest.mark.parametrize(
    ("config", "size", "stride", "try_this"),
    [(PATCH, 20, 8, 16), (CONV, 20, 8, 16), (PATCH, 4, 8, 8)],
)
def test_a_size_that_does_not_divide_is_refused_with_one_that_does(
    config: ImageTowerConfig, size: int, stride: int, try_this: int
) -> None:
    with pytest.raises(ConfigError, match=rf"size {size} .*stride {stride}.*try {try_this}$"):
        tower(config, size)
    tower(config, try_this)
