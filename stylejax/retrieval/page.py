"""The page of one search."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from stylejax.labels import Card
from stylejax.retrieval.album import Album
from stylejax.retrieval.query import Query
from stylejax.retrieval.render import render

RESULT = 224  # pixels: the page of a search has few pictures and shows them larger


def write_results_page(
    path: Path,
    query: Query,
    picture: Path | None,
    cards: Sequence[Card],
    scores: Sequence[float],
    *,
    note: str = "",
    read: Callable[[Path], bytes] = Path.read_bytes,
) -> None:
    """Writes the page of one search: the query on top, its results below.

    Args:
      path: page to write.
      query: what was asked.
      picture: of its photo, or of the listing that it is like; None = there is none.
      cards: listings found, best first.
      scores: cosine of each.
      note: what of the data is simulated; empty = nothing.
      read: from a picture to what is in its file.
    """
    album = Album(RESULT, read)
    results = [
        {"card": card, "score": score, "picture": album.add(card.image)}
        for card, score in zip(cards, scores, strict=True)
    ]
    render(
        path,
        "results",
        album=album,
        query=query,
        pictured=query.image is not None or bool(query.like),
        picture=album.add(picture),
        results=results,
        note=note,
    )
