"""A question to the index, and how questions become vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, UInt8
from numpy.typing import NDArray

from stylejax.batch import Products
from stylejax.retrieval.composition import Parts, compose
from stylejax.retrieval.encoding import Encoder
from stylejax.retrieval.search import query_view

PICTURED, WORDS = "m", "t"  # lanes, by the view that all of one are encoded as
LIKE = "like"  # lane of the questions that need no encoder


@dataclass(frozen=True)
class Query:
    """A photo, words, or both; or a listing, for more like it."""

    image: UInt8[NDArray, "size size 3"] | None = None  # as `QueryReader.picture` reads it
    words: str = ""
    like: str = ""  # item id of an indexed listing; then there is neither photo nor words
    category: str = ""  # only listings below it; "" = any
    top: int = 24  # listings wanted

    @property
    def view(self) -> str:
        """What is read: m = photo and words, t = words, i = photo; "" of a listing."""
        if self.like:
            return ""
        return query_view(image=self.image is not None, words=bool(self.words))

    @property
    def lane(self) -> str:
        """What is batched together: `PICTURED`, `WORDS` or `LIKE`."""
        return {"": LIKE, "t": WORDS}.get(self.view, PICTURED)


@runtime_checkable
class QueryReader(Protocol):
    """Photos and words as the checkpoint reads them."""

    def picture(self, file: bytes) -> UInt8[NDArray, "size size 3"]:
        """Decodes a photo; called from several threads.

        Raises:
          OSError: when it cannot be decoded.
        """
        ...

    def products(
        self,
        images: Sequence[UInt8[NDArray, "size size 3"] | None],
        words: Sequence[str],
        rows: int,
    ) -> Products:
        """A batch `[rows, ...]` of listings that have these photos and titles, and then nothing."""
        ...


def query_vectors(
    encoder: Encoder, reader: QueryReader, queries: Sequence[Query], rows: int
) -> Float32[NDArray, "n dim"]:
    """Questions of one lane as unit vectors, put together as `composition.compose` does by default.

    A photo alone is a listing without a title: what it has in view m is its vector of view i.

    This is all that composes a query. Another way of doing it takes this function's place in
    `Searcher`.

    Args:
      encoder: the one that made the index.
      reader: of its checkpoint.
      queries: n questions of one lane, not of `LIKE`.
      rows: of the batch on the device, n or more; few different ones, each is compiled.
    """

    def encoded(view: str, images: Sequence, words: Sequence[str]) -> Float32[NDArray, "n dim"]:
        batch = reader.products(images, words, rows)
        ((_, vectors, _),) = encoder.encode([(np.arange(len(queries)), batch)], [view])
        return vectors[view]

    nothing = [None] * len(queries)
    words = [query.words for query in queries]
    said = encoded(WORDS, nothing, words) if any(words) else None
    if queries[0].lane == WORDS:
        assert said is not None, "a question of words has words"
        return said
    photos = encoded(PICTURED, [query.image for query in queries], [""] * len(queries))
    if said is None:
        return photos
    return np.stack(
        [
            compose(Parts(photo, words=mine if query.words else None))
            for query, photo, mine in zip(queries, photos, said, strict=True)
        ]
    )
