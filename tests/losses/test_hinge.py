"""Tests of stylejax/losses/hinge.py: the formulas of PPM and PDC."""

import jax
import jax.numpy as jnp
import loss_reference as reference
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylejax import losses

product_matching = reference.jaxed(losses.product_matching)
self_distinctiveness = reference.jaxed(losses.self_distinctiveness)

ROWS = st.sampled_from([1, 2, 3, 5, 8])  # few shapes: each one is compiled
SEED = st.integers(0, 10_000)


@given(rows=ROWS, seed=SEED, margin=st.sampled_from([0.0, 0.2, 0.3, 1.5]))
def test_ppm_is_the_formula(rows: int, seed: int, margin: float) -> None:
    a, b = reference.vectors(rows, seed=seed), reference.vectors(rows, seed=seed + 1)
    loss = product_matching(a, b, margin=margin)
    assert loss.shape == (rows,)
    assert loss.dtype == jnp.float32
    np.testing.assert_allclose(loss, reference.hinge(a, b, margin), atol=1e-6)


@given(rows=ROWS, seed=SEED)
def test_ppm_with_groups_and_void_columns_is_the_formula(rows: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = reference.vectors(rows, seed=seed), reference.vectors(rows, seed=seed + 1)
    left, right = rng.integers(0, 3, rows), rng.integers(0, 3, rows)
    valid = rng.random(rows) < 0.6
    loss = product_matching(
        a, b, query_groups=left, target_groups=right, target_valid=jnp.asarray(valid)
    )
    np.testing.assert_allclose(loss, reference.hinge(a, b, 0.3, left, right, valid), atol=1e-6)


def test_pdc_is_the_same_hinge_with_its_own_margin() -> None:
    a, b = reference.vectors(6, seed=1), reference.vectors(6, seed=2)
    groups, valid = np.array([0, 1, 1, 2, 2, 2]), np.array([1, 1, 0, 1, 1, 1], bool)
    loss = self_distinctiveness(a, b, groups=groups, full_valid=jnp.asarray(valid))
    np.testing.assert_allclose(loss, reference.hinge(a, b, 0.2, groups, groups, valid), atol=1e-6)


def test_one_pair_alone_costs_nothing() -> None:
    assert product_matching(reference.vectors(1), reference.vectors(1, seed=1)).tolist() == [0.0]


def test_a_known_case() -> None:
    a = jnp.eye(2)
    b = jnp.array([[0.6, 0.8], [1.0, 0.0]])
    # Row 0: S = (.6, 1), violation 1 - .6 + .3 = .7; row 1: S = (.8, 0), .8 - 0 + .3 = 1.1.
    np.testing.assert_allclose(product_matching(a, b, margin=0.3), [0.35, 0.55], atol=1e-6)


def test_groups_that_all_differ_are_no_groups() -> None:
    a, b = reference.vectors(5, seed=1), reference.vectors(5, seed=2)
    grouped = product_matching(a, b, query_groups=np.arange(5))
    # Two programs, which may round apart.
    np.testing.assert_allclose(grouped, product_matching(a, b), atol=1e-6)


def test_a_duplicate_is_never_a_negative() -> None:
    a, b = reference.vectors(4, seed=1), reference.vectors(4, seed=2)
    groups = np.array([3, 5, 3, 8])
    before = product_matching(a, b, query_groups=groups)
    b[2] = a[0]  # the hardest negative there could be, were it one
    after = product_matching(a, b, query_groups=groups)
    assert before[0] == after[0]
    assert before[1] != after[1]


@given(seed=SEED)
def test_permuting_the_batch_permutes_the_loss(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = reference.vectors(6, seed=seed), reference.vectors(6, seed=seed + 1)
    groups, order = rng.integers(0, 4, 6), rng.permutation(6)
    loss = product_matching(a, b, query_groups=groups)
    permuted = product_matching(a[order], b[order], query_groups=groups[order])
    np.testing.assert_allclose(permuted, loss[order], atol=1e-6)


@given(seed=SEED, factor=st.sampled_from([1e-3, 0.5, 3.0, 1e4]))
def test_lengths_do_not_matter(seed: int, factor: float) -> None:
    a, b = reference.vectors(5, seed=seed), reference.vectors(5, seed=seed + 1)
    factors = np.linspace(0.5, 2.0, 5, dtype=np.float32)[:, None] * np.float32(factor)
    scaled = product_matching(a * factors, b / factors)
    np.testing.assert_allclose(scaled, product_matching(a, b), atol=1e-6)


def test_void_columns_count_like_columns_that_are_not_there() -> None:
    a, b = reference.vectors(6, seed=1), reference.vectors(6, seed=2)
    valid = np.array([1, 0, 1, 1, 0, 1], bool)
    masked = product_matching(a, b, target_valid=jnp.asarray(valid))
    np.testing.assert_allclose(masked[valid], product_matching(a[valid], b[valid]), atol=1e-6)


def test_zero_vectors_have_the_formula_and_finite_gradients() -> None:
    a, b = reference.vectors(4, seed=1), reference.vectors(4, seed=2)
    a[1], b[2] = 0.0, 0.0
    np.testing.assert_allclose(product_matching(a, b), reference.hinge(a, b, 0.3), atol=1e-6)
    gradients = jax.grad(lambda a, b: product_matching(a, b).sum(), argnums=(0, 1))(a, b)
    assert all(np.isfinite(gradient).all() for gradient in gradients)


@pytest.mark.parametrize("argument", [0, 1])
def test_the_gradient_is_that_of_finite_differences(argument: int) -> None:
    pair = [reference.vectors(5, seed=1), reference.vectors(5, seed=2)]
    groups = np.array([0, 1, 0, 2, 3])

    def slow(x: np.ndarray) -> float:
        a, b = [x if place == argument else pair[place] for place in range(2)]
        return reference.hinge(a, b, 0.3, groups, groups).sum()

    def fast(a, b):
        return product_matching(a, b, query_groups=groups).sum()

    expected = reference.gradient(slow, pair[argument])
    assert np.abs(expected).max() > 1e-2
    np.testing.assert_allclose(jax.grad(fast, argument)(*pair), expected, atol=1e-5)
