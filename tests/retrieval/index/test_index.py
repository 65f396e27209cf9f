"""Tests of stylejax/retrieval/index/index.py."""

import numpy as np
import pytest
from clustered import ids, slow_top_k, unit

from stylejax.config import ConfigError
from stylejax.retrieval.index.index import Index
from stylejax.retrieval.index.part import Part
from stylejax.retrieval.index.tree import Effort
from stylejax.retrieval.index.tuning import Tuning

VECTORS, QUERIES = unit(60), unit(6, seed=1)
PATHS = ["Home > Mugs", "Home > Mugs > Tall", "Tools > Bolts", ""] * 15


def index(*ends: int) -> Index:
    """The vectors in parts that end at these rows."""
    parts = [
        Part(ids(60)[start:end], PATHS[start:end], VECTORS[start:end])
        for start, end in zip((0, *ends), (*ends, 60), strict=True)
    ]
    return Index(parts, "m")


@pytest.mark.parametrize("ends", [(), (20,), (1, 2, 40)])
@pytest.mark.parametrize("k", [1, 7, 60, 99])
def test_parts_change_nothing(ends: tuple[int, ...], k: int) -> None:
    found, scores = index(*ends).search(QUERIES, k)
    assert found.shape == scores.shape == (6, min(k, 60))
    assert found.dtype == np.int64
    assert found.tolist() == slow_top_k(QUERIES, VECTORS, k)
    expected = np.take_along_axis(QUERIES @ VECTORS.T, found, axis=1)
    np.testing.assert_allclose(scores, expected, atol=1e-6)
    assert index(*ends).item_id == ids(60)


@pytest.mark.parametrize("ends", [(), (20,), (1, 2, 40)])
def test_vectors_are_taken_from_their_parts(ends: tuple[int, ...]) -> None:
    places = np.array([59, 0, 20, 20, 1, 39, 40, 19])
    assert np.array_equal(index(*ends).take(places), VECTORS[places])
    assert index(*ends).take(places[:0]).shape == (0, VECTORS.shape[1])


@pytest.mark.parametrize("ends", [(), (20,), (1, 2, 40)])
def test_a_category_is_searched_with_all_below_it(ends: tuple[int, ...]) -> None:
    whole = index(*ends)
    for path, rows in (
        ("Home > Mugs", [r for r in range(60) if r % 4 < 2]),
        ("home>mugs>tall", [r for r in range(60) if r % 4 == 1]),
        ("Tools", [r for r in range(60) if r % 4 == 2]),
    ):
        allowed = whole.in_category(path)
        assert np.flatnonzero(allowed).tolist() == rows
        found, _ = whole.search(QUERIES, 5, allowed)
        near = slow_top_k(QUERIES, VECTORS[rows], 5)
        assert found.tolist() == [[rows[n] for n in row] for row in near]
        everything, _ = whole.search(QUERIES, 99, allowed)
        assert everything.shape == (6, len(rows))


def test_an_empty_level_is_none() -> None:
    paths = ["Home > > Mugs", "Home>Mugs >", "Home", ">"]
    whole = Index([Part(ids(4), paths, VECTORS[:4])], "m")
    assert whole.in_category("home > mugs").tolist() == [True, True, False, False]
    assert whole.in_category(" > Home > ").tolist() == [True, True, True, False]
    for path in (">", " > > ", ""):
        with pytest.raises(ConfigError, match="no listing in category"):
            whole.in_category(path)


def test_a_category_that_is_not_there_is_told() -> None:
    with pytest.raises(ConfigError, match=r"no listing in category 'Mugs'; there are .*'Home > "):
        index().in_category("Mugs")


def test_recall_is_the_mean_over_trees() -> None:
    assert index(20).recall is None
    parts = [
        Part(ids(n), [""] * n, unit(n), None, Tuning(Effort(1, 1), recall, 9))
        for n, recall in ((10, 0.9), (30, 0.98))
    ]
    assert Index(parts, "m").recall == pytest.approx(0.96)


def test_nothing_to_search_is_refused() -> None:
    with pytest.raises(ConfigError, match="no listing has a vector of view 'i'"):
        Index([], "i")
