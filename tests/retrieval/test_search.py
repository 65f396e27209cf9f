"""Tests of stylejax/retrieval/search.py."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
import pytest
import tiny

from stylejax.batch import Products
from stylejax.config import ConfigError
from stylejax.origin import Origin
from stylejax.retrieval.index.index import Index
from stylejax.retrieval.index.part import Part
from stylejax.retrieval.search import Found, query_view, require_listed, search

ORIGIN = Origin("run", 5, "ab12", "ff00")


def unit(rows: int, seed: int) -> np.ndarray:
    x = np.random.default_rng(seed).normal(size=(rows, 6)).astype(np.float32)
    return x / np.linalg.norm(x, axis=1, keepdims=True)


class KnownEncoder:
    """Query n has the n-th of some vectors; what is padding must not be asked for."""

    origin = ORIGIN

    def __init__(self, vectors: np.ndarray):
        self.vectors = vectors
        self.views: list[str] = []

    def encode(
        self, batches: Iterable[tuple[np.ndarray, Products]], views: Iterable[str]
    ) -> Iterator:
        self.views += views
        for rows, _ in batches:
            present = np.ones(len(rows), bool)
            yield (
                rows,
                {view: self.vectors[rows] for view in self.views},
                {view: present for view in self.views},
            )


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
def test_every_query_gets_its_nearest_listings_ranked(top: int) -> None:
    queries, vectors = unit(5, seed=1), unit(9, seed=0)
    encoder = KnownEncoder(queries)
    batches = [(np.arange(4), tiny.products(4)), (np.arange(4, 5), tiny.products(4))]
    results = search(encoder, index(vectors), batches, "i", top)
    assert encoder.views == ["i"]
    assert len(results) == 5
    for query, found in zip(queries, results, strict=True):
        expected = slow_ranking(query, vectors, top)
        assert [(hit.rank, hit.item_id) for hit in found] == [
            (hit.rank, hit.item_id) for hit in expected
        ]
        scores = [hit.score for hit in expected]
        assert [hit.score for hit in found] == pytest.approx(scores, abs=1e-6)


def test_an_index_of_prefixes_is_searched_by_prefixes() -> None:
    queries, vectors = unit(3, seed=1), unit(9, seed=0)[:, :4]
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    found = search(
        KnownEncoder(queries), index(vectors), [(np.arange(3), tiny.products(4))], "m", 9
    )
    for query, hits in zip(queries[:, :4], found, strict=True):
        wanted = slow_ranking(query / np.linalg.norm(query), vectors, 9)
        assert [hit.item_id for hit in hits] == [hit.item_id for hit in wanted]
        np.testing.assert_allclose([h.score for h in hits], [h.score for h in wanted], atol=1e-6)


def test_an_index_of_another_checkpoint_is_refused() -> None:
    vectors = unit(3, seed=0)
    batches = [(np.arange(1), tiny.products(1))]
    for other in (replace(ORIGIN, step=4), replace(ORIGIN, config="cd34")):
        with pytest.raises(ConfigError, match=r"index is out of date.*export and index again"):
            search(KnownEncoder(vectors), index(vectors, other), batches, "m", 1)
    assert search(KnownEncoder(vectors), index(vectors, None), batches, "m", 1)  # not known


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
    queries, vectors = unit(3, seed=1), unit(9, seed=0)
    batches = [(np.arange(3), tiny.products(4))]
    for found in search(KnownEncoder(queries), index(vectors), batches, "i", 9, category="Tools"):
        assert sorted(hit.item_id for hit in found) == [f"item {n}" for n in (1, 3, 5, 7)]
    with pytest.raises(ConfigError, match="no listing in category 'Toys'"):
        search(KnownEncoder(queries), index(vectors), batches, "i", 9, category="Toys")
