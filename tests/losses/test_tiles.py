"""Tests of stylejax/losses/tiles.py: sums tile by tile, and the memory of what uses them."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import loss_reference as reference
import numpy as np
import pytest

from stylejax import losses
from stylejax.losses.tiles import pair_sums, row_fold


def cell(rows, columns):
    products = jnp.tanh(rows["x"] @ columns["x"].T) * rows["n"][:, None]
    return {"along": products.sum(1)}, (products**2).sum(0)


def whole(rows, columns):
    return cell(rows, columns)


def given(rows: int, columns: int) -> tuple[dict, dict]:
    rng = np.random.default_rng(0)
    sides = [{"x": rng.normal(size=(n, 3)), "n": np.arange(1, n + 1)} for n in (rows, columns)]
    return tuple(jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), side) for side in sides)


@pytest.mark.parametrize(("rows", "columns"), [(8, 8), (7, 9), (1, 5), (4, 4), (9, 3)])
def test_tiles_give_the_sums_and_the_gradients_of_the_whole(rows: int, columns: int) -> None:
    """Whatever the last tile lacks."""

    def total(function: Callable, rows: dict, columns: dict):
        sums = function(rows, columns)
        return sum((jnp.arange(1, len(x) + 1) * x).sum() for x in jax.tree.leaves(sums))

    sides = given(rows, columns)
    tiled = partial(pair_sums, cell, tile=4)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), tiled(*sides), whole(*sides)
    )
    expected, found = (jax.grad(partial(total, way), (0, 1))(*sides) for way in (whole, tiled))
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), expected, found
    )


@pytest.mark.parametrize("rows", [3, 4, 9])
def test_a_fold_sees_every_column_once(rows: int) -> None:
    sides = given(rows, 10)

    def step(state, rows, columns):
        real = columns["n"] > 0  # the padding has none
        seen = jnp.where(real, rows["x"] @ columns["x"].T, -jnp.inf)
        return jnp.maximum(state[0], seen.max(1)), state[1] + columns["n"].sum()

    start = jnp.full(rows, -jnp.inf), jnp.zeros(rows)
    highest, numbers = row_fold(step, start, *sides, tile=4)
    np.testing.assert_allclose(highest, (sides[0]["x"] @ sides[1]["x"].T).max(1), rtol=1e-5)
    assert np.array_equal(numbers, np.full(rows, 55.0))


LOSSES: dict[str, Callable] = {
    "ppm": lambda a, b, **more: losses.product_matching(a, b, **more),
    "softmax": lambda a, b, **more: losses.softmax_contrastive(a, b, scale=20.0, **more),
    "softmax, cold": lambda a, b, **more: losses.softmax_contrastive(a, b, scale=100.0, **more),
    "sigmoid": lambda a, b, **more: losses.sigmoid_contrastive(a, b, scale=9.0, bias=-9.0, **more),
    "plc": lambda a, b, **more: losses.locality_consistency(a, a[::-1], b, tolerance=0.0, **more),
}


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_is_the_same_in_any_tiles(name: str) -> None:
    a, b = (jnp.asarray(reference.vectors(13, seed=seed)) for seed in (1, 2))

    def made(tile: int):
        return jax.value_and_grad(lambda a, b: LOSSES[name](a, b, tile=tile).sum(), (0, 1))(a, b)

    expected = made(1024)
    for tile in (4, 13):
        # A scale of 100 blows up the rounding of a cosine as much.
        near = partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-3 if "cold" in name else 1e-4)
        jax.tree.map(near, expected, made(tile))


@pytest.mark.parametrize("name", LOSSES)
def test_memory_grows_with_the_batch_and_not_with_its_square(name: str) -> None:
    """As the compiled program tells it, forward and backward."""

    def temporary(size: int) -> int:
        vectors = jax.ShapeDtypeStruct((size, 8), jnp.float32)
        step = jax.grad(lambda a, b: LOSSES[name](a, b, tile=64).sum(), (0, 1))
        memory = jax.jit(step).lower(vectors, vectors).compile().memory_analysis()
        assert memory is not None
        return memory.temp_size_in_bytes

    small, large = temporary(1024), temporary(4096)
    assert large < 4.5 * small
    assert large < 4096**2  # a quarter of one matrix in float32
