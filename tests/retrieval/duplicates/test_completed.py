"""Tests of stylejax/retrieval/duplicates/completed.py."""

import numpy as np
import pytest
from duplicate_listings import products, space_of

from stylejax.retrieval.duplicates import completed as module
from stylejax.retrieval.duplicates.completed import completed, mutual
from stylejax.retrieval.duplicates.neighbours import Neighbours, neighbours


def exact(k: int = 4) -> tuple[Neighbours, np.ndarray]:
    vectors, _ = products(20, 5, spread=0.1)
    return neighbours(space_of(vectors), k, local=0), vectors


def test_exact_neighbours_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RANGE", 7)
    near, vectors = exact(9)
    for found, cosine in (
        mutual(near.found, near.cosine),
        completed(space_of(vectors), near.found, near.cosine),
    ):
        np.testing.assert_array_equal(found, near.found)
        np.testing.assert_array_equal(cosine, near.cosine)


def test_what_a_search_has_missed_is_known_from_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One listing has found strangers only, and two of its product have missed it."""
    monkeypatch.setattr(module, "NUMBERS", 1)  # one listing at a time
    near, vectors = exact()
    missed, value = near.found.copy(), near.cosine.copy()
    missed[6], value[6] = [99, 98, -1, -1], [-0.5, -0.6, -np.inf, -np.inf]
    for me in (7, 8):
        kept = missed[me] != 6
        missed[me] = [*missed[me][kept], 50]
        value[me] = [*value[me][kept], vectors[50] @ vectors[me]]
    found, cosine = completed(space_of(vectors), missed, value)
    np.testing.assert_array_equal(found, near.found)
    np.testing.assert_allclose(cosine, near.cosine, atol=1e-6)


def test_of_many_finders_the_nearest_count() -> None:
    """All have found listing 0, which has found one of them."""
    missed = np.array([[4], [0], [0], [0], [0]], np.int32)
    value = np.array([[0.1], [0.5], [0.9], [0.7], [0.1]], np.float32)
    found, cosine = mutual(missed, value)
    assert found[0].tolist() == [2]
    assert cosine[0] == pytest.approx(0.9)
