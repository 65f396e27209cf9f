"""Tests of stylejax/retrieval/evaluation/evaluate.py."""

from typing import Any

import numpy as np
import pytest

from stylejax.config import ConfigError
from stylejax.labels import Label
from stylejax.retrieval.evaluation.evaluate import (
    DIRECTIONS,
    evaluate_splits,
    judge,
    worst_first,
)
from stylejax.retrieval.evaluation.truth import of_groups
from stylejax.retrieval.vectors import VectorSet


def vector_set(rows: int = 12, *, dim: int = 5, seed: int = 0) -> VectorSet:
    rng = np.random.default_rng(seed)
    vectors = {}
    for view in "mti":
        x = rng.normal(size=(rows, dim)).astype(np.float32)
        vectors[view] = x / np.linalg.norm(x, axis=1, keepdims=True)
    present = {view: np.ones(rows, bool) for view in "mti"}
    return VectorSet([f"L{n}" for n in range(rows)], vectors, present)


GROUPS = ["a", "a", "a", "b", "b", "b", "c", "c", "c", "d", "d", "e"]
CATEGORIES = ["x"] * 6 + ["y"] * 6
EVERY = np.arange(12)


def evaluate(vectors, groups, categories, queries, gallery, **given) -> dict[str, Any]:
    truth = of_groups(groups, queries, gallery)
    return judge(vectors, vectors, truth, groups, {"category": categories}, **given).metrics


def slow_recall(vectors, query_view, target_view, queries, gallery) -> tuple[float, int]:
    """Share of queries whose nearest other listing sells the same product."""
    hits = []
    for query in queries:
        if not vectors.present[query_view][query]:
            continue
        others = [g for g in gallery if g != query and vectors.present[target_view][g]]
        if not any(GROUPS[g] == GROUPS[query] for g in others):
            continue
        scores = [
            vectors.vectors[query_view][query] @ vectors.vectors[target_view][g] for g in others
        ]
        hits.append(GROUPS[others[int(np.argmax(scores))]] == GROUPS[query])
    return float(np.mean(hits)), len(hits)


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("split", [False, True])
def test_all_nine_directions_are_those_of_the_loop(missing: bool, split: bool) -> None:
    vectors = vector_set()
    if missing:
        vectors.present["t"][[1, 4, 9]] = False
        vectors.present["i"][[0, 4]] = False
    queries, gallery = (EVERY[::3], np.setdiff1d(EVERY, EVERY[::3])) if split else (EVERY, EVERY)
    result = evaluate(vectors, GROUPS, CATEGORIES, queries, gallery)
    assert set(result["directions"]) == set(DIRECTIONS)
    assert len(DIRECTIONS) == 9
    for direction, values in result["directions"].items():
        recall, count = slow_recall(vectors, *direction.split("-"), queries, gallery)
        assert values["recall@1"] == pytest.approx(recall), direction
        assert values["queries"] == count
    assert (result["queries"], result["gallery"]) == (len(queries), len(gallery))


def test_a_perfect_encoder_scores_one() -> None:
    directions = np.eye(5, dtype=np.float32)
    x = directions[[ord(group) - ord("a") for group in GROUPS]]
    vectors = VectorSet(
        [f"{n}" for n in range(12)],
        {view: x for view in "mti"},
        {view: np.ones(12, bool) for view in "mti"},
    )
    result = evaluate(vectors, GROUPS, CATEGORIES, EVERY, EVERY)
    for values in result["directions"].values():
        assert values["recall@1"] == values["map@r"] == values["ndcg@10"] == 1.0
        assert values["queries"] == 11  # e has no other listing


def test_categories_are_those_of_the_query_and_add_up() -> None:
    vectors = vector_set()
    result = evaluate(vectors, GROUPS, CATEGORIES, EVERY, EVERY, directions=("m-m", "t-i"))
    assert list(result["breakdowns"]["category"]) == ["x", "y"]
    for direction in ("m-m", "t-i"):
        parts = [result["breakdowns"]["category"][name][direction] for name in "xy"]
        assert [part["queries"] for part in parts] == [6, 5]
        mean = sum(part["mrr"] * part["queries"] for part in parts) / 11
        assert result["directions"][direction]["mrr"] == pytest.approx(mean)


