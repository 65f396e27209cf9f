"""Tests of stylejax/losses/sigmoid.py."""

import jax
import jax.numpy as jnp
import loss_reference as reference
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylejax import losses

sigmoid_contrastive = reference.jaxed(losses.sigmoid_contrastive)

SEED = st.integers(0, 10_000)


def two(rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    return reference.vectors(rows, seed=2 * seed), reference.vectors(rows, seed=2 * seed + 1)


def test_weights_are_factors_of_the_rows_losses() -> None:
    a, b = two(6)
    weights = np.array([0.0, 0.5, 1.0, 2.0, 3.0, 1.0], np.float32)
    weighed = sigmoid_contrastive(a, b, scale=5.0, bias=-2.0, weights=weights)
    np.testing.assert_allclose(
        weighed, weights * sigmoid_contrastive(a, b, scale=5.0, bias=-2.0), rtol=1e-6
    )

    def total(a: jax.Array, weights: np.ndarray | None) -> jax.Array:
        losses_ = losses.sigmoid_contrastive(
            a, jnp.asarray(b), scale=5.0, bias=-2.0, weights=weights
        )
        return losses_.sum()

    twice = jnp.full(6, 2.0)
    found, plain = (jax.jit(jax.grad(total))(jnp.asarray(a), given) for given in (twice, None))
    np.testing.assert_allclose(found, 2 * plain, rtol=1e-5, atol=1e-6)


@given(
    rows=st.sampled_from([1, 3, 6]), seed=SEED, duplicates=st.sampled_from(["exclude", "positive"])
)
def test_it_is_the_formula(rows: int, seed: int, duplicates: str) -> None:
    rng = np.random.default_rng(seed)
    a, b = two(rows, seed)
    left, right = rng.integers(0, 3, rows), rng.integers(0, 3, rows)
    a_ids, b_ids = rng.integers(0, 4, rows), rng.integers(0, 4, rows)
    valid = rng.random(rows) < 0.7
    loss = sigmoid_contrastive(
        a,
        b,
        scale=6.0,
        bias=-2.0,
        query_groups=left,
        target_groups=right,
        query_ids=a_ids,
        target_ids=b_ids,
        duplicates=duplicates,
        target_valid=jnp.asarray(valid),
    )
    expected = reference.sigmoid(a, b, 6.0, -2.0, left, right, duplicates, valid, a_ids, b_ids)
    np.testing.assert_allclose(loss, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("duplicates", ["exclude", "positive"])
def test_groups_that_all_differ_are_no_groups(duplicates: str) -> None:
    a, b = two(5)
    options = {"scale": 10.0, "bias": -5.0}
    plain = sigmoid_contrastive(a, b, **options)
    grouped = sigmoid_contrastive(a, b, query_groups=np.arange(5), duplicates=duplicates, **options)
    np.testing.assert_allclose(plain, grouped, atol=2e-6)  # two programs, which may round apart


def test_an_excluded_duplicate_does_not_reach_the_loss() -> None:
    a, b = two(4)
    options = {"scale": 5.0, "bias": 0.0, "query_groups": np.array([3, 5, 3, 8])}
    before = sigmoid_contrastive(a, b, **options)
    b[2] = a[0]
    after = sigmoid_contrastive(a, b, **options)
    assert before[0] == after[0]
    assert before[1] != after[1]


def test_void_columns_count_like_columns_that_are_not_there() -> None:
    a, b = two(6)
    valid = np.array([1, 0, 1, 1, 0, 1], bool)
    masked = sigmoid_contrastive(a, b, scale=5.0, bias=-1.0, target_valid=jnp.asarray(valid))
    alone = sigmoid_contrastive(a[valid], b[valid], scale=5.0, bias=-1.0)
    np.testing.assert_allclose(masked[valid], alone, rtol=1e-5)


@given(seed=SEED)
def test_permuting_the_batch_permutes_the_loss_and_lengths_do_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = two(6, seed)
    groups, order = rng.integers(0, 4, 6), rng.permutation(6)
    options = {"scale": 8.0, "bias": -3.0}
    loss = sigmoid_contrastive(a, b, query_groups=groups, **options)
    permuted = sigmoid_contrastive(
        3 * a[order], b[order] / 7, query_groups=groups[order], **options
    )
    np.testing.assert_allclose(permuted, loss[order], rtol=1e-5, atol=1e-5)


def test_the_gradients_are_those_of_finite_differences() -> None:
    a, b = two(4, seed=3)
    a[3] = 0.0  # no vector: no gradient either, where finite differences see a kink
    groups = np.array([0, 1, 0, 2])

    def fast(a, b, scale, bias):
        return sigmoid_contrastive(a, b, scale=scale, bias=bias, query_groups=groups).sum()

    def slow(a, b, scale, bias) -> float:
        return reference.sigmoid(a, b, scale, bias, groups, groups).sum()

    actual = jax.jit(jax.grad(fast, argnums=(0, 1, 2, 3)))(
        a, b, jnp.float32(4.0), jnp.float32(-1.0)
    )
    by_a = reference.gradient(lambda x: slow(x, b, 4.0, -1.0), a)
    by_b = reference.gradient(lambda x: slow(a, x, 4.0, -1.0), b)
    by_scale = reference.gradient(lambda x: slow(a, b, x[0], -1.0), np.array([4.0]))
    by_bias = reference.gradient(lambda x: slow(a, b, 4.0, x[0]), np.array([-1.0]))
    np.testing.assert_allclose(actual[0][:3], by_a[:3], atol=5e-5)
    assert np.array_equal(actual[0][3], np.zeros(6))
    np.testing.assert_allclose(actual[1], by_b, atol=5e-5)
    np.testing.assert_allclose(actual[2], by_scale[0], atol=5e-5)
    np.testing.assert_allclose(actual[3], by_bias[0], atol=5e-5)
