"""Tests of stylejax/retrieval/evaluation/metrics.py against loops, trec_eval and known cases."""

import math

import numpy as np
import pytest
import pytrec_eval
from hypothesis import given
from hypothesis import strategies as st

from stylejax.retrieval.evaluation.metrics import graded_metrics, ranking_metrics


def slow_metrics(relevant: list[bool]) -> dict[str, float]:
    """Metrics of a ranked list, position by position."""
    total = sum(relevant)
    hits, precisions, gain = 0, [], 0.0
    for rank, hit in enumerate(relevant, 1):
        if hit:
            hits += 1
            precisions.append((rank, hits / rank))
            if rank <= 10:
                gain += 1 / math.log2(rank + 1)
    best = sum(1 / math.log2(rank + 1) for rank in range(1, min(total, 10) + 1))
    return {
        "mrr": 1 / precisions[0][0],
        **{f"recall@{k}": float(any(relevant[:k])) for k in (1, 5, 10, 20)},
        "map": sum(p for _, p in precisions) / total,
        "map@r": sum(p for rank, p in precisions if rank <= total) / total,
        "ndcg@10": gain / best,
    }


@given(st.lists(st.booleans(), min_size=1, max_size=40).filter(any))
def test_metrics_are_those_of_the_loop(relevant: list[bool]) -> None:
    positions = np.flatnonzero(relevant) + 1
    result = ranking_metrics(positions)
    expected = slow_metrics(relevant)
    assert set(result) == set(expected)
    for name, value in expected.items():
        assert result[name] == pytest.approx(value), name


def test_a_perfect_ranking_scores_one_throughout() -> None:
    assert set(ranking_metrics(np.array([1, 2, 3])).values()) == {1.0}


def test_a_known_case() -> None:
    result = ranking_metrics(np.array([2, 3, 12]))
    assert result["mrr"] == 0.5
    assert (result["recall@1"], result["recall@5"]) == (0.0, 1.0)
    assert result["map"] == pytest.approx((1 / 2 + 2 / 3 + 3 / 12) / 3)
    assert result["map@r"] == pytest.approx((1 / 2 + 2 / 3) / 3)
    ideal = 1 + 1 / math.log2(3) + 1 / 2
    assert result["ndcg@10"] == pytest.approx((1 / math.log2(3) + 1 / 2) / ideal)


# ---- Grades


def slow_graded(gains: list[float], most: float) -> dict[str, float]:
    """Metrics of a ranked list of gains, position by position."""
    dcg = sum(g / math.log2(rank + 1) for rank, g in enumerate(gains[:10], 1))
    best = sorted(gains, reverse=True)[:10]
    err, going_on = 0.0, 1.0
    for rank, g in enumerate(gains, 1):
        stops = (2**g - 1) / 2**most
        err += going_on * stops / rank
        going_on *= 1 - stops
    return {
        "ndcg@10": dcg / sum(g / math.log2(rank + 1) for rank, g in enumerate(best, 1)),
        "err": err,
        "rbp": 0.2 * sum(0.8 ** (rank - 1) * g / most for rank, g in enumerate(gains, 1)),
    }


GAINS = st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.0, 3.0]), min_size=1, max_size=40).filter(any)


@given(GAINS)
def test_graded_metrics_are_those_of_the_loop(gains: list[float]) -> None:
    right = np.flatnonzero(gains)
    result = graded_metrics(right + 1, np.array(gains)[right], 3.0)
    expected = slow_graded(gains, 3.0)
    assert set(result) == set(expected)
    for name, value in expected.items():
        assert result[name] == pytest.approx(value), name


def test_one_grade_is_as_good_as_none() -> None:
    positions = np.array([2, 5, 30])
    graded = graded_metrics(positions, np.ones(3), 1.0)
    assert graded["ndcg@10"] == pytest.approx(ranking_metrics(positions)["ndcg@10"])


# ---- trec_eval

TREC = {
    "recip_rank": "mrr",
    "map": "map",
    "ndcg_cut_10": "ndcg@10",
    "success_1": "recall@1",
    "success_5": "recall@5",
    "success_10": "recall@10",
}


def of_trec(gains: list[float]) -> dict[str, float]:
    """What trec_eval says of a ranked list whose grades are whole numbers."""
    judged = {f"d{n}": int(gain) for n, gain in enumerate(gains)}
    run = {f"d{n}": float(len(gains) - n) for n in range(len(gains))}
    measures = {"recip_rank", "map", "ndcg_cut.10", "success.1,5,10"}
    return pytrec_eval.RelevanceEvaluator({"q": judged}, measures).evaluate({"q": run})["q"]


@given(st.lists(st.integers(0, 3).map(float), min_size=1, max_size=40).filter(any))
def test_metrics_are_those_of_trec_eval(gains: list[float]) -> None:
    expected, right = of_trec(gains), np.flatnonzero(gains)
    binary = ranking_metrics(right + 1)
    graded = graded_metrics(right + 1, np.array(gains)[right], 3.0)
    for theirs, ours in TREC.items():
        value = graded[ours] if ours == "ndcg@10" else binary[ours]
        assert value == pytest.approx(expected[theirs], abs=1e-6), ours
    flat = of_trec([float(gain > 0) for gain in gains])
    assert binary["ndcg@10"] == pytest.approx(flat["ndcg_cut_10"], abs=1e-6)


def test_no_gain_is_too_large() -> None:
    """Grades may be prices: only the best answer ends a search then."""
    graded = graded_metrics(np.array([1, 2]), np.array([3.0, 5000.0]), 5000.0)
    assert graded["err"] == pytest.approx(1 / 2)
    assert graded["rbp"] == pytest.approx(0.2 * (3 / 5000 + 0.8))
