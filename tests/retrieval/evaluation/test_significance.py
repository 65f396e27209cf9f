"""Tests of stylejax/retrieval/evaluation/significance.py."""

import itertools

import numpy as np
import pytest

from stylejax.retrieval.evaluation.significance import (
    bootstrap_interval,
    holm,
    paired_test,
    ratio_interval,
    wilson,
)


def slow(values: np.ndarray, clusters: np.ndarray, resamples: int) -> tuple[float, float]:
    """Draws products, puts their queries together, takes the mean."""
    rng, products, means = np.random.default_rng(1), np.unique(clusters), []
    for _ in range(resamples):
        drawn = rng.choice(products, len(products))
        means.append(np.mean([x for product in drawn for x in values[clusters == product]]))
    return float(np.quantile(means, 0.025)), float(np.quantile(means, 0.975))


def test_it_is_the_interval_of_drawn_products() -> None:
    rng = np.random.default_rng(0)
    clusters = rng.integers(0, 40, 200)
    values = (rng.random(200) < rng.random(40)[clusters]).astype(np.float64)
    low, high = bootstrap_interval(np.stack([values, 1 - values], axis=1), clusters)
    expected = slow(values, clusters, 2_000)
    assert low[0] == pytest.approx(expected[0], abs=0.015)
    assert high[0] == pytest.approx(expected[1], abs=0.015)
    # What is missed is the rest of what is found.
    assert low[1] == pytest.approx(1 - high[0], abs=1e-9)


def test_it_holds_the_truth_as_often_as_it_says() -> None:
    """Products that are found with probability .7, four queries each that go together."""
    held = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        found = np.repeat(rng.random(80) < 0.7, 4).astype(np.float64)
        low, high = bootstrap_interval(found[:, None], np.repeat(np.arange(80), 4), seed=seed)
        held += int(low[0] <= 0.7 <= high[0])
    assert 0.9 <= held / 200 <= 0.985


def test_queries_of_one_product_tell_less_than_of_many() -> None:
    rng = np.random.default_rng(0)
    values = np.repeat(rng.random(30) < 0.5, 10).astype(np.float64)[:, None]
    products = np.repeat(np.arange(30), 10)
    together, apart = (
        bootstrap_interval(values, clusters) for clusters in (products, np.arange(300))
    )
    assert together[1] - together[0] > 2 * (apart[1] - apart[0])


def test_one_product_has_no_width() -> None:
    low, high = bootstrap_interval(np.array([[0.0], [1.0]]), np.array([5, 5]))
    assert low.tolist() == high.tolist() == [0.5]


def test_a_share_of_pairs_is_drawn_by_products() -> None:
    """Listings of one product have different numbers of pairs."""
    rng = np.random.default_rng(3)
    clusters, wholes = rng.integers(0, 30, 150), rng.integers(0, 6, 150)
    parts = rng.binomial(wholes, 0.7)
    low, high = ratio_interval(parts[:, None], wholes[:, None], clusters)
    drawn, shares = np.random.default_rng(1), []
    for _ in range(2_000):
        rows = [np.flatnonzero(clusters == c) for c in drawn.choice(30, 30)]
        taken = np.concatenate(rows)
        shares.append(parts[taken].sum() / wholes[taken].sum())
    assert low[0] == pytest.approx(np.quantile(shares, 0.025), abs=0.015)
    assert high[0] == pytest.approx(np.quantile(shares, 0.975), abs=0.015)


def test_of_nothing_there_is_no_interval() -> None:
    nothing = np.zeros((3, 1), np.int64)
    low, high = ratio_interval(nothing, nothing, np.arange(3))
    assert np.isnan(low).all()
    assert np.isnan(high).all()


def test_wilson_is_what_tables_say() -> None:
    """Newcombe 1998, table I: 81 of 263, 15 of 148, 0 of 20 and 29 of 29."""
    for right, of, low, high in (
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (29, 29, 0.8830, 1.0),
    ):
        assert wilson(right / of, of, 0.95) == pytest.approx((low, high), abs=1e-4)
    assert wilson(0.8, 50, 0) == pytest.approx((0.8, 0.8))


def test_where_no_resample_differs_the_interval_is_wilsons_by_products() -> None:
    """Ten products of three queries: all right, none right, one query wrong."""
    clusters = np.repeat(np.arange(10), 3)
    values = np.stack([np.ones(30), np.zeros(30), np.arange(30) > 0], axis=1).astype(np.float64)
    low, high = bootstrap_interval(values, clusters, shares=True)
    plain = bootstrap_interval(values, clusters)
    z2 = 1.959964**2
    assert (low[0], high[0]) == pytest.approx((10 / (10 + z2), 1))
    assert (low[1], high[1]) == pytest.approx((0, z2 / (10 + z2)))
    assert (low[2], high[2]) == (plain[0][2], plain[1][2])
    # Differences may be zero of everything: nothing is made of them.
    assert (plain[0][1], plain[1][1]) == (0, 0)


def test_products_without_a_pair_say_nothing_of_a_share() -> None:
    parts = np.array([[2], [0], [4]])
    low, high = ratio_interval(parts, parts.copy(), np.arange(3), shares=True)
    assert (low[0], high[0]) == pytest.approx(wilson(1.0, 2, 0.95))


@pytest.mark.parametrize("count", [1, 2, 3, 7, 10, 49, 175, 851, 0.5, 1e9])
def test_wilson_holds_what_was_found(count: float) -> None:
    for share in (0.0, 0.3, 1.0):
        low, high = wilson(share, count, 0.95)
        assert 0 <= low <= share <= high <= 1


# ---- Differences of two systems


def every_flip(differences: np.ndarray, clusters: np.ndarray) -> float:
    """p over all ways to flip the products."""
    products = np.unique(clusters)
    own, beyond = abs(differences.sum()), 0
    for signs in itertools.product([1, -1], repeat=len(products)):
        sign_of = dict(zip(products.tolist(), signs, strict=True))
        total = sum(sign_of[int(c)] * d for c, d in zip(clusters, differences, strict=True))
        beyond += abs(total) >= own - 1e-12
    return beyond / 2 ** len(products)


def test_p_is_that_of_all_flips() -> None:
    rng = np.random.default_rng(2)
    clusters = rng.integers(0, 9, 40)
    differences = np.stack([rng.normal(shift, 1, 40) for shift in (0, 0.3, 0.8)], axis=1)
    found = paired_test(differences, clusters)
    for n in range(3):
        assert found[n] == pytest.approx(every_flip(differences[:, n], clusters), abs=0.015)
    assert found[2] < 0.05 < found[0]


def test_systems_that_are_alike_are_called_different_as_seldom_as_it_says() -> None:
    """Forty products, four queries each that go together: flipped one by one p would be lower."""
    called = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        differences = np.repeat(rng.integers(-1, 2, 40), 4).astype(np.float64)[:, None]
        called += paired_test(differences, np.repeat(np.arange(40), 4), seed=seed)[0] < 0.05
    assert 0.01 <= called / 200 <= 0.1


def test_equal_systems_have_no_difference() -> None:
    assert paired_test(np.zeros((5, 2)), np.arange(5)).tolist() == [1.0, 1.0]


def test_holm_raises_the_smallest_most() -> None:
    assert holm(np.array([0.04, 0.01, 0.03])).tolist() == pytest.approx([0.06, 0.03, 0.06])
    assert holm(np.array([0.9, 0.6])).tolist() == [1.0, 1.0]
    assert holm(np.array([0.02])).tolist() == [0.02]
