"""Photos and words as a run's checkpoint reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import UInt8
from numpy.typing import NDArray

from stylejax.batch import Products
from stylejax.commands.opened import Run


@dataclass(frozen=True)
class RunReader:
    """`stylejax.retrieval.query.QueryReader` of a run."""

    opened: Run

    def picture(self, file: bytes) -> UInt8[NDArray, "size size 3"]:
        """Decodes a photo at the size that batches hold.

        Raises:
          OSError: when it cannot be decoded.
        """
        from input_pipeline.pictures import read_picture

        return read_picture(file, self.opened.encoder.config.picture.read_size)

    def knows(self, words: str) -> bool:
        """Whether any of the words means something to the encoder."""
        return self.opened.tokenizer.knows(words)

    def products(
        self,
        images: Sequence[UInt8[NDArray, "size size 3"] | None],
        words: Sequence[str],
        rows: int,
    ) -> Products:
        """A batch `[rows, ...]` of listings that have these photos and titles, and then nothing."""
        import numpy as np

        from input_pipeline.listing_text import composed
        from input_pipeline.listings import products

        config = self.opened.encoder.config
        side, most = config.picture.read_size, config.picture.per_listing
        shown = (len(images), most) if most > 1 else (len(images),)
        pixels, there = np.zeros((*shown, side, side, 3), np.uint8), np.zeros(shown, bool)
        for row, image in enumerate(images):
            if image is not None:  # the first of a listing's pictures; a query has no others
                first = (row, 0) if most > 1 else row
                pixels[first], there[first] = image, True
        texts = [composed(config.text, title=title) for title in words]
        return products(pixels, there, self.opened.tokenizer(texts), rows)
