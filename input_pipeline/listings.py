"""Single listings as batches for export, evaluation and search: no sampling, no augmentation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import numpy as np
from jaxtyping import Bool, UInt8
from numpy.typing import NDArray

from input_pipeline.photos import Photos
from input_pipeline.pictures import Pictures
from stylejax.batch import NO_TOKEN, Products

AHEAD = 3  # batches decoded while the device works on an earlier one


@dataclass(frozen=True)
class ListingPictures:
    """The first pictures of each listing, by catalogue row."""

    photos: Photos
    pictures: Pictures  # by photo number
    most: int  # of a listing

    def read(
        self, rows: NDArray[np.int64]
    ) -> tuple[UInt8[NDArray, "b *p size size 3"], Bool[NDArray, "b *p"]]:
        """Pictures of `b` rows, and which are there; with a second axis where `most` is above 1."""
        numbers = self.photos.leading(rows, self.most)
        image, present = self.pictures.read(numbers.ravel())
        if self.most == 1:
            return image, present
        return image.reshape(*numbers.shape, *image.shape[1:]), present.reshape(numbers.shape)


def product_batches(
    rows: NDArray[np.int64],
    pictures: ListingPictures,
    tokens: Callable[[NDArray[np.int64]], NDArray[np.int32]],
    batch_size: int,
    mine: NDArray[np.int64] | None = None,
) -> Iterator[tuple[NDArray[np.int64], Products]]:
    """Batches of one shape over `rows`, in order; the last is padded with absent listings.

    Args:
      rows: `[n]` catalogue rows.
      pictures: read at the encoder's size.
      tokens: from `b` of the rows to their token ids `[b, length]`; called from several threads.
      batch_size: rows a batch.
      mine: `[b]` places within a batch that this host reads; None = all of them.

    Yields:
      The rows (at most `batch_size`) and the products `[batch_size, ...]`, or `[b, ...]`.
    """
    chunks = [rows[i : i + batch_size] for i in range(0, len(rows), batch_size)]

    def load(chunk: NDArray[np.int64]) -> tuple[NDArray[np.int64], Products]:
        part = chunk if mine is None else chunk[mine[mine < len(chunk)]]
        size = batch_size if mine is None else len(mine)
        return chunk, products(*pictures.read(part), tokens(part), size)

    with ThreadPoolExecutor(AHEAD) as pool:
        waiting = iter(chunks)
        pending = [pool.submit(load, chunk) for chunk in islice(waiting, AHEAD)]
        while pending:
            result = pending.pop(0).result()
            pending += [pool.submit(load, chunk) for chunk in islice(waiting, 1)]
            yield result


def products(
    image: NDArray[np.uint8],
    has_image: NDArray[np.bool_],
    tokens: NDArray[np.int32],
    batch_size: int | None = None,
) -> Products:
    """Listings as one batch, padded to `batch_size` rows with listings that have nothing."""
    missing = (batch_size or len(tokens)) - len(tokens)

    def pad(x: np.ndarray, value: int = 0) -> np.ndarray:
        return np.pad(x, [(0, missing)] + [(0, 0)] * (x.ndim - 1), constant_values=value)

    return Products(pad(image), pad(has_image), pad(tokens, NO_TOKEN))
