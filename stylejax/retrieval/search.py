"""Search: a query's vector to the nearest listings of an index."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass

from jaxtyping import Float32
from numpy.typing import NDArray

from stylejax.config import ConfigError
from stylejax.origin import Origin
from stylejax.retrieval.index.index import Index
from stylejax.retrieval.vectors import prefix


@dataclass(frozen=True)
class Found:
    """One listing that a query found."""

    rank: int  # 1 = best
    item_id: str
    score: float  # cosine of query and listing


def query_view(*, image: bool, words: bool) -> str:
    """The view that a query is encoded as.

    Raises:
      ConfigError: when it has neither a photo nor words.
    """
    if image and words:
        return "m"
    if not image and not words:
        raise ConfigError("nothing to search for: give --image FILE, --text WORDS, or both")
    return "i" if image else "t"


def nearest(
    index: Index, origin: Origin, query: Float32[NDArray, " d"], top: int, *, category: str = ""
) -> list[Found]:
    """The listings nearest to a query, best first.

    Args:
      index: of any view; queries of any view may search it.
      origin: the checkpoint that encoded the query.
      query: unit vector; an index of prefixes is searched by its prefix.
      top: listings wanted; fewer when the index is smaller.
      category: path of the one that they have to lie in; "" = any.

    Raises:
      ConfigError: when another checkpoint made the index, or no listing lies in the category.
    """
    if index.origin is not None:
        index.origin.require(origin, "the index is out of date", "export and index again")
    allowed = index.in_category(category) if category else None
    (places,), (scores,) = index.search(prefix(query[None], index.dim), top, allowed)
    found = zip(places.tolist(), scores.tolist(), strict=True)
    return [Found(rank, index.item_id[at], score) for rank, (at, score) in enumerate(found, 1)]


def require_listed(found: Iterable[Found], catalogue: Container[str]) -> None:
    """Checks that an index and a catalogue belong together.

    Args:
      found: listings of the index.
      catalogue: item ids.

    Raises:
      ConfigError: naming a listing that the catalogue lacks.
    """
    strange = next((hit.item_id for hit in found if hit.item_id not in catalogue), None)
    if strange is not None:
        raise ConfigError(
            f"the index holds {strange!r}, which is not in the catalogue; give the catalogue that "
            "was exported with --catalog, or index an export of this one"
        )
