"""Search: batches of queries to the nearest listings of an index, in few compiled shapes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
from jaxtyping import Bool, Float32
from numpy.typing import NDArray

from stylejax.config import ConfigError
from stylejax.retrieval.composition import SAID, Parts, compose
from stylejax.retrieval.encoding import Encoder
from stylejax.retrieval.index.index import Index, category_key, category_levels
from stylejax.retrieval.query import INDEXED, Query, QueryReader, encoded_parts

STEP = 4  # each shape of a batch has so many times the rows of the one before
MASKS = 64  # categories whose listings are kept at hand; a byte a listing each


@dataclass(frozen=True)
class Found:
    """One listing that a query found."""

    rank: int  # 1 = best
    item_id: str
    score: float  # cosine of query and listing


class Searcher:
    """Answers batches of queries; used by one thread at a time."""

    def __init__(
        self,
        encoder: Encoder,
        index: Index,
        reader: QueryReader,
        *,
        batch: int,
        most: int,
        multiple: int = 1,
    ):
        """Takes what it asks.

        Args:
          encoder: the one that made the index.
          index: of any view, searched by every query.
          reader: photos and words as the encoder reads them.
          batch: queries at a time, at most.
          most: listings of an answer, at most.
          multiple: rows of a batch have to divide by this, the number of devices.

        Raises:
          ConfigError: when another checkpoint than the encoder's made the index.
        """
        if index.origin is not None:
            fix = "export and index again"
            index.origin.require(encoder.origin, "the index is out of date", fix)
        self.index, self.reader, self.batch, self.most = index, reader, batch, most
        self._encoder = encoder
        self._shapes = sorted({_divisible(n, multiple) for n in _growing(batch)})
        # One more than anybody gets: a listing is not shown as like itself.
        self._k = min(most + 1, len(index))
        self._inside = lru_cache(MASKS)(index.in_category)

    @cached_property
    def categories(self) -> dict[str, int]:
        """Listings of each category and of what lies below it, by path, in the order of paths."""
        return {path: sum(counts) for path, counts in self._counts.items()}

    @cached_property
    def _counts(self) -> dict[str, list[int]]:
        """Likewise, in each part of the index."""
        return _counts(self.index)

    @cached_property
    def _known(self) -> set[tuple[str, ...]]:
        return {category_key(path) for path in self.categories}

    @cached_property
    def _place(self) -> dict[str, int]:
        return {item: place for place, item in enumerate(self.index.item_id)}

    def __contains__(self, item_id: str) -> bool:
        """Whether a listing is indexed."""
        return item_id in self._place

    def has_category(self, path: str) -> bool:
        """Whether any indexed listing lies in a category or below it."""
        return category_key(path) in self._known

    def warm(self) -> Iterator[tuple[int, int]]:
        """Compiles all that a query may need; yields how many of how many are done."""
        photo = self.reader.picture(_WHITE)
        said = Query(said=("words",), without="words")
        queries = [replace(said, image=photo), replace(said, image=photo, method="joint"), said]
        work: list[list[Query]] = [
            [query] * min(rows, self.batch) for query in queries for rows in self._shapes
        ]
        work += [[Query(like=self.index.item_id[0], category=c)] for c in self._of_all_sizes()]
        for done, batch in enumerate(work, 1):
            self.answer(batch[0].lane, batch)
            yield done, len(work)

    def _of_all_sizes(self) -> list[str]:
        """Some categories, which are searched by all programs that any is searched by."""
        chosen: list[str] = []
        known: set[int] = set()
        for path, counts in self._counts.items():
            programs = self.index.programs(counts) if sum(counts) >= self._k else set()
            if not programs <= known:
                chosen.append(path)
                known |= programs
        return chosen

    def answer(self, lane: str, queries: Sequence[Query]) -> list[list[Found]]:
        """The nearest listings of each query, best first.

        Args:
          lane: of all of them, see `Query.lane`.
          queries: at most `batch`.

        Returns:
          Of each as many as it wants, or `most`.

        Raises:
          ConfigError: when there are more queries than a batch has, the index has no such category,
            or no listing that a query is like.
        """
        if len(queries) > self.batch:
            raise ConfigError(f"{len(queries)} queries at a time; a batch has {self.batch}")
        vectors = self._vectors(lane, queries)
        answers: list[list[Found]] = [[] for _ in queries]
        for category in {query.category for query in queries}:
            asked = [n for n, query in enumerate(queries) if query.category == category]
            places, scores = self._nearest(vectors[asked], category)
            for n, row, values in zip(asked, places, scores, strict=True):
                answers[n] = self._ranked(queries[n], row, values)
        return answers

    def _vectors(self, lane: str, queries: Sequence[Query]) -> Float32[NDArray, "n d"]:
        parts = [Parts() for _ in queries]
        if lane != INDEXED:
            rows = next(shape for shape in self._shapes if shape >= len(queries))
            parts = encoded_parts(self._encoder, self.reader, queries, rows, self.index.dim)
        return np.stack(
            [
                compose(self._about(query, part), query.method, query.weight or SAID)
                for query, part in zip(queries, parts, strict=True)
            ]
        )

    def _about(self, query: Query, parts: Parts) -> Parts:
        """With the listing that a query is like as its product."""
        if not query.like:
            return parts
        if query.like not in self._place:
            raise ConfigError(f"no listing {query.like!r} in the index")
        place = np.array([self._place[query.like]])
        return replace(parts, product=self.index.take(place)[0])

    def _nearest(
        self, vectors: Float32[NDArray, "n d"], category: str
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        allowed = self._inside(category) if category else None
        if allowed is not None and (there := int(allowed.sum())) < self._k:
            return self._few(vectors, allowed, there)
        # Always as many rows as in the largest batch: the search has one shape too.
        padded = np.zeros((self._shapes[-1], vectors.shape[1]), np.float32)
        padded[: len(vectors)] = vectors
        places, scores = self.index.search(padded, self._k, allowed)
        return places[: len(vectors)], scores[: len(vectors)]

    def _few(
        self, vectors: Float32[NDArray, "n d"], allowed: Bool[NDArray, " i"], there: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """A category of fewer listings than are asked for: compiling a search takes longer."""
        places = np.flatnonzero(allowed)
        scores = vectors @ self.index.take(places).T
        order = np.argsort(-scores, axis=1, kind="stable")[:, :there]
        return places[order], np.take_along_axis(scores, order, axis=1)

    def _ranked(
        self, query: Query, places: NDArray[np.int64], scores: NDArray[np.float32]
    ) -> list[Found]:
        items = [
            (self.index.item_id[place], float(score))
            for place, score in zip(places.tolist(), scores.tolist(), strict=True)
            if place >= 0 and self.index.item_id[place] != query.like
        ][: min(query.top, self.most)]
        return [Found(rank, item, score) for rank, (item, score) in enumerate(items, 1)]


def _growing(batch: int) -> Iterator[int]:
    """1, 4, 16, ... and the whole batch."""
    rows = 1
    while rows < batch:
        yield rows
        rows *= STEP
    yield batch


def _divisible(rows: int, by: int) -> int:
    return -(-rows // by) * by


def _counts(index: Index) -> dict[str, list[int]]:
    """Listings of each category and of what lies below it in each part, in the order of paths."""
    counts: dict[str, list[int]] = {}
    spelt: dict[tuple[str, ...], str] = {}
    for number, part in enumerate(index.parts):
        for path, listings in Counter(part.category_path).items():
            levels = category_levels(path)
            for depth in range(1, len(levels) + 1):
                above = " > ".join(levels[:depth])
                name = spelt.setdefault(category_key(above), above)
                counts.setdefault(name, [0] * len(index.parts))[number] += listings
    return dict(sorted(counts.items()))


# A white picture of one pixel, as a GIF: what is compiled does not depend on what is on it.
_WHITE = bytes.fromhex(
    "47494638396101000100800000ffffff00000021f90400000000002c00000000010001000002024401003b"
)
