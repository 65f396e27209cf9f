"""Queries for an encoder: photos and words as it reads them, and one query put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stylejax.commands.opened import Run
from stylejax.config import ConfigError
from stylejax.retrieval.composition import Method

if TYPE_CHECKING:
    from jaxtyping import Float32, UInt8
    from numpy.typing import NDArray

    from stylejax.batch import Products


@dataclass(frozen=True)
class Asked:
    """What is searched for."""

    photo: bytes = b""  # what is in its file; empty = there is none
    title: str = ""  # that the photo is known to have
    said: Sequence[str] = ()  # words, a turn each
    without: str = ""  # words that are not wanted
    method: Method = "sum"


def query_vector(opened: Run, asked: Asked) -> Float32[NDArray, " d"]:
    """Encodes what is there and puts it together; see `stylejax.retrieval.composition`.

    Raises:
      ConfigError: when there is neither a photo, a title nor words.
      OSError: when the photo cannot be decoded.
    """
    import numpy as np

    from input_pipeline.pictures import read_picture
    from stylejax.retrieval.composition import Parts, compose

    words = " ".join(asked.said)
    # Part -> whether the photo is read, the text, and the view. Without a photo m is the title's t.
    rows: dict[str, tuple[bool, str, str]] = {}
    if asked.photo or asked.title:
        rows["product"] = (bool(asked.photo), asked.title, "m")
    if words:
        rows["words"] = (False, words, "t")
        if asked.photo and asked.method == "read":
            rows["read"] = (True, words, "m")
    if asked.without:
        rows["without"] = (False, asked.without, "t")
    if not rows.keys() & {"product", "words"}:
        raise ConfigError("nothing to search for: give --image FILE, --like ITEM, or --text WORDS")
    size = opened.encoder.config.picture.read_size
    photo = read_picture(asked.photo, size) if asked.photo else None
    images = [photo if pictured else None for pictured, _, _ in rows.values()]
    count = len(rows) + -len(rows) % opened.encoder.mesh.size
    batch = query_products(opened, images, [text for _, text, _ in rows.values()], count)
    views = sorted({view for _, _, view in rows.values()})
    ((_, vectors, _),) = opened.encoder.encode([(np.arange(len(rows)), batch)], views)
    parts = {name: vectors[row[2]][n] for n, (name, row) in enumerate(rows.items())}
    return compose(Parts(**parts, turns=max(1, len(asked.said))), asked.method)


def query_products(
    opened: Run,
    images: Sequence[UInt8[NDArray, "size size 3"] | None],
    words: Sequence[str],
    rows: int,
) -> Products:
    """A batch `[rows, ...]` of listings that have these photos and titles, and then nothing."""
    import numpy as np

    from input_pipeline.listing_text import composed
    from input_pipeline.listings import products

    config = opened.encoder.config
    side, most = config.picture.read_size, config.picture.per_listing
    shown = (len(images), most) if most > 1 else (len(images),)
    pixels, there = np.zeros((*shown, side, side, 3), np.uint8), np.zeros(shown, bool)
    for row, image in enumerate(images):
        if image is not None:  # the first of a listing's pictures; a query has no others
            first = (row, 0) if most > 1 else row
            pixels[first], there[first] = image, True
    texts = [composed(config.text, title=title) for title in words]
    return products(pixels, there, opened.tokenizer(texts), rows)
