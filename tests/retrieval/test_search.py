"""Tests of stylejax/retrieval/search.py."""

from dataclasses import replace

import numpy as np
import pytest

from stylejax.config import ConfigError
from stylejax.origin import Origin
from stylejax.retrieval.index.index import Index
from stylejax.retrieval.index.part import Part
from stylejax.retrieval.search import Found, nearest, query_view, require_listed

ORIGIN = Origin("run", 5, "ab12", "ff00")


def unit(rows: int, seed: int) -> np.ndarray:
    x = np.random.default_rng(seed).normal(size=(rows, 6)).astype(np.float32)
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def index(vectors: np.ndarray, origin: Origin | None = ORIGIN) -> Index:
    items = [f"item {n}" for n in range(len(vectors))]
    paths = ["Home", "Tools"] * len(items)
    part = Part(items, paths[: len(items)], vectors)
    return Index([part], "m", origin=origin)


def slow_ranking(query: np.ndarray, vectors: np.ndarray, top: int) -> list[Found]:
    scores = [float(query @ vector) for vector in vectors]
    order = sorted(range(len(vectors)), key=lambda n: -scores[n])[:top]
    return [Found(place + 1, f"item {n}", scores[n]) for place, n in enumerate(order)]


@pytest.mark.parametrize("top", [1, 4, 99])
def test_a_query_gets_its_nearest_listings_ranked(top: int) -> None:
    vectors = unit(9, seed=0)
    for query in unit(5, seed=1):
        found, expected = (
            nearest(index(vectors), ORIGIN, query, top),
            slow_ranking(query, vectors, top),
        )
        assert [(hit.rank, hit.item_id) for hit in found] == [
            (hit.rank, hit.item_id) for hit in expected
        ]
        scores = [hit.score for hit in expected]
        assert [hit.score for hit in found] == pytest.approx(scores, abs=1e-6)


def test_an_index_of_prefixes_is_searched_by_prefixes() -> None:
    vectors = unit(9, seed=0)[:, :4]
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    for query in unit(3, seed=1):
        hits = nearest(index(vectors), ORIGIN, query, 9)
        wanted = slow_ranking(query[:4] / np.linalg.norm(query[:4]), vectors, 9)
        assert [hit.item_id for hit in hits] == [hit.item_id for hit in wanted]
        np.testing.assert_allclose([h.score for h in hits], [h.score for h in wanted], atol=1e-6)


def test_an_index_of_another_checkpoint_is_refused() -> None:
    vectors = unit(3, seed=0)
    for other in (replace(ORIGIN, step=4), replace(ORIGIN, config="cd34")):
        with pytest.raises(ConfigError, match=r"index is out of date.*export and index again"):
            nearest(index(vectors, other), ORIGIN, vectors[0], 1)
    assert nearest(index(vectors, None), ORIGIN, vectors[0], 1)  # not known


@pytest.mark.parametrize(
    ("image", "words", "view"), [(True, True, "m"), (True, False, "i"), (False, True, "t")]
)
def test_a_query_is_read_by_what_it_has(image: bool, words: bool, view: str) -> None:
    assert query_view(image=image, words=words) == view


def test_an_empty_query_is_refused() -> None:
    with pytest.raises(ConfigError, match="nothing to search for"):
        query_view(image=False, words=False)


def test_a_listing_that_the_catalogue_lacks_is_named() -> None:
    found = [Found(1, "a", 0.9), Found(2, "b", 0.8), Found(3, "c", 0.7)]
    require_listed(found, {"a", "b", "c", "d"})
    with pytest.raises(ConfigError, match=r"the index holds 'b'.*--catalog"):
        require_listed(found, {"a", "c"})


def test_a_category_alone_is_searched() -> None:
    vectors = unit(9, seed=0)
    for query in unit(3, seed=1):
        found = nearest(index(vectors), ORIGIN, query, 9, category="Tools")
        assert sorted(hit.item_id for hit in found) == [f"item {n}" for n in (1, 3, 5, 7)]
    with pytest.raises(ConfigError, match="no listing in category 'Toys'"):
        nearest(index(vectors), ORIGIN, vectors[0], 9, category="Toys")
