"""Tests of stylejax/retrieval/report/clusters.py."""

import numpy as np
from clustered import unit

from stylejax.labels import Card
from stylejax.retrieval.album import Album
from stylejax.retrieval.report.clusters import SHOWN, TILES, clusters, first_neighbours
from stylejax.retrieval.vectors import VectorSet


def at(*degrees: float) -> VectorSet:
    """Vectors in the plane."""
    angle = np.radians(degrees)
    x = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
    ids = [f"L{n}" for n in range(len(degrees))]
    return VectorSet(ids, {"m": x}, {"m": np.ones(len(degrees), bool)})


def slow_clusters(x: np.ndarray) -> set[frozenset[int]]:
    """Merges the clusters of a listing and its nearest until nothing changes."""
    scores = x @ x.T
    np.fill_diagonal(scores, -np.inf)
    cluster = {n: {n} for n in range(len(x))}
    for n in range(len(x)):
        joined = cluster[n] | cluster[int(scores[n].argmax())]
        for member in joined:
            cluster[member] = joined
    return {frozenset(members) for members in cluster.values()}


def test_a_listing_is_with_its_nearest() -> None:
    for seed in range(5):
        x = unit(60, 5, seed)
        vectors = VectorSet([str(n) for n in range(60)], {"m": x}, {"m": np.ones(60, bool)})
        number = first_neighbours(vectors, np.arange(60))
        found = {frozenset(np.flatnonzero(number == n).tolist()) for n in set(number.tolist())}
        assert found == slow_clusters(x)


def test_pure_and_mixed_are_told_apart() -> None:
    vectors = at(0, 1, 50, 51, 52.5, 120, 121)
    groups = ["a", "a", "b", "b", "c", "d", "d"]
    cards = [Card(item, item, "", None) for item in vectors.item_id]
    found = clusters(vectors, range(7), groups, cards, Album())
    assert found is not None
    assert (found.listings, found.count, found.pure) == (7, 3, 2)
    (mixed,) = found.mixed_shown
    assert [(one.card.item_id, one.product) for one in mixed] == [("L2", 0), ("L3", 0), ("L4", 1)]
    assert {len(members) for members in found.pure_shown} == {2}


def test_no_product_hides_behind_the_commonest() -> None:
    vectors = at(*np.linspace(0, 1, 30))
    groups = ["common"] * 27 + ["rare"] * 3
    cards = [Card(item, item, "", None) for item in vectors.item_id]
    found = clusters(vectors, range(30), groups, cards, Album())
    assert found is not None
    for members in found.mixed_shown:
        assert len(members) <= TILES
        assert {one.product for one in members} == {0, 1}


def test_only_some_are_shown_and_the_same_ones_again() -> None:
    vectors = at(*[n * 8 + k for n in range(20) for k in (0, 1)])
    groups = [str(n // 2) for n in range(40)]
    cards = [Card(item, item, "", None) for item in vectors.item_id]
    first, again = (clusters(vectors, range(40), groups, cards, Album()) for _ in range(2))
    assert first == again
    assert first is not None
    assert (first.count, first.pure, len(first.pure_shown)) == (20, 20, SHOWN)
    assert clusters(vectors, [4], groups, cards, Album()) is None
