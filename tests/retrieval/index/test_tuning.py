"""Tests of stylejax/retrieval/index/tuning.py."""

import numpy as np
import pytest
from clustered import clustered
from hypothesis import given
from hypothesis import strategies as st

from stylejax.retrieval.index.tree import ScannTree, scann_is_here
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


@given(most=st.integers(1, 3000), least=st.integers(1, 3000))
def test_the_fewest_is_found_with_few_questions(most: int, least: int) -> None:
    asked: list[int] = []

    def enough(number: int) -> bool:
        asked.append(number)
        return number >= least

    found = _fewest(most, enough)
    if least > most:
        assert found is None
    else:
        assert found is not None
        assert least <= found <= max(least, least * 1.07 + 1)
        assert found <= most
    assert len(asked) < 30
    assert max(asked) <= most
