"""Self-contained pages: templates, pictures embedded once, and the page of one search."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from PIL import Image, ImageOps

from stylejax.labels import Card

TEMPLATES = Path(__file__).parent / "templates"
THUMBNAIL = 112  # longest side of a thumbnail in pixels; shown at about 96 CSS pixels
RESULT = 224  # the page of a search has few pictures and shows them larger
QUALITY = 80
MAX_PIXELS = 64_000_000  # a picture beyond this is not decoded


class Album:
    """The pictures of one page.

    A picture is embedded once, as the background of a CSS class, however many listings or
    results show it: pages with hundreds of results stay at a few MB.
    """

    def __init__(self, side: int = THUMBNAIL):
        """Takes the longest side in pixels that pictures are shrunk to."""
        self.side = side
        self.styles: dict[str, str] = {}  # CSS class -> data URI, in order of first use
        self._class_of: dict[Path | bytes, str] = {}

    def add(self, image: Path | None) -> str:
        """The CSS class that shows a picture; empty where there is none or it cannot be read."""
        if image is None:
            return ""
        if image not in self._class_of:
            jpeg = thumbnail(image, self.side)
            # Suppliers copy each other's files: equal pictures under other names are one entry.
            name = self._class_of.get(jpeg, f"p{len(self.styles)}") if jpeg else ""
            if jpeg and name not in self.styles:
                self.styles[name] = data_uri(jpeg)
                self._class_of[jpeg] = name
            self._class_of[image] = name
        return self._class_of[image]


def thumbnail(path: Path, side: int) -> bytes:
    """A picture as a small JPEG: upright, whole, on white; empty when it cannot be read.

    Args:
      path: any format that Pillow reads.
      side: longest side in pixels; smaller pictures are not enlarged.
    """
    try:
        with Image.open(path) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                return b""
            picture.draft("RGB", (2 * side, 2 * side))
            upright = ImageOps.exif_transpose(picture)
            if upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info:
                layer = upright.convert("RGBA")
                upright = Image.new("RGBA", layer.size, "white")
                upright.alpha_composite(layer)
            small = upright.convert("RGB")
        small.thumbnail((side, side), Image.Resampling.LANCZOS)
        # A fresh buffer: the file's EXIF and colour profile are not the page's business.
        written = io.BytesIO()
        small.save(written, "JPEG", quality=QUALITY, optimize=True, exif=b"", icc_profile=None)
        return written.getvalue()
    # Pillow's decoders raise many kinds of error at broken files; a page stops for none of them.
    except Exception:
        return b""


def data_uri(jpeg: bytes) -> str:
    """A JPEG as the address of itself."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")


def render(path: Path, template: str, **values: Any) -> None:
    """Fills a template and writes the page; the folder is created.

    Args:
      path: page to write.
      template: name in ``templates/``, without ``.html.jinja``.
      values: what the template names.
    """
    text = _environment().get_template(f"{template}.html.jinja").render(**values)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def write_results_page(
    path: Path, image: str, words: str, cards: Sequence[Card], scores: Sequence[float]
) -> None:
    """Writes the page of one search: the query on top, its results below.

    Args:
      path: page to write.
      image: file of the query's photo; empty = none.
      words: the query's words; empty = none.
      cards: listings found, best first.
      scores: cosine of each.
    """
    album = Album(RESULT)
    query = album.add(Path(image)) if image else ""
    results = [
        {"card": card, "score": score, "picture": album.add(card.image)}
        for card, score in zip(cards, scores, strict=True)
    ]
    render(
        path,
        "results",
        album=album,
        image=image,
        picture=query,
        words=words,
        results=results,
    )


@cache
def _environment() -> jinja2.Environment:
    """Titles come from suppliers, so every value is escaped; a misspelt name is an error."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = lambda share: "–" if share is None else f"{100 * share:.1f}"
    environment.filters["count"] = lambda number: f"{number:,}"
    environment.filters["tick"] = lambda number: f"{number:,.6g}".replace("-", "−")
    return environment
