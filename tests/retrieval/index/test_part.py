"""Tests of stylejax/retrieval/index/part.py."""

import numpy as np
import pytest
from clustered import clustered, ids

from stylejax.retrieval.index import part as module
from stylejax.retrieval.index.part import Part
from stylejax.retrieval.index.tree import Effort, ScannTree
from stylejax.retrieval.index.tuning import Tuning

VECTORS = clustered(3_000)
QUERIES = clustered(20, seed=7)


class ExactTree(ScannTree):
    """What a tree would be that looks at everything; it tells how much it was asked for."""

    def __init__(self) -> None:
        super().__init__(None, len(VECTORS), 50)
        self.asked: list[int] = []

    def search(self, queries, k, effort):
        self.asked.append(k)
        products = queries @ VECTORS.T
        best = np.argsort(-products, axis=1, kind="stable")[:, :k]
        return best, np.take_along_axis(products, best, axis=1)


def part(tree: ScannTree | None = None) -> Part:
    tuning = Tuning(Effort(3, 100), 0.96, 100) if tree else None
    return Part(ids(3_000), [""] * 3_000, VECTORS, tree, tuning)


def allowed_best(allowed: np.ndarray, k: int) -> np.ndarray:
    products = np.where(allowed, QUERIES @ VECTORS.T, -np.inf)
    return np.argsort(-products, axis=1, kind="stable")[:, :k]


@pytest.mark.parametrize("share", [0.001, 0.05, 0.4, 0.9, 1.0])
@pytest.mark.parametrize("with_tree", [False, True])
def test_only_what_is_allowed_is_found(
    monkeypatch: pytest.MonkeyPatch, share: float, with_tree: bool
) -> None:
    monkeypatch.setattr(module, "FEW", 40)
    tree = ExactTree() if with_tree else None
    allowed = np.zeros(3_000, bool)
    allowed[np.random.default_rng(0).permutation(3_000)[: round(3_000 * share)]] = True
    k = 10
    found, scores = part(tree).search(QUERIES, k, allowed)
    there = min(k, int(allowed.sum()))
    assert np.array_equal(found[:, :there], allowed_best(allowed, there))
    assert (found[:, there:] == -1).all()
    assert np.isneginf(scores[:, there:]).all()
    if tree is not None and share >= 0.4:
        assert tree.asked[0] < 100  # no more than it takes
    if tree is not None and share < 0.01:
        assert not tree.asked  # few: they are searched themselves


def test_where_the_allowed_are_far_away_the_tree_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The farthest half alone may be found: no list of the nearest holds any of them."""
    monkeypatch.setattr(module, "FEW", 40)
    tree = ExactTree()
    products = QUERIES[:1] @ VECTORS.T
    allowed = np.zeros(3_000, bool)
    allowed[np.argsort(products[0])[:1_500]] = True
    found, _ = part(tree).search(QUERIES[:1], 5, allowed)
    assert np.array_equal(found, allowed_best(allowed, 5)[:1])
    assert tree.asked == sorted(tree.asked)
    assert max(tree.asked) < 1_500


def test_few_vectors_have_no_tree_and_all_are_found() -> None:
    found, scores = part().search(QUERIES, 4)
    assert np.array_equal(found, allowed_best(np.ones(3_000, bool), 4))
    assert (np.diff(scores, axis=1) <= 0).all()
    few = Part(ids(3), [""] * 3, VECTORS[:3])
    found, scores = few.search(QUERIES, 5)
    assert sorted(found[0].tolist()) == [-1, -1, 0, 1, 2]
    nothing, _ = few.search(QUERIES, 2, np.zeros(3, bool))
    assert (nothing == -1).all()
