"""Tests of stylejax/retrieval/index/tuning.py."""

from types import SimpleNamespace

import numpy as np
import pytest
from clustered import clustered
from hypothesis import given
from hypothesis import strategies as st

from stylejax.retrieval.index import tuning
from stylejax.retrieval.index.tree import Effort, ScannTree, scann_is_here
from stylejax.retrieval.index.tuning import RESCORED, _fewest, tuned

needs_scann = pytest.mark.skipif(
    not scann_is_here(), reason="ScaNN is not installed; it has wheels for Linux on x86-64 only"
)


@needs_scann
def test_the_recall_that_is_wanted_is_reached_and_no_more_is_done() -> None:
    vectors = clustered(8_000)
    tree = ScannTree.build(vectors)
    own = np.arange(0, 8_000, 40)
    low, high = (tuned(tree, vectors, vectors[own], own, recall) for recall in (0.7, 0.97))
    assert low.queries == high.queries == 100
    assert low.recall > 0.6
    assert high.recall > 0.93
    assert low.effort.leaves < high.effort.leaves

    def hits(effort) -> float:
        found = tree.search(vectors[own[1::2]], 11, effort)[0]
        true = np.argsort(-(vectors[own[1::2]] @ vectors.T), axis=1)[:, 1:11]
        return float(np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found, true, strict=True)]))

    assert high.recall == pytest.approx(hits(high.effort), abs=0.02)


@needs_scann
def test_where_nothing_reaches_it_the_largest_effort_is_taken() -> None:
    vectors = clustered(2_000)
    tree = ScannTree.build(vectors)
    strange = np.full(40, -1)

    class Blind(ScannTree):
        def search(self, queries, k, effort):
            return np.zeros((len(queries), k), np.int64), np.zeros((len(queries), k), np.float32)

    blind = Blind(None, 2_000, tree.leaves)
    found = tuned(blind, vectors, clustered(40, seed=3), strange, 0.9)
    assert (found.effort.leaves, found.effort.rescored) == (tree.leaves, RESCORED[-1])
    assert found.recall < 0.2


def test_efforts_without_a_chance_are_not_searched_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """What rescores few costs the most to search for: it begins where what rescores more ended."""
    asked: list[Effort] = []
    seconds = 0.0
    clock = SimpleNamespace(perf_counter=lambda: seconds)
    monkeypatch.setattr(tuning, "time", clock)

    class Counting(ScannTree):
        def search(self, queries, k, effort):
            nonlocal seconds
            asked.append(effort)
            seconds += effort.leaves + 0.1 * effort.rescored
            enough = effort.leaves * effort.rescored >= 4_000
            rows = np.arange(k) if enough else np.full(k, -1)
            return np.tile(rows, (len(queries), 1)), np.zeros((len(queries), k), np.float32)

    vectors = np.zeros((500, 4), np.float32)  # all are equal: the first are the nearest
    found = tuned(Counting(None, 500, 300), vectors, vectors[:20], np.full(20, -1), 0.9)
    assert (found.effort.rescored, found.recall) == (200, 1.0)
    assert 20 <= found.effort.leaves <= 22
    assert min(effort.rescored for effort in asked) >= 70  # thrice the time of the best
    leaves = {r: max(e.leaves for e in asked if e.rescored == r) for r in (800, 400, 200)}
    assert leaves == {800: 8, 400: 10, 200: 20}


def test_a_sample_that_just_reaches_it_is_not_enough() -> None:
    """With few leaves half of the queries find 8 of 10, the others all: .9, by luck or not."""

    class Uneven(ScannTree):
        def search(self, queries, k, effort):
            rows = np.tile(np.arange(k), (len(queries), 1))
            if effort.leaves < 10:
                rows[::2, 8:] = -1
            return rows, np.zeros((len(queries), k), np.float32)

    vectors, own = np.zeros((500, 4), np.float32), np.full(40, -1)
    found = tuned(Uneven(None, 500, 300), vectors, vectors[:40], own, 0.9)
    assert found.effort.leaves == 10
    assert tuned(Uneven(None, 500, 300), vectors, vectors[:40], own, 0.87).effort.leaves == 1


@given(most=st.integers(1, 3000), least=st.integers(1, 3000), begin=st.integers(1, 3000))
def test_the_fewest_is_found_with_few_questions(most: int, least: int, begin: int) -> None:
    asked: list[int] = []

    def enough(number: int) -> bool:
        asked.append(number)
        return number >= least

    begin = min(begin, most)
    found = _fewest(most, enough, begin)
    least = max(least, begin)
    assert min(asked) >= begin
    if least > most:
        assert found is None
    else:
        assert found is not None
        assert least <= found <= max(least, least * 1.07 + 1)
        assert found <= most
    assert len(asked) < 30
    assert max(asked) <= most
