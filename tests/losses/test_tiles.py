"""Tests of stylejax/losses/tiles.py: sums tile by tile, and the memory of what uses them."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import loss_reference as reference
import numpy as np
import pytest

from stylejax import losses
from stylejax.losses.similarity import Side, normalise, side
from stylejax.losses.tiles import cosine_sums, row_fold


def cell(cosines: jax.Array, rows: Side, columns: Side):
    """Something of every argument, zero for the padding."""
    real = (rows.number[:, None] > 0) & (columns.number[None, :] > 0)
    made = jnp.where(real, jnp.tanh(rows.scale[:, None] * cosines - rows.partner[:, None]), 0.0)
    return {"along": made.sum(1)}, (made**2).sum(0) * columns.scale


def whole(rows: Side, columns: Side):
    a, b = normalise(rows.vectors), normalise(columns.vectors)
    partner = (a * b).sum(1)
    return (*cell(a @ b.T, rows._replace(partner=partner), columns), partner)


def given(size: int) -> tuple[Side, Side]:
    rng = np.random.default_rng(0)
    sides = [side(jnp.asarray(rng.normal(size=(size, 3)), jnp.float32)) for _ in range(2)]
    return tuple(s._replace(scale=jnp.arange(1.0, size + 1)) for s in sides)


@pytest.mark.parametrize("size", [1, 3, 4, 8, 9])
def test_tiles_give_the_sums_and_the_gradients_of_the_whole(size: int) -> None:
    """Whatever the last tile lacks."""

    def total(function: Callable, vectors: tuple, scales: tuple):
        sides = [
            s._replace(vectors=x, scale=y)
            for s, x, y in zip(given(size), vectors, scales, strict=True)
        ]
        sums = function(*sides)
        return sum((jnp.arange(1, len(x) + 1) * x).sum() for x in jax.tree.leaves(sums)), sums

    sides = given(size)
    vectors, scales = [s.vectors for s in sides], [s.scale for s in sides]
    tiled = partial(cosine_sums, cell, tile=4)
    expected, found = (
        jax.jit(jax.value_and_grad(partial(total, way), (0, 1), has_aux=True))(vectors, scales)
        for way in (whole, tiled)
    )
    # Sums of large terms of both signs: what is left of them is as exact as they are.
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(
            a, b, rtol=1e-5, atol=3e-6 * float(np.abs(a).max(initial=1))
        ),
        expected,
        found,
    )


def test_vectors_of_few_bits_get_gradients_of_few_bits() -> None:
    a, b = (s.vectors.astype(jnp.bfloat16) for s in given(9))
    first, second = jax.grad(
        lambda a, b: losses.product_matching(a, b, tile=4).sum(), argnums=(0, 1)
    )(a, b)
    assert first.dtype == second.dtype == jnp.bfloat16
    assert jnp.isfinite(first).all()


@pytest.mark.parametrize("size", [3, 4, 10])
def test_a_fold_sees_every_column_once(size: int) -> None:
    sides = given(size)

    def step(state, cosines, rows, columns):
        real = columns.number > 0  # the padding has none
        seen = jnp.where(real, cosines, -jnp.inf)
        return jnp.maximum(state[0], seen.max(1)), state[1] + columns.number.sum()

    start = jnp.full(size, -jnp.inf), jnp.zeros(size, jnp.int32)
    highest, numbers = row_fold(step, start, *sides, tile=4)
    units = [normalise(s.vectors) for s in sides]
    np.testing.assert_allclose(highest, (units[0] @ units[1].T).max(1), rtol=1e-5)
    assert np.array_equal(numbers, np.full(size, size * (size + 1) // 2))


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
        step = jax.value_and_grad(lambda a, b: LOSSES[name](a, b, tile=tile).sum(), (0, 1))
        return jax.jit(step)(a, b)

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


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_are_those_of_finite_differences_in_float64(name: str) -> None:
    with jax.enable_x64(True):
        rng = np.random.default_rng(0)
        a, b, *along = (jnp.asarray(rng.normal(size=(5, 6))) for _ in range(4))
        weights = jnp.asarray(rng.normal(size=5))

        @jax.jit
        def total(a, b):
            return (weights * LOSSES[name](a, b, tile=2)).sum()

        slopes = jax.jit(jax.grad(total, (0, 1)))(a, b)
        found = sum((slope * way).sum() for slope, way in zip(slopes, along, strict=True))
        step = 1e-5
        ahead, behind = (total(a + e * along[0], b + e * along[1]) for e in (step, -step))
        np.testing.assert_allclose(found, (ahead - behind) / (2 * step), rtol=1e-6)


@pytest.mark.parametrize("name", [name for name in LOSSES if name != "plc"])
def test_targets_without_a_query_have_gradients_too(name: str) -> None:
    """Further candidates: five queries among eight targets, in tiles that cut both."""
    with jax.enable_x64(True):
        rng = np.random.default_rng(0)
        a, b, *along = (jnp.asarray(rng.normal(size=(rows, 6))) for rows in (5, 8, 5, 8))
        weights = jnp.asarray(rng.normal(size=5))

        @jax.jit
        def total(a, b):
            return (weights * LOSSES[name](a, b, tile=2)).sum()

        assert LOSSES[name](a, b).shape == (5,)
        slopes = jax.jit(jax.grad(total, (0, 1)))(a, b)
        assert (jnp.abs(slopes[1]).max(1) > 0).all()
        found = sum((slope * way).sum() for slope, way in zip(slopes, along, strict=True))
        step = 1e-5
        ahead, behind = (total(a + e * along[0], b + e * along[1]) for e in (step, -step))
        np.testing.assert_allclose(found, (ahead - behind) / (2 * step), rtol=1e-6)
