"""Tests of stylejax/losses/consistency.py: the formula of PLC."""

import jax
import jax.numpy as jnp
import loss_reference as reference
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylejax import losses

locality_consistency = reference.jaxed(losses.locality_consistency)

SEED = st.integers(0, 10_000)


def three(rows: int, seed: int = 0) -> list[np.ndarray]:
    return [reference.vectors(rows, seed=3 * seed + n) for n in range(3)]


@given(
    rows=st.sampled_from([1, 2, 5, 12]),
    k=st.sampled_from([1, 3, 10]),  # also more than there are rows
    tolerance=st.sampled_from([0.0, 0.05, 0.5]),
    seed=SEED,
)
def test_plc_is_the_formula(rows: int, k: int, tolerance: float, seed: int) -> None:
    vectors = three(rows, seed)
    loss = locality_consistency(*vectors, tolerance=tolerance, k=k)
    assert loss.shape == (rows,)
    assert loss.dtype == jnp.float32
    np.testing.assert_allclose(loss, reference.consistency(*vectors, tolerance, k), atol=1e-6)


def test_the_defaults_are_ten_neighbours_and_the_successors_margin() -> None:
    vectors = three(12)
    expected = reference.consistency(*vectors, 0.05, 10)
    np.testing.assert_allclose(locality_consistency(*vectors), expected, atol=1e-6)


@given(seed=SEED, voids=st.integers(0, 6))
def test_void_targets_are_nobodys_neighbours(seed: int, voids: int) -> None:
    full, view, target = three(6, seed)
    valid = np.arange(6) >= voids
    np.random.default_rng(seed).shuffle(valid)
    loss = locality_consistency(full, view, target, k=4, target_valid=jnp.asarray(valid))
    expected = reference.consistency(full, view, target, 0.05, 4, valid)
    np.testing.assert_allclose(loss, expected, atol=1e-6)


def test_without_any_target_it_is_zero_with_finite_gradients() -> None:
    nobody = jnp.zeros(4, bool)
    vectors = three(4)
    assert locality_consistency(*vectors, target_valid=nobody).tolist() == [0.0] * 4
    gradients = jax.jit(
        jax.grad(lambda *x: locality_consistency(*x, target_valid=nobody).sum(), argnums=(0, 1, 2))
    )(*vectors)
    assert all(np.isfinite(gradient).all() for gradient in gradients)


def test_a_view_that_equals_the_full_vector_costs_nothing() -> None:
    full, _, target = three(5)
    assert locality_consistency(full, full, target, tolerance=0.0).tolist() == [0.0] * 5


@given(seed=SEED)
def test_permuting_the_batch_permutes_the_loss_and_lengths_do_not_matter(seed: int) -> None:
    vectors = three(7, seed)
    order = np.random.default_rng(seed).permutation(7)
    loss = locality_consistency(*vectors, k=3)
    permuted = locality_consistency(*(x[order] * np.float32(7.0) for x in vectors), k=3)
    np.testing.assert_allclose(permuted, loss[order], atol=1e-6)


def test_zero_vectors_have_finite_gradients() -> None:
    vectors = three(5)
    for row, x in enumerate(vectors):
        x[row] = 0.0
    expected = reference.consistency(*vectors, 0.0, 5)
    np.testing.assert_allclose(
        locality_consistency(*vectors, tolerance=0.0, k=5), expected, atol=1e-6
    )
    gradients = jax.jit(
        jax.grad(lambda *x: locality_consistency(*x, tolerance=0.0, k=3).sum(), argnums=(0, 1, 2))
    )(*vectors)
    assert all(np.isfinite(gradient).all() for gradient in gradients)


@pytest.mark.parametrize("argument", [0, 1, 2])
def test_the_gradient_is_that_of_finite_differences(argument: int) -> None:
    vectors = three(6, seed=4)

    def slow(x: np.ndarray) -> float:
        given = [x if place == argument else y for place, y in enumerate(vectors)]
        return reference.consistency(*given, 0.01, 3).sum()

    expected = reference.gradient(slow, vectors[argument])
    assert np.abs(expected).max() > 1e-2
    actual = jax.jit(
        jax.grad(lambda *x: locality_consistency(*x, tolerance=0.01, k=3).sum(), argnums=argument)
    )(*vectors)
    np.testing.assert_allclose(actual, expected, atol=2e-5)
