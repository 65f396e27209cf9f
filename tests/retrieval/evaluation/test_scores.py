"""Tests of stylejax/retrieval/evaluation/scores.py."""

import numpy as np
import pytest

from stylejax.retrieval.evaluation.ranks import BINS, Ranks
from stylejax.retrieval.evaluation.scores import Scores, scores_of
from stylejax.retrieval.evaluation.truth import Truth

GRADES = np.array([1.0, 3.0, 1.0])


def ranked(gain: np.ndarray = GRADES) -> tuple[Ranks, Truth]:
    """Queries 0 and 2 of three find something: at ranks 1 and 4, and at rank 2."""
    found, score = np.arange(3), np.array([0.9, 0.5, 0.7], np.float32)
    wrong, drawn = np.zeros(BINS, int), np.ones(2, bool)
    ranks = Ranks(
        np.array([0, 2]), np.array([0, 2, 3]), np.array([1, 4, 2]), found, gain, score, drawn, wrong
    )
    rows = np.array([7, 8, 9])
    return ranks, Truth(rows, np.arange(5), np.full(3, -1), np.array([0, 0, 2]), found, gain)


def test_a_row_a_query_that_has_something_to_find() -> None:
    scores = scores_of(*ranked(np.ones(3)))
    assert scores.rows.tolist() == [7, 9]
    assert scores.right.tolist() == [2, 1]
    means = scores.mean()
    assert means["queries"] == 2
    assert means["mrr"] == pytest.approx((1 + 1 / 2) / 2)
    assert means["map"] == pytest.approx(((1 + 2 / 4) / 2 + 1 / 2) / 2)
    assert scores.mean(np.array([False, True]))["mrr"] == 0.5
    assert scores.mean(np.array([False, False])) == {"queries": 0}
    assert "err" not in means


def test_grades_add_their_metrics() -> None:
    means = scores_of(*ranked()).mean()
    assert {"err", "rbp"} <= set(means)
    # The best answer of query 0 comes fourth; query 2 has one answer, at rank 2.
    ideal = 3 + 1 / np.log2(3)
    first, second = (1 + 3 / np.log2(5)) / ideal, (1 / np.log2(3)) / 1
    assert means["ndcg@10"] == pytest.approx((first + second) / 2)


def test_gains_count_by_the_highest_there_is() -> None:
    whole, half = (scores_of(*ranked(GRADES * scale)).mean() for scale in (1, 0.25))
    assert half["rbp"] == pytest.approx(whole["rbp"])


def test_the_table_is_for_comparing_runs() -> None:
    scores = scores_of(*ranked(np.ones(3)))
    table = scores.table("m-i", [f"L{n}" for n in range(10)], ["P"] * 9 + ["Q"])
    first, second = table.to_pylist()
    assert (first["direction"], first["item_id"], first["cluster"]) == ("m-i", "L7", "P")
    assert (second["item_id"], second["cluster"], second["right"]) == ("L9", "Q", 1)
    assert second["mrr"] == 0.5


def test_one_product_tells_nothing_of_others() -> None:
    scores = scores_of(*ranked(np.ones(3)))
    assert scores.intervals(np.array([4, 4])) == {}
    assert set(scores.intervals(np.array([4, 5]))) == set(scores.mean()) - {"queries"}


def test_no_query_has_no_metrics() -> None:
    none = np.zeros(0, np.int64)
    scores = Scores(none, none, [], np.zeros((0, 0)))
    assert scores.mean() == {"queries": 0}
