"""Tests of stylejax/losses/similarity.py."""

import jax
import jax.numpy as jnp
import loss_reference as reference
import numpy as np
import pytest

from stylejax.losses.similarity import (
    apart,
    normalise,
    own,
    product,
    same_product,
    side,
)


def cosine(a, b):
    return product(normalise(jnp.asarray(a)), normalise(jnp.asarray(b)), (1, 1))


@pytest.mark.parametrize("rows", [1, 2, 9])
def test_cosine_is_that_of_numpy(rows: int) -> None:
    a, b = reference.vectors(rows, seed=1), reference.vectors(rows, seed=2)
    np.testing.assert_allclose(cosine(a, b), reference.cosines(a, b), atol=1e-6)


def test_a_zero_row_stays_zero_with_a_zero_gradient() -> None:
    x = jnp.asarray(reference.vectors(3)).at[1].set(0.0)
    assert np.array_equal(normalise(x)[1], np.zeros(6))
    gradient = jax.grad(lambda x: normalise(x).sum())(x)
    assert np.array_equal(gradient[1], np.zeros(6))
    assert np.isfinite(gradient).all()
    assert np.abs(gradient[0]).max() > 0


@pytest.mark.parametrize("odd", [np.nan, np.inf])
def test_what_is_no_number_does_not_pass_for_a_missing_vector(odd: float) -> None:
    """Otherwise weights that have become NaN would train on with a plausible loss."""
    x = jnp.asarray(reference.vectors(3)).at[1, 2].set(odd)
    assert np.isnan(normalise(x)[1]).any()
    assert np.isfinite(normalise(x)[0]).all()


@pytest.mark.parametrize("length", [1e-12, 1e12])
def test_tiny_and_huge_vectors_have_unit_length(length: float) -> None:
    x = jnp.asarray(reference.vectors(3)) * length
    np.testing.assert_allclose(np.linalg.norm(normalise(x), axis=1), 1.0, atol=1e-6)


def test_bfloat16_inputs_are_compared_in_float32() -> None:
    x = jnp.asarray(reference.vectors(5), jnp.bfloat16)
    near = cosine(x, x)
    assert near.dtype == jnp.float32
    np.testing.assert_allclose(near, reference.cosines(x, x), atol=1e-6)


def sides(groups, other) -> tuple:
    x = jnp.zeros((3, 2))
    return side(x, group=groups), side(x, group=other)


def test_same_product_is_the_own_column_and_equal_groups() -> None:
    assert np.array_equal(same_product(*sides(None, None)), np.eye(3, dtype=bool))
    groups = jnp.array([4, 7, 4])
    expected = np.array([[1, 0, 1], [0, 1, 0], [1, 0, 1]], bool)
    assert np.array_equal(same_product(*sides(groups, groups)), expected)
    other = jnp.array([7, 7, 9])  # the pair itself is the same product whatever the ids say
    expected = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 1]], bool)
    assert np.array_equal(same_product(*sides(groups, other)), expected)


def test_partners_are_rows_and_columns_of_one_number() -> None:
    rows, columns = sides(None, None)
    assert np.array_equal(own(rows, columns), np.eye(3, dtype=bool))


def test_a_vector_is_known_by_its_identity() -> None:
    x = jnp.zeros((2, 2))
    here, there = (side(x, identity=jnp.array(ids)) for ids in ([0, 1], [1, 5]))
    assert apart(here, there).tolist() == [[True, True], [False, True]]
    assert apart(here, side(x)).all()


def test_no_mask_means_all() -> None:
    assert side(jnp.zeros((2, 2))).valid.tolist() == [True, True]
