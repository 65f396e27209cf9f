"""Tests of stylejax/retrieval/evaluation/ranks.py against sorting, and against chance."""

import dataclasses

import numpy as np
import pytest
from clustered import unit
from hypothesis import given
from hypothesis import strategies as st

from stylejax.config import ConfigError
from stylejax.retrieval.evaluation import ranks as module
from stylejax.retrieval.evaluation.ranks import Ranks, rank_right
from stylejax.retrieval.evaluation.scores import scores_of
from stylejax.retrieval.evaluation.truth import Truth, of_groups
from stylejax.retrieval.vectors import VectorSet


def one_view(x: np.ndarray) -> VectorSet:
    return VectorSet([f"L{n}" for n in range(len(x))], {"m": x}, {"m": np.ones(len(x), bool)})


def answers(ranks: Ranks) -> dict[int, dict[int, int]]:
    """Query number -> gallery number of each right answer -> its rank."""
    return {
        int(query): dict(
            zip(ranks.found[first:last].tolist(), ranks.rank[first:last].tolist(), strict=True)
        )
        for query, first, last in zip(ranks.query, ranks.starts[:-1], ranks.starts[1:], strict=True)
    }


def slow_ranks(vectors: VectorSet, direction: str, groups, queries, gallery) -> dict:
    """Sorts the gallery for every query."""
    ask, answer = direction.split("-")
    found = {}
    for number, query in enumerate(queries):
        if not vectors.present[ask][query]:
            continue
        others = [
            (place, row)
            for place, row in enumerate(gallery)
            if row != query and vectors.present[answer][row]
        ]
        vector = vectors.vectors[ask][query].astype(float)
        others.sort(key=lambda one: -float(vector @ vectors.vectors[answer][one[1]].astype(float)))
        right = {
            place: rank
            for rank, (place, row) in enumerate(others, 1)
            if groups[row] == groups[query]
        }
        if right:
            found[number] = right
    return found


@given(seed=st.integers(0, 1000), split=st.booleans(), blocks=st.booleans())
def test_ranks_are_those_of_sorting_by_cosine(seed: int, split: bool, blocks: bool) -> None:
    rng = np.random.default_rng(seed)
    vectors = VectorSet(
        [f"L{n}" for n in range(32)],
        {view: unit(32, 6, seed + n) for n, view in enumerate("mt")},
        {"m": np.ones(32, bool), "t": rng.random(32) < 0.8},
    )
    groups = [f"P{n}" for n in rng.integers(0, 8, 32)]
    every = np.arange(32)
    queries, gallery = (every[::3], np.setdiff1d(every, every[::3])) if split else (every, every)
    truth = of_groups(groups, queries, gallery)
    with pytest.MonkeyPatch.context() as patch:
        if blocks:
            patch.setattr(module, "QUERIES", 5)
            patch.setattr(module, "COLUMNS", 7)
        for direction in ("m-m", "m-t", "t-m", "t-t"):
            ranks = rank_right(vectors, vectors, direction, truth)
            assert answers(ranks) == slow_ranks(vectors, direction, groups, queries, gallery)
            first, last = ranks.starts[:-1], ranks.starts[1:]
            for a, b in zip(first, last, strict=True):
                assert np.all(np.diff(ranks.rank[a:b]) > 0)
            ask, answer = direction.split("-")
            for number, right in answers(ranks).items():
                for place, rank in right.items():
                    at = np.flatnonzero((ranks.found == place) & (ranks.rank == rank))
                    query = vectors.vectors[ask][truth.queries[number]]
                    expected = query @ vectors.vectors[answer][truth.gallery[place]]
                    assert np.isclose(ranks.score[at], expected, atol=1e-6).any()


def test_the_query_itself_is_left_out() -> None:
    x = np.eye(3, dtype=np.float32)
    truth = of_groups(["a", "a", "b"], np.arange(3), np.arange(3))
    # Listing 2 has no other listing of its product.
    assert answers(rank_right(one_view(x), one_view(x), "m-m", truth)).keys() == {0, 1}
    for right in answers(rank_right(one_view(x), one_view(x), "m-m", truth)).values():
        assert set(right.values()) <= {1, 2}
    itself = Truth(
        truth.queries, truth.gallery, np.full(3, -1), np.arange(3), np.arange(3), np.ones(3)
    )
    found = answers(rank_right(one_view(x), one_view(x), "m-m", itself))
    assert [right[n] for n, right in found.items()] == [1, 1, 1]  # when it is not left out


