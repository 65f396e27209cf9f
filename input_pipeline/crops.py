"""Augmented crops of pictures, made side by side in threads."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int64, UInt8
from numpy.typing import NDArray

from input_pipeline.augment import colour_maps, erase, position_maps, relight, warp
from input_pipeline.decode import FilePictures, StoredPictures
from input_pipeline.pictures import Pictures
from stylejax.config import PictureConfig

_CHUNK = 16  # pictures that a thread takes at a time


@runtime_checkable
class Decoder(Protocol):
    """Pictures by number."""

    quarantine: dict[str, tuple[str, str]]  # item id -> (path, reason) of what cannot be read

    def __call__(self, number: int, least: float) -> UInt8[NDArray, "h w 3"] | None:
        """One picture, its shorter side of `least` pixels or more if it has them; None = none."""
        ...


def open_pictures(
    items: Sequence[str], images: Sequence[str], folder: Path, options: PictureConfig
) -> Decoder:
    """Pictures for training: kept in memory when all of them fit, else decoded for each crop.

    Args:
      items: `n` item ids.
      images: `n` paths below `folder`, or records of a built data set; "" = none.
      folder: of the pictures.
      options: `stored_size` and `cache_mib` decide.

    Raises:
      ConfigError: when there are pictures to read and the folder does not exist.
    """
    pictures = sum(1 for image in images if image)
    if pictures * options.stored_size**2 * 3 > options.cache_mib * 2**20:
        return FilePictures(items, images, folder)
    # Listings without a picture take a place in the cache as well, an empty one.
    room = -(-len(images) * options.stored_size**2 * 3 // 2**20)
    return StoredPictures(Pictures(items, images, folder, options.stored_size, room))


class Crops:
    """Makes the crops of a batch; one a process is enough."""

    def __init__(self, options: PictureConfig):
        """Takes the ranges of the augmentation."""
        self._options = options
        self._pool = ThreadPoolExecutor(os.cpu_count() or 1)

    def __call__(
        self,
        decode: Decoder,
        numbers: Int64[NDArray, " n"],
        draws: Float[NDArray, "n draws"],
        side: int,
    ) -> tuple[UInt8[NDArray, "n side side 3"], Bool[NDArray, " n"]]:
        """Crops of n pictures, and whether there is a picture; zeros where there is none.

        Args:
          decode: where the pictures come from.
          numbers: pictures; -1 = none.
          draws: uniform numbers in [0, 1), `augment.DRAWS` each.
          side: of a crop in pixels.
        """
        options, count = self._options, len(numbers)
        positions = position_maps(draws, options, side)
        colours = colour_maps(draws, options)
        # Pixels between neighbours of the output, of a picture whose side is one: the finer of
        # both directions says how many pixels the picture must have.
        least = 1.0 / np.sqrt((positions[:, :, :2] ** 2).sum(axis=1)).min(axis=1)
        pixels = np.zeros((count, side, side, 3), np.uint8)
        present = np.zeros(count, bool)

        def make(first: int) -> None:
            for n in range(first, min(first + _CHUNK, count)):
                if numbers[n] < 0:
                    continue
                picture = decode(int(numbers[n]), float(least[n]))
                if picture is None:
                    continue
                warp(picture, positions[n], pixels[n])
                if colours is not None:
                    relight(pixels[n], colours[n])
                erase(pixels[n], draws[n], options)
                present[n] = True

        for _ in self._pool.map(make, range(0, count, _CHUNK)):
            pass
        return pixels, present
