"""Tests of stylejax/retrieval/report/examples.py; the page's own tests look at what it shows."""

import numpy as np
from clustered import unit

from stylejax.labels import Card
from stylejax.retrieval.album import Album
from stylejax.retrieval.evaluation.truth import of_groups
from stylejax.retrieval.report.examples import Judged, drawn, examples
from stylejax.retrieval.vectors import VectorSet


def test_two_wrong_and_one_right_of_different_products() -> None:
    ids = [f"L{n}" for n in range(40)]
    groups = [f"P{n // 4}" for n in range(40)]
    ranks = {row: 1 + row % 2 for row in range(40)}
    rows = list(drawn(ranks, ids, groups))
    assert [ranks[row] for row in rows] == [2, 2, 1]
    assert groups[rows[0]] != groups[rows[1]]
    one_product = list(drawn({0: 2, 2: 2}, ids, groups))
    assert sorted(one_product) == [0, 2]  # when there is no other


def test_queries_without_anything_to_find_may_be_shown_too() -> None:
    vectors = VectorSet(list("abc"), {"m": unit(3, 4)}, {"m": np.array([True, True, False])})
    truth = of_groups(["x", "y", "x"], np.arange(3), np.arange(3))
    judged = {"m-m": Judged(vectors, truth, "m-m")}
    cards = [Card(item, item, "", None) for item in "abc"]
    assert judged["m-m"].first_right == {}
    (first, last) = examples([0, 2], judged, cards, Album())
    assert [result.card.item_id for result in first.answers[0].results] == ["b"]
    assert first.answers[0].first_right is None
    assert last.answers == []  # it lacks the view
