"""Tests of stylejax/retrieval/evaluation/pairs.py against every pair, and every threshold."""

import numpy as np
import pytest
from clustered import unit
from hypothesis import given
from hypothesis import strategies as st

from stylejax.retrieval.evaluation.pairs import pair_curve, ranked_curve
from stylejax.retrieval.evaluation.ranks import rank_right
from stylejax.retrieval.evaluation.truth import of_groups
from stylejax.retrieval.vectors import VectorSet

PAIRS = st.lists(st.tuples(st.integers(-5, 5), st.booleans()), min_size=2, max_size=40)


def slow_areas(scores: list[float], right: list[bool]) -> tuple[float, float]:
    """ROC area over every right and wrong pair; average precision threshold by threshold."""
    yes = [s for s, r in zip(scores, right, strict=True) if r]
    no = [s for s, r in zip(scores, right, strict=True) if not r]
    area = np.mean([(a > b) + (a == b) / 2 for a in yes for b in no])
    average, before = 0.0, 0.0
    for threshold in sorted(set(scores), reverse=True):
        hits = sum(s >= threshold for s in yes)
        precision = hits / (hits + sum(s >= threshold for s in no))
        average += precision * (hits / len(yes) - before)
        before = hits / len(yes)
    return float(area), average


@given(PAIRS.filter(lambda pairs: len({right for _, right in pairs}) == 2))
def test_areas_are_those_of_the_loops(pairs: list[tuple[int, bool]]) -> None:
    scores, right = [score / 5 for score, _ in pairs], [r for _, r in pairs]
    found = pair_curve(np.array(scores), np.array(right))
    area, average = slow_areas(scores, right)
    assert found["roc_auc"] == pytest.approx(area)
    assert found["average_precision"] == pytest.approx(average)
    assert (found["right"], found["wrong"]) == (sum(right), len(right) - sum(right))
    recalls = [row[2] for row in found["curve"]]
    assert recalls == sorted(recalls)
    assert recalls[-1] == 1.0
    for threshold, precision, recall, false in found["curve"]:
        taken = [r for s, r in zip(scores, right, strict=True) if s >= threshold]
        assert precision == pytest.approx(np.mean(taken))
        assert recall == pytest.approx(sum(taken) / sum(right))
        assert false == pytest.approx((len(taken) - sum(taken)) / (len(right) - sum(right)))


def test_one_kind_of_pair_has_no_curve() -> None:
    assert pair_curve(np.array([0.5, 0.7]), np.array([True, True])) == {
        "right": 2,
        "wrong": 0,
        "curve": [],
    }


def test_the_answers_of_a_gallery_are_as_if_every_pair_were_written_down() -> None:
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 30, 120)
    x = unit(30, 8)[groups] + 0.4 * rng.normal(size=(120, 8))
    x = (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)
    vectors = VectorSet([str(n) for n in range(120)], {"m": x}, {"m": np.ones(120, bool)})
    truth = of_groups([str(g) for g in groups], np.arange(120), np.arange(120))
    ranks = rank_right(vectors, vectors, "m-m", truth)
    found = ranked_curve(ranks)
    asking = [n for n in range(120) if (groups == groups[n]).sum() > 1]
    pairs = [(a, b) for a in asking for b in range(120) if a != b]
    exact = pair_curve(
        np.array([float(x[a] @ x[b]) for a, b in pairs]),
        np.array([groups[a] == groups[b] for a, b in pairs]),
    )
    assert (found["right"], found["wrong"]) == (exact["right"], exact["wrong"])
    for name in ("roc_auc", "average_precision"):
        assert found[name] == pytest.approx(exact[name], abs=2e-3)
