"""Tests of stylejax/losses/softmax.py."""

import jax
import jax.numpy as jnp
import loss_reference as reference
import numpy as np
import optax
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylejax import losses
from stylejax.losses.softmax import require_duplicates

softmax_contrastive = reference.jaxed(losses.softmax_contrastive)

SEED = st.integers(0, 10_000)


def two(rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    return reference.vectors(rows, seed=2 * seed), reference.vectors(rows, seed=2 * seed + 1)


@pytest.mark.parametrize("rows", [1, 2, 7])
def test_without_duplicates_it_is_clips_loss(rows: int) -> None:
    a, b = two(rows)
    logits = jnp.asarray(20.0 * reference.cosines(a, b), jnp.float32)
    labels = jnp.arange(rows)
    expected = (
        optax.softmax_cross_entropy_with_integer_labels(logits, labels)
        + optax.softmax_cross_entropy_with_integer_labels(logits.T, labels)
    ) / 2
    np.testing.assert_allclose(softmax_contrastive(a, b, scale=20.0), expected, atol=2e-5)


def test_weights_are_factors_of_the_rows_losses() -> None:
    a, b = two(6)
    weights = np.array([0.0, 0.5, 1.0, 2.0, 3.0, 1.0], np.float32)
    weighed = softmax_contrastive(a, b, scale=5.0, weights=weights)
    np.testing.assert_allclose(weighed, weights * softmax_contrastive(a, b, scale=5.0), rtol=1e-6)

    def total(a: jax.Array, weights: np.ndarray | None) -> jax.Array:
        losses_ = losses.softmax_contrastive(a, jnp.asarray(b), scale=5.0, weights=weights)
        return losses_.sum()

    twice = jnp.full(6, 2.0)
    found, plain = (jax.jit(jax.grad(total))(jnp.asarray(a), given) for given in (twice, None))
    np.testing.assert_allclose(found, 2 * plain, rtol=1e-5, atol=1e-6)


def test_a_misspelt_treatment_of_duplicates_is_refused() -> None:
    with pytest.raises(ValueError, match=r"duplicates is 'positives'; use 'exclude' or 'positive'"):
        require_duplicates("positives")


@given(
    rows=st.sampled_from([1, 3, 6]), seed=SEED, duplicates=st.sampled_from(["exclude", "positive"])
)
def test_groups_and_void_rows_are_the_formula(rows: int, seed: int, duplicates: str) -> None:
    rng = np.random.default_rng(seed)
    a, b = two(rows, seed)
    left, right = rng.integers(0, 3, rows), rng.integers(0, 3, rows)
    a_ids, b_ids = rng.integers(0, 4, rows), rng.integers(0, 4, rows)
    a_valid, b_valid = rng.random(rows) < 0.7, rng.random(rows) < 0.7
    loss = softmax_contrastive(
        a,
        b,
        scale=5.0,
        query_groups=left,
        target_groups=right,
        query_ids=a_ids,
        target_ids=b_ids,
        duplicates=duplicates,
        query_valid=jnp.asarray(a_valid),
        target_valid=jnp.asarray(b_valid),
    )
    expected = reference.softmax(a, b, 5.0, left, right, duplicates, a_valid, b_valid, a_ids, b_ids)
    whole = a_valid & b_valid
    np.testing.assert_allclose(loss[whole], expected[whole], atol=1e-5)
    assert np.isfinite(loss).all()


@pytest.mark.parametrize("scale", [5.0, 59.0, 65.0, 69.5, 75.0])
def test_the_gradient_of_the_scale_is_that_of_finite_differences(scale: float) -> None:
    """Whatever is taken off the logits at that scale."""
    with jax.enable_x64(True):
        rng = np.random.default_rng(0)
        b = jnp.asarray(rng.normal(size=(6, 4)))
        a = b + 0.5 * jnp.asarray(rng.normal(size=(6, 4)))

        def total(scale: jax.Array) -> jax.Array:
            return softmax_contrastive(a, b, scale=scale, tile=4).sum()

        # The scale is of float32: over a step of one, against the mean slope by Simpson's rule.
        places = [jnp.asarray(scale + step, jnp.float32) for step in (-0.5, 0.0, 0.5)]
        step = jax.jit(jax.value_and_grad(total))
        totals, slopes = zip(*map(step, places), strict=True)
        mean = (slopes[0] + 4 * slopes[1] + slopes[2]) / 6
        np.testing.assert_allclose(totals[2] - totals[0], mean, rtol=1e-2, atol=1e-4)


@pytest.mark.parametrize("duplicates", ["exclude", "positive"])
def test_groups_that_all_differ_are_no_groups(duplicates: str) -> None:
    a, b = two(5)
    plain = softmax_contrastive(a, b, scale=10.0)
    grouped = softmax_contrastive(
        a, b, scale=10.0, query_groups=np.arange(5), duplicates=duplicates
    )
    np.testing.assert_allclose(plain, grouped, atol=2e-6)  # two programs, which may round apart


def test_excluded_duplicates_do_not_reach_the_loss_and_positive_ones_attract() -> None:
    a, b = two(4)
    groups = np.array([0, 1, 0, 2])

    def gradient(duplicates: str) -> np.ndarray:
        """Of row 0's query-to-target half, in column 2, its duplicate."""

        def first(b):
            options = {"scale": 5.0, "query_groups": groups, "duplicates": duplicates}
            return softmax_contrastive(a, b, **options)[0]

        return np.asarray(jax.jit(jax.grad(first))(b)[2])

    assert np.array_equal(gradient("exclude"), np.zeros(6))
    assert gradient("positive") @ reference.unit(a)[0] < 0  # descent turns it towards the query


def test_void_columns_count_like_columns_that_are_not_there() -> None:
    a, b = two(6)
    valid = np.array([1, 0, 1, 1, 0, 1], bool)
    mask = jnp.asarray(valid)
    masked = softmax_contrastive(a, b, scale=5.0, query_valid=mask, target_valid=mask)
    alone = softmax_contrastive(a[valid], b[valid], scale=5.0)
    np.testing.assert_allclose(masked[valid], alone, atol=1e-5)


@given(seed=SEED)
def test_permuting_the_batch_permutes_the_loss_and_lengths_do_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = two(6, seed)
    groups, order = rng.integers(0, 4, 6), rng.permutation(6)
    loss = softmax_contrastive(a, b, scale=8.0, query_groups=groups)
    permuted = softmax_contrastive(
        3 * a[order], b[order] / 7, scale=8.0, query_groups=groups[order]
    )
    np.testing.assert_allclose(permuted, loss[order], atol=2e-5)


def test_zero_vectors_have_finite_gradients() -> None:
    a, b = two(4)
    a[1], b[1], b[3] = 0.0, 0.0, 0.0
    np.testing.assert_allclose(
        softmax_contrastive(a, b, scale=9.0), reference.softmax(a, b, 9.0), atol=1e-5
    )
    gradients = jax.grad(lambda a, b: softmax_contrastive(a, b, scale=9.0).sum(), argnums=(0, 1))(
        a, b
    )
    assert all(np.isfinite(gradient).all() for gradient in gradients)


@pytest.mark.parametrize("duplicates", ["exclude", "positive"])
def test_the_gradients_are_those_of_finite_differences(duplicates: str) -> None:
    a, b = two(5, seed=3)
    groups = np.array([0, 1, 0, 2, 1])

    def fast(a, b, scale):
        return softmax_contrastive(
            a, b, scale=scale, query_groups=groups, duplicates=duplicates
        ).sum()

    def slow(a, b, scale) -> float:
        return reference.softmax(a, b, scale, groups, groups, duplicates).sum()

    actual = jax.jit(jax.grad(fast, argnums=(0, 1, 2)))(a, b, jnp.float32(4.0))
    by_a = reference.gradient(lambda x: slow(x, b, 4.0), a)
    by_scale = reference.gradient(lambda x: slow(a, b, x[0]), np.array([4.0]))
    np.testing.assert_allclose(actual[0], by_a, atol=5e-5)
    np.testing.assert_allclose(
        actual[1], reference.gradient(lambda x: slow(a, x, 4.0), b), atol=5e-5
    )
    np.testing.assert_allclose(actual[2], by_scale[0], atol=5e-5)
    assert np.abs(by_a).max() > 1e-2


def test_a_large_scale_stays_finite() -> None:
    a, b = two(5)
    assert np.isfinite(softmax_contrastive(a, b, scale=1e4)).all()
