"""Tests of stylejax/retrieval/duplicates/threshold.py."""

from dataclasses import replace

import numpy as np
import pytest

from stylejax.config import ConfigError
from stylejax.retrieval.duplicates.labelled import Labelled
from stylejax.retrieval.duplicates.threshold import (
    Point,
    choose,
    curve,
    effective_pairs,
    point,
)


def pairs(joined, same, units=None, wanted: float | None = None) -> Labelled:
    joined, same = np.array(joined, np.float64), np.array(same, bool)
    units = np.arange(2 * len(joined)).reshape(-1, 2) if units is None else np.array(units)
    wanted = float(same.sum()) if wanted is None else wanted
    return Labelled(joined, same, np.ones(len(joined)), units, wanted)


def slow_variance(parts: np.ndarray, units: np.ndarray) -> float:
    return sum(
        parts[p] * parts[q]
        for p in range(len(parts))
        for q in range(len(parts))
        if set(units[p].tolist()) & set(units[q].tolist())
    )


def test_independent_pairs_tell_what_they_are_in_number() -> None:
    same = np.arange(50) % 5 != 0
    told = effective_pairs(same, np.ones(50), np.arange(100).reshape(-1, 2))
    assert told == pytest.approx(50)


def test_pairs_of_one_product_tell_as_much_as_one() -> None:
    units = np.repeat(np.arange(10), 6)[:, None].repeat(2, axis=1)
    same = np.repeat(np.arange(10) % 3 > 0, 6)
    assert effective_pairs(same, np.ones(60), units) == pytest.approx(10)
    assert effective_pairs(np.ones(60, bool), np.ones(60), units) == pytest.approx(10)


def test_the_variance_counts_pairs_that_share_a_unit() -> None:
    rng = np.random.default_rng(0)
    units, same = rng.integers(0, 12, (40, 2)), rng.random(40) < 0.6
    weight = rng.choice([0.5, 1.0], 40)
    share = weight / weight.sum()
    mean = float(share @ same)
    variance = slow_variance(share * (same - mean), units)
    least, most = 1 / slow_variance(share, units), 1 / (share @ share)
    expected = np.clip(mean * (1 - mean) / variance, least, most) if variance > 0 else least
    assert effective_pairs(same, weight, units) == pytest.approx(expected)


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    """Products whose pairs go together: right with a chance that each product draws."""
    held = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        right = rng.beta(8, 2, 60)  # 0.8 on average
        same = rng.random(600) < np.repeat(right, 10)
        units = np.repeat(np.arange(60), 10)[:, None].repeat(2, axis=1)
        found = point(pairs(np.ones(600), same, units), 0.5)
        held += found.low <= 0.8 <= found.high
    assert 0.9 <= held / 300 <= 0.98


def test_a_point_is_the_share_of_the_pairs_that_are_joined() -> None:
    given = pairs([0.9, 0.8, 0.7, -np.inf], [True, False, True, True], wanted=4)
    found = point(given, 0.75)
    assert (found.precision, found.recall, found.pairs) == (0.5, 0.25, 2)
    assert found.low < 0.5 < found.high
    assert point(given, 0.95) == Point(0.95, None, 0.0, 1.0, 0.0, 0)
    wrong = pairs([0.9, 0.8], [False, False])  # there is nothing to find
    assert (point(wrong, 0.85).precision, point(wrong, 0.85).recall) == (0.0, None)
    assert point(wrong, 0.95).recall is None


def test_the_curve_falls_from_the_highest_threshold() -> None:
    rng = np.random.default_rng(0)
    joined = rng.random(3_000)
    found = curve(pairs(joined, rng.random(3_000) < joined))
    assert 150 <= len(found) <= 200
    assert [p.threshold for p in found] == sorted((p.threshold for p in found), reverse=True)
    assert [p.recall for p in found] == sorted(p.recall for p in found)
    assert found[-1].recall == 1
    assert curve(pairs([-np.inf], [True])) == []
    assert [p.threshold for p in curve(pairs([0.3, 0.2], [False, False]))] == [0.3, 0.2]


def test_the_lowest_threshold_that_keeps_the_promise_is_chosen() -> None:
    points = [
        Point(0.9, 1.0, 0.93, 1.0, 0.1, 10),
        Point(0.8, 0.97, 0.95, 0.99, 0.5, 100),
        Point(0.7, 0.96, 0.94, 0.98, 0.6, 120),
        Point(0.6, 0.97, 0.952, 0.98, 0.8, 200),
        Point(0.5, 0.7, 0.6, 0.8, 0.9, 300),
    ]
    assert choose(points, 0.95).threshold == 0.6


def test_a_promise_that_cannot_be_kept_is_refused_with_the_best_there_is() -> None:
    points = [Point(0.9, 1.0, 0.81, 1.0, 0.1, 10), Point(0.8, 0.9, 0.858, 0.94, 0.5, 99)]
    with pytest.raises(ConfigError, match=r"0.900 \[0.858, 0.940\] at 0.800.*--precision 0.85,"):
        choose(points, 0.95)
    with pytest.raises(ConfigError, match="no labelled pair is ever in one group"):
        choose([], 0.9)


def test_going_by_the_estimate_takes_the_point_itself() -> None:
    given = pairs([0.9, 0.8, 0.7, 0.6], [True, True, False, False])
    assert choose(curve(given, level=0), 0.66).threshold == 0.8


def test_nothing_is_told_of_thresholds_that_the_labels_do_not_reach() -> None:
    given = replace(pairs([0.9, 0.8, 0.3], [True, False, True]), floor=0.5)
    assert [p.threshold for p in curve(given)] == [0.9]
    assert point(given, 0.3) == Point(0.3, None, 0.0, 1.0, None, 0)
    assert point(given, 0.5).pairs == 2
