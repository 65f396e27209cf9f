"""Tests of stylejax/retrieval/duplicates/neighbours.py."""

import numpy as np
import pytest
from clustered import unit
from duplicate_listings import products, score_matrix, space_of

from stylejax.retrieval.duplicates import neighbours as module
from stylejax.retrieval.duplicates.neighbours import neighbours


def slow(vectors: np.ndarray, k: int, cell: np.ndarray | None = None) -> list[list[int]]:
    cosine = vectors @ vectors.T
    found = []
    for n in range(len(vectors)):
        others = [
            m for m in range(len(vectors)) if m != n and (cell is None or cell[m] == cell[n] >= 0)
        ]
        found.append(sorted(others, key=lambda m: -float(cosine[n, m]))[:k])
    return found


@pytest.mark.parametrize("parts", [1, 3])
def test_they_are_the_nearest_others(parts: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", 7)
    vectors = unit(40, seed=1)
    near = neighbours(space_of(vectors, parts=parts), 5, local=3)
    assert near.found.tolist() == slow(vectors, 5)
    crowding = np.sort(vectors @ vectors.T, axis=1)[:, -4:-1].mean(axis=1)
    np.testing.assert_allclose(near.crowding, crowding, atol=1e-6)


@pytest.mark.parametrize("small", [1_024, 3])
def test_within_cells(small: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Crowding is of the whole catalogue; the last cell is none."""
    monkeypatch.setattr(module, "SMALL", small)
    vectors = unit(40, seed=2)
    cell = np.arange(40) % 5 - 1
    near = neighbours(space_of(vectors), 9, local=4, cell=cell)
    found = [[m for m in row if m >= 0] for row in near.found.tolist()]
    assert found == slow(vectors, 9, cell)
    np.testing.assert_array_equal(near.crowding, neighbours(space_of(vectors), 1, local=4).crowding)


def test_pairs_have_the_score_of_the_floor_or_more() -> None:
    vectors, _ = products(6, 4)
    near = neighbours(space_of(vectors), 23, local=5)
    scores = score_matrix(vectors, near.crowding)
    left, right = near.pairs(0.05)
    expected = {(a, b) for a, b in np.argwhere(scores >= 0.05).tolist() if a != b}
    assert set(zip(left.tolist(), right.tolist(), strict=True)) == expected
    assert len(left) == len(expected)


def test_without_crowding_the_score_is_the_cosine() -> None:
    vectors = unit(10)
    near = neighbours(space_of(vectors), 3, local=0)
    np.testing.assert_array_equal(near.scores(np.arange(10)), near.cosine)


def test_a_listing_is_never_its_own_neighbour() -> None:
    """Not even among more equal ones than are asked for."""
    vectors = np.repeat(unit(1), 30, axis=0)
    near = neighbours(space_of(vectors), 4, local=2)
    assert not (near.found == np.arange(30)[:, None]).any()
    np.testing.assert_allclose(near.cosine, 1, atol=1e-6)


def test_few_listings_have_few_neighbours() -> None:
    assert neighbours(space_of(unit(3)), 20, local=10).found.shape == (3, 2)
    assert neighbours(space_of(unit(1)), 20, local=10).pairs(-2.0)[0].tolist() == []