@pytest.mark.parametrize("rows", [100, 1200])  # within one block of queries, and in five
@pytest.mark.parametrize("drawn", [False, True])
def test_a_constant_encoder_scores_what_chance_scores(rows: int, drawn: bool) -> None:
    """The same drawn vector for all: its products round in blocks as they may."""
    one = unit(1, 24, seed=5) if drawn else np.full((1, 4), 0.5, np.float32)
    same = one_view(np.repeat(one, rows, axis=0))
    truth = of_groups([str(n // 10) for n in range(rows)], np.arange(rows), np.arange(rows))
    scores = scores_of(rank_right(same, same, "m-m", truth), truth).mean()
    assert scores["queries"] == rows
    # One random order serves all queries: the listing in front is right for its own product only.
    chance = 9 / (rows - 1)
    assert scores["recall@1"] == pytest.approx(chance, abs=0.012)
    assert scores["map@r"] < chance + 0.02


def test_ties_follow_the_seed_and_not_the_order_of_the_gallery() -> None:
    same, one = (one_view(np.full((n, 4), 0.5, np.float32)) for n in (40, 1))
    first_of = []
    for wanted in range(40):
        truth = Truth(
            np.zeros(1, int),
            np.arange(40),
            np.full(1, -1),
            np.zeros(1, int),
            np.array([wanted]),
            np.ones(1),
        )
        first_of.append(int(rank_right(one, same, "m-m", truth, seed=3).rank[0]))
    assert sorted(first_of) == list(range(1, 41))
    assert first_of != list(range(1, 41))


def test_cosines_that_differ_by_rounding_are_equal() -> None:
    """Two right answers and a wrong one within a millionth of each other: three different ranks."""
    x = np.zeros((4, 2), np.float32)
    x[:, 0] = [1, 1, 1 - 3e-7, 1 - 6e-7]
    truth = of_groups(["a", "a", "b", "a"], np.array([0]), np.arange(4))
    seen = set()
    for seed in range(30):
        ranks = rank_right(one_view(x), one_view(x), "m-m", truth, seed=seed)
        assert len(set(ranks.rank.tolist())) == 2
        seen.add(tuple(ranks.rank.tolist()))
    assert seen == {(1, 2), (1, 3), (2, 3)}


def test_wrong_answers_are_counted_by_cosine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DRAWN", 12)
    x = unit(60, 5)
    groups = [str(n // 3) for n in range(60)]
    truth = of_groups(groups, np.arange(60), np.arange(60))
    ranks = rank_right(one_view(x), one_view(x), "m-m", truth)
    assert ranks.drawn.sum() == 12
    expected = np.zeros(module.BINS, int)
    for query in ranks.query[ranks.drawn]:
        for row in range(60):
            if groups[row] != groups[query]:
                at = (float(x[query] @ x[row]) + 1) / 2 * module.BINS
                expected[min(int(at), module.BINS - 1)] += 1
    assert ranks.wrong.sum() == expected.sum() == 12 * 57
    # A product at the edge of a bin may round to either side.
    assert np.abs(np.cumsum(ranks.wrong) - np.cumsum(expected)).max() <= 1


def test_nobody_finds_anything() -> None:
    x = one_view(unit(4, 3))
    ranks = rank_right(x, x, "m-m", of_groups(["a", "b", "c", "d"], np.arange(4), np.arange(4)))
    assert (len(ranks.query), ranks.starts.tolist(), len(ranks.rank)) == (0, [0], 0)
    absent = dataclasses.replace(x, present={"m": np.zeros(4, bool)})
    truth = of_groups(["a"] * 4, np.arange(4), np.arange(4))
    assert len(rank_right(absent, absent, "m-m", truth).query) == 0


@pytest.mark.parametrize("same", [False, True])
def test_many_right_answers_are_counted_as_few_are(
    same: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = unit(90, 4, 3)[np.zeros(90, int) if same else np.arange(90)]
    truth = of_groups([str(n % 3) for n in range(90)], np.arange(90), np.arange(90))
    one_by_one = rank_right(one_view(x), one_view(x), "m-m", truth)
    monkeypatch.setattr(module, "MANY", 5)
    sorted_once = rank_right(one_view(x), one_view(x), "m-m", truth)
    assert np.array_equal(one_by_one.rank, sorted_once.rank)
    assert len(set(np.diff(one_by_one.starts).tolist())) == 1


@pytest.mark.parametrize("row", [2, 7])  # of the gallery alone, and a query too
def test_vectors_that_are_no_numbers_are_refused_by_name(row: int) -> None:
    x = unit(9, 4)
    x[row, 1] = np.nan
    truth = of_groups(["a"] * 9, np.array([7, 8]), np.arange(9))
    with pytest.raises(ConfigError, match=f"1 vectors of view m .* the first that of 'L{row}'"):
        rank_right(one_view(x), one_view(x), "m-m", truth)