def test_a_direction_without_any_query_is_empty() -> None:
    vectors = vector_set()
    vectors.present["t"][:] = False
    result = evaluate(vectors, GROUPS, CATEGORIES, EVERY, EVERY)
    assert result["directions"]["t-m"] == {"queries": 0}
    assert result["directions"]["m-t"] == {"queries": 0}
    assert result["directions"]["m-m"]["queries"] == 11


def test_an_export_of_some_views_is_judged_in_their_directions() -> None:
    vectors = vector_set()
    del vectors.vectors["t"], vectors.present["t"]
    result = evaluate(vectors, GROUPS, CATEGORIES, EVERY, EVERY)
    assert set(result["directions"]) == {"m-m", "m-i", "i-m", "i-i"}


# ---- Splits


def labels(splits: list[str]) -> dict[str, Label]:
    return {
        f"L{n}": Label(group, category, split)
        for n, (group, category, split) in enumerate(zip(GROUPS, CATEGORIES, splits, strict=True))
    }


def test_the_same_split_leaves_one_out_and_others_do_not() -> None:
    splits = ["val", "train", "train"] * 4
    result = evaluate_splits(vector_set(), labels(splits), "val", "train").metrics
    assert result["protocol"] == {"queries": "val", "gallery": "train", "leave_one_out": False}
    assert (result["queries"], result["gallery"]) == (4, 8)
    result = evaluate_splits(vector_set(), labels(splits), "train", "train").metrics
    assert result["protocol"]["leave_one_out"] is True
    expected = evaluate(
        vector_set(), GROUPS, CATEGORIES, *([np.flatnonzero(np.array(splits) == "train")] * 2)
    )
    assert result["directions"] == expected["directions"]


def test_what_does_not_fit_the_catalogue_is_named() -> None:
    known = labels(["val"] * 12)
    with pytest.raises(
        ConfigError, match=r"split 'train'; there are \['val'\].* --evaluation\.gallery-split"
    ):
        evaluate_splits(vector_set(), known, "val", "train")
    with pytest.raises(
        ConfigError, match=r"split 'test'; .* --evaluation\.query-split .*--queries"
    ):
        evaluate_splits(vector_set(), known, "test", "val")
    del known["L7"], known["L9"]
    with pytest.raises(ConfigError, match=r"2 exported listings .* the first 'L7'"):
        evaluate_splits(vector_set(), known, "val", "val")


# ---- Results


def test_categories_come_worst_first_and_equals_by_name() -> None:
    by_category = {
        "mugs": {"m-m": {"recall@1": 0.5, "queries": 2}},
        "bolts": {"m-m": {"recall@1": 0.25, "queries": 4}},
        "apples": {"m-m": {"recall@1": 0.5, "queries": 2}, "i-i": {"recall@1": 0.0}},
        "no query": {"m-m": {"queries": 0}},
        "no view": {"i-i": {"recall@1": 1.0, "queries": 1}},
    }
    names = [name for name, _ in worst_first(by_category)]
    assert names == ["no query", "no view", "bolts", "apples", "mugs"]
    assert dict(worst_first(by_category)) == by_category


def test_without_both_the_worst_are_by_one_view() -> None:
    by_category = {
        "mugs": {"i-i": {"recall@1": 0.75, "queries": 2}},
        "vases": {"i-i": {"recall@1": 0.25, "queries": 2}},
    }
    assert [name for name, _ in worst_first(by_category)] == ["vases", "mugs"]
    crossed = {name: {"t-i": values["i-i"]} for name, values in by_category.items()}
    assert [name for name, _ in worst_first(crossed)] == ["vases", "mugs"]
    assert worst_first({}) == []


def test_every_metric_has_an_interval_about_it() -> None:
    result = evaluate(vector_set(), GROUPS, CATEGORIES, EVERY, EVERY, directions=("m-m", "t-i"))
    assert set(result["intervals"]) == {"m-m", "t-i"}
    for direction, ends in result["intervals"].items():
        means = result["directions"][direction]
        assert set(ends) == set(means) - {"queries"}
        for name, (low, high) in ends.items():
            assert 0 <= low <= means[name] <= high <= 1
    alone = evaluate(vector_set(), [str(n) for n in range(12)], CATEGORIES, EVERY, EVERY)
    assert alone["intervals"] == {}  # no query has anything to find
