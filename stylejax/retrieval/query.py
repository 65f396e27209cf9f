"""What is asked of an index, and how an encoder reads it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, UInt8
from numpy.typing import NDArray

from stylejax.batch import Products
from stylejax.config import ConfigError
from stylejax.retrieval.composition import MOST_SAID, Method, Parts
from stylejax.retrieval.encoding import Encoder
from stylejax.retrieval.vectors import prefix

Vectors = list[Float32[NDArray, " dim"] | None]
# Lanes: queries of one are answered together.
PICTURED, WORDS, INDEXED = "pictured", "words", "indexed"


@dataclass(frozen=True)
class Query:
    """A product, words that change it, or both; see `stylejax.retrieval.composition`.

    Raises:
      ConfigError: when there is nothing to search for, or two things exclude each other.
    """

    image: UInt8[NDArray, "size size 3"] | None = None  # a photo, as `QueryReader.picture` reads it
    like: str = ""  # item id of an indexed listing, in a photo's place
    said: tuple[str, ...] = ()  # words, a turn each
    without: str = ""  # words that are not wanted
    method: Method = "sum"  # how the product and words are put together
    weight: float | None = None  # of each turn's words in a sum, for a product of 1; None = `SAID`
    category: str = ""  # only listings below it; "" = any
    top: int = 24  # listings wanted

    def __post_init__(self) -> None:
        """Refuses what is no query."""
        if self.image is not None and self.like:
            raise ConfigError(
                "give a photo or a listing to be like, not both: each is what the words are about"
            )
        if self.image is None and not self.like and not self.said:
            raise ConfigError(
                "nothing to search for: give a photo, a listing, or words that are wanted"
            )
        if not all(words.strip() for words in self.said):
            raise ConfigError("words are blank, which says nothing: leave them out")
        for words in (*self.said, self.without):
            if any("\ud800" <= letter <= "\udfff" for letter in words):
                raise ConfigError(
                    f"the words {words!r} are no text: half of a character is missing"
                )
        if self.method == "joint" and (self.image is None or not self.said):
            raise ConfigError(
                "the method 'joint' reads a photo with words: give both, which a listing does not "
                "stand in for, or use 'sum'"
            )
        if self.weight is None:
            return
        if not 0 < self.weight <= MOST_SAID:
            raise ConfigError(
                f"the weight of words is {self.weight}; use a number above 0, up to {MOST_SAID:g}"
            )
        if self.method == "joint" or not self.said or not (self.like or self.image is not None):
            raise ConfigError(
                f"the weight of words is {self.weight}, but nothing is weighed: give a photo or a "
                "listing, words, and the method 'sum'"
            )

    @property
    def words(self) -> str:
        """All that was said, as one text, the newest first: it is cut where titles are."""
        return " ".join(reversed(self.said))

    @property
    def lane(self) -> str:
        """What is batched together: `PICTURED`, `WORDS` or, without an encoder, `INDEXED`."""
        if self.image is not None:
            return PICTURED
        return WORDS if self.said or self.without else INDEXED

    @property
    def told(self) -> str:
        """What it is made of, as a part of a sentence."""
        names = {"photo": "a photo", "listing": "a listing", "words": "words"}
        said = "by " + " and ".join(names[name] for name in self.made_of if name in names)
        return f"{said}, without “{self.without}”" if self.without else said

    @property
    def made_of(self) -> list[str]:
        """What there is of photo, listing, words, without."""
        there = {
            "photo": self.image is not None,
            "listing": bool(self.like),
            "words": bool(self.said),
            "without": bool(self.without),
        }
        return [name for name, given in there.items() if given]


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

    def knows(self, words: str) -> bool:
        """Whether any of the words means something to the encoder."""
        ...


def require_known(query: Query, reader: QueryReader) -> None:
    """Refuses words that the encoder would take for any others.

    Raises:
      ConfigError: when of a turn, or of what is not wanted, no word is known.
    """
    for words in (*query.said, query.without):
        if words and not reader.knows(words):
            raise ConfigError(
                f"no word of {words!r} is known to the encoder: say it as the catalogue's titles do"
            )


def encoded_parts(
    encoder: Encoder, reader: QueryReader, queries: Sequence[Query], rows: int, dim: int
) -> list[Parts]:
    """Photos and words of queries of one lane as unit vectors.

    A photo is a listing without a title: its vector of view m is that of view i. A listing that a
    query is like has its vector in the index, and is left out here.

    Args:
      encoder: the one that made the index.
      reader: of its checkpoint.
      queries: of one lane, not of `INDEXED`.
      rows: of each batch on the device, one for every query or more; few different ones, since each
        is compiled.
      dim: numbers of a vector in the index, which may hold prefixes of the encoder's.
    """

    def encoded(there: Callable[[Query], bool], view: str, text: Callable[[Query], str]) -> Vectors:
        """Of those that have something of the kind; None for the others, and no batch for none."""
        chosen = [there(query) for query in queries]
        if not any(chosen):
            return [None] * len(queries)
        images = [q.image if view == "m" else None for q in queries]
        batch = reader.products(images, [text(q) for q in queries], rows)
        ((_, vectors, _),) = encoder.encode([(np.arange(len(queries)), batch)], [view])
        return [
            v if mine else None for v, mine in zip(prefix(vectors[view], dim), chosen, strict=True)
        ]

    parts = zip(
        encoded(lambda q: q.image is not None and q.method == "sum", "m", lambda q: ""),
        encoded(lambda q: q.method == "joint", "m", lambda q: q.words),
        encoded(lambda q: bool(q.said) and q.method == "sum", "t", lambda q: q.words),
        encoded(lambda q: bool(q.without), "t", lambda q: q.without),
        [len(q.said) for q in queries],
        strict=True,
    )
    return [
        Parts(photo, joint, words, max(1, turns), without)
        for photo, joint, words, without, turns in parts
    ]
