"""Search: a photo, words, or both read together, to the nearest listings of an index."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass

from jaxtyping import Int
from numpy.typing import NDArray

from stylejax.batch import Products
from stylejax.config import ConfigError
from stylejax.retrieval.encoding import Encoder
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


def search(
    encoder: Encoder,
    index: Index,
    queries: Iterable[tuple[Int[NDArray, " _"], Products]],
    view: str,
    top: int,
    *,
    category: str = "",
) -> list[list[Found]]:
    """Ranks an index for each query.

    Args:
      encoder: the one that made the index.
      index: of any view; queries of any view may search it.
      queries: query numbers `[n]` and products `[b, ...]`, padded beyond n.
      view: of the queries: m, t or i.
      top: listings wanted for each; fewer when the index is smaller.
      category: path of the one that they have to lie in; "" = any.

    Returns:
      For each query its listings, best first.

    Raises:
      ConfigError: when another checkpoint than the encoder's made the index, or no listing lies in
        the category.
    """
    if index.origin is not None:
        index.origin.require(encoder.origin, "the index is out of date", "export and index again")
    allowed = index.in_category(category) if category else None
    ranked = []
    for _, vectors, _ in encoder.encode(queries, [view]):
        # The index may hold prefixes of the vectors.
        queried = prefix(vectors[view], index.dim)
        for places, scores in zip(*index.search(queried, top, allowed), strict=True):
            found = zip(places.tolist(), scores.tolist(), strict=True)
            ranked.append([Found(n, index.item_id[at], s) for n, (at, s) in enumerate(found, 1)])
    return ranked


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
