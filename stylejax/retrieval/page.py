"""Self-contained pages: the templates, and the page of one search."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from stylejax.labels import Card
from stylejax.retrieval.album import Album
from stylejax.retrieval.query import Query

TEMPLATES = Path(__file__).parent / "templates"
RESULT = 224  # pixels: the page of a search has few pictures and shows them larger


def render(path: Path, template: str, **values: Any) -> None:
    """Fills a template and writes the page; the folder is created.

    Args:
      path: page to write.
      template: name in ``templates/``, without ``.html.jinja``.
      values: what the template names.
    """
    text = environment(TEMPLATES).get_template(f"{template}.html.jinja").render(**values)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def write_results_page(
    path: Path,
    query: Query,
    photo: bytes,
    cards: Sequence[Card],
    scores: Sequence[float],
    *,
    read: Callable[[Path], bytes] = Path.read_bytes,
) -> None:
    """Writes the page of one search: the query on top, its results below.

    Args:
      path: page to write.
      query: what was asked.
      photo: what is in the file of its photo, or of the listing's that it is like; empty = none.
      cards: listings found, best first.
      scores: cosine of each.
      read: from a card's picture to what is in its file.
    """
    album = Album(RESULT, read)
    picture = album.add_file(photo) if photo else ""
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
        picture=picture,
        results=results,
    )


@cache
def environment(folder: Path) -> jinja2.Environment:
    """Of the templates in a folder.

    Titles come from suppliers, so every value is escaped; a misspelt name is an error.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # z: what is rounded to zero has no sign.
    environment.filters["percent"] = lambda share: "–" if share is None else f"{100 * share:z.1f}"
    environment.filters["signed_percent"] = lambda share: f"{100 * share:+z.1f}"
    environment.filters["score"] = lambda number: f"{number:z.3f}".replace("-", "−")
    environment.filters["count"] = lambda number: f"{number:,}"
    environment.filters["tick"] = lambda number: f"{number:z,.6g}".replace("-", "−")
    return environment
