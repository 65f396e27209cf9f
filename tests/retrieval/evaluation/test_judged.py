"""Tests of stylejax/retrieval/evaluation/judged.py."""

import numpy as np
import pytest
from clustered import unit

from stylejax.config import ConfigError
from stylejax.retrieval.evaluation.judged import evaluate_judged, judged_rows, truth_of
from stylejax.retrieval.vectors import VectorSet


def vectors(names: str, views: str = "mt", seed: int = 0) -> VectorSet:
    x = {view: unit(len(names), 6, seed + n) for n, view in enumerate(views)}
    return VectorSet(list(names), x, {view: np.ones(len(names), bool) for view in views})


LISTINGS = vectors("abcdefgh")
# a: b is right, c and d are wrong. e: a is right, f is wrong.
QUERY, ITEM, GAIN = list("aaaee"), list("bcdaf"), [1.0, 0.0, 0.0, 1.0, 0.0]


def slow_rank(query: str, right: str, gallery: str, direction: str) -> int:
    ask, answer = direction.split("-")
    row = LISTINGS.item_id.index
    asked = LISTINGS.vectors[ask][row(query)]
    scores = {g: asked @ LISTINGS.vectors[answer][row(g)] for g in gallery if g != query}
    return 1 + sum(score > scores[right] for score in scores.values())


def test_the_gallery_is_what_was_judged_or_everything() -> None:
    judged = judged_rows(QUERY, ITEM, GAIN, LISTINGS, LISTINGS)
    result = evaluate_judged(LISTINGS, LISTINGS, judged, ("m-m", "t-m"), {}).metrics
    for direction in ("m-m", "t-m"):
        for found, gallery in ((result, "abcdf"), (result["with_distractors"], "abcdefgh")):
            ranks = [slow_rank(q, r, gallery, direction) for q, r in (("a", "b"), ("e", "a"))]
            expected = np.mean([1 / rank for rank in ranks])
            assert found["directions"][direction]["mrr"] == pytest.approx(expected)
            assert found["directions"][direction]["queries"] == 2
        assert result["pairs"][direction]["right"] == 2
        assert result["pairs"][direction]["wrong"] == 3
        scores = {
            (q, i): float(
                LISTINGS.vectors[direction[0]][LISTINGS.item_id.index(q)]
                @ LISTINGS.vectors["m"][LISTINGS.item_id.index(i)]
            )
            for q, i in zip(QUERY, ITEM, strict=True)
        }
        above = [
            scores[r] > scores[w]
            for r in (("a", "b"), ("e", "a"))
            for w in (("a", "c"), ("a", "d"), ("e", "f"))
        ]
        assert result["pairs"][direction]["roc_auc"] == pytest.approx(np.mean(above))
    assert (result["gallery"], result["with_distractors"]["gallery"]) == (5, 8)
    assert result["graded"] is False


def test_words_search_listings() -> None:
    words = vectors("x", views="t", seed=7)
    judged = judged_rows(["x", "x"], ["a", "b"], [3.0, 1.0], words, LISTINGS)
    result = evaluate_judged(words, LISTINGS, judged, ("m-m", "t-m"), {"query": ["seen"]})
    assert set(result.metrics["directions"]) == {"t-m"}
    assert result.metrics["graded"] is True
    assert {"err", "rbp", "ndcg@10"} <= set(result.metrics["directions"]["t-m"])
    assert result.queries["item_id"].to_pylist() == ["x"]


def test_an_item_may_be_called_as_words_are() -> None:
    """Only a listing is not to find itself."""
    words = vectors("a", views="t")
    judged = judged_rows(["a"], ["a"], [1.0], words, LISTINGS)
    truth = truth_of(judged, LISTINGS, same=False, distractors=True)
    assert truth.left_out.tolist() == [-1]
    assert judged.lost == []


def test_what_has_no_vectors_is_counted() -> None:
    judged = judged_rows(["a", "a", "z", "a"], ["b", "z", "b", "a"], [1.0] * 4, LISTINGS, LISTINGS)
    assert (judged.query.tolist(), judged.found.tolist()) == ([0], [1])
    assert judged.lost == [
        ("of listings that were not exported", 2),
        ("of a listing and itself", 1),
    ]
    with pytest.raises(ConfigError, match=r"none of 1 judgements .* 'y' and 'z'; export"):
        judged_rows(["y"], ["z"], [1.0], LISTINGS, LISTINGS)


def test_a_query_without_a_right_answer_is_not_counted() -> None:
    judged = judged_rows(["a", "b"], ["c", "d"], [1.0, 0.0], LISTINGS, LISTINGS)
    result = evaluate_judged(LISTINGS, LISTINGS, judged, ("m-m",), {}).metrics
    assert (result["queries"], result["directions"]["m-m"]["queries"]) == (2, 1)
