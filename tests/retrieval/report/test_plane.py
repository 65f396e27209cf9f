"""Tests of stylejax/retrieval/report/plane.py."""

import numpy as np
import pytest
from clustered import unit
from hypothesis import given
from hypothesis import strategies as st

from stylejax.labels import Card, Label
from stylejax.retrieval.album import Album
from stylejax.retrieval.report.plane import COLOURS, TILES, Plane, cells, laid_out, plane
from stylejax.retrieval.vectors import VectorSet


def made(rows: int, categories: int = 3) -> Plane | None:
    category = np.arange(rows) % categories
    x = unit(categories, 12)[category] + 0.1 * unit(rows, 12, seed=1)
    x = (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)
    vectors = VectorSet([f"L{n}" for n in range(rows)], {"m": x}, {"m": np.arange(rows) % 50 != 7})
    known = [Label(str(n), f"category {c}", "test") for n, c in enumerate(category)]
    cards = [Card(f"L{n}", "", "", None) for n in range(rows)]
    return plane(vectors, range(rows), cards, known, Album())


@given(st.integers(1, 80), st.integers(0, 5))
def test_every_point_has_a_cell_of_its_own(count: int, seed: int) -> None:
    points = np.random.default_rng(seed).normal(size=(count, 2)).astype(np.float32)
    found = cells(points)
    assert len({tuple(cell) for cell in found.tolist()}) == count
    assert found.min() >= 0
    assert found.max() < np.ceil(np.sqrt(1.6 * count))


def test_points_at_one_place_lie_about_it() -> None:
    found = cells(np.zeros((9, 2), np.float32))
    assert len({tuple(cell) for cell in found.tolist()}) == 9
    assert found.max() <= 3


def test_like_lies_by_like() -> None:
    found = made(90)
    assert found is not None
    places = np.array([(tile.column, tile.row) for tile in found.tiles], float)
    colours = np.array([tile.colour for tile in found.tiles])
    apart = np.abs(places[:, None] - places[None]).sum(-1)
    np.fill_diagonal(apart, np.inf)
    beside = colours[apart.argmin(axis=1)] == colours
    assert beside.mean() > 0.9  # a third, were they strewn
    assert found.side > places.max()


def test_the_commonest_categories_have_colours() -> None:
    found = made(60, categories=COLOURS + 2)
    assert found is not None
    assert len(found.categories) == COLOURS
    assert {tile.colour for tile in found.tiles} == set(range(COLOURS + 1))


def test_only_so_many_are_shown_and_only_those_that_have_a_vector() -> None:
    found = made(TILES + 60)
    assert found is not None
    assert len(found.tiles) == TILES
    few = made(50)
    assert few is not None
    assert len(few.tiles) == 49
    assert made(8) is None


def test_it_is_the_same_again() -> None:
    x = unit(40, 6)
    assert laid_out(x) == pytest.approx(laid_out(x), abs=0)
