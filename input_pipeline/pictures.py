"""Pictures of a catalogue as square RGB bytes; what cannot be read is named and counted."""

from __future__ import annotations

import csv
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from numpy.typing import NDArray
from PIL import Image, ImageOps

from stylejax.config import ConfigError

MAX_PIXELS = 64_000_000  # a picture beyond this is refused before it is decoded


def read_picture(path: Path, size: int) -> UInt8[NDArray, "size size 3"]:
    """Decodes one picture: upright by its EXIF tag, RGB on white, squeezed to a square.

    Squeezed rather than cropped: a listing's picture is all product, and its edges tell as much
    as its middle.

    Raises:
      OSError: when the file is missing, empty, no picture, truncated or beyond `MAX_PIXELS`.
    """
    try:
        with Image.open(path) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise OSError(f"{picture.width} x {picture.height} pixels is too large")
            # JPEG can be decoded at 1/2, 1/4 or 1/8 size; keep twice what is wanted.
            picture.draft("RGB", (2 * size, 2 * size))
            upright = ImageOps.exif_transpose(picture)
            if upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info:
                layer = upright.convert("RGBA")
                upright = Image.new("RGBA", layer.size, "white")
                upright.alpha_composite(layer)
            if upright.mode.startswith("I;16"):  # convert would cut the upper values off
                upright = upright.point(lambda value: value / 256).convert("L")
            resized = upright.convert("RGB").resize((size, size), Image.Resampling.BICUBIC)
            return np.asarray(resized, np.uint8)
    except (ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise OSError(str(error)) from error


class Pictures:
    """Pictures of listings by row, decoded on demand, kept in memory up to a limit.

    Safe to read from several threads. An unreadable picture reads as zeros with `present` false
    and is kept in `quarantine`, so that a run goes on without it.
    """

    def __init__(
        self, items: Sequence[str], images: Sequence[str], folder: Path, size: int, cache_mib: int
    ):
        """Takes the listings' ids and picture paths (""= none) below `folder`.

        Args:
          items: `n` item ids, for the quarantine.
          images: `n` paths.
          folder: where relative paths start.
          size: side in pixels of what is read.
          cache_mib: memory for decoded pictures.

        Raises:
          ConfigError: when there are pictures to read and the folder does not exist.
        """
        if any(images) and not folder.is_dir():
            raise ConfigError(f"no folder of pictures {folder}; set --data.images")
        self.size = size
        self.quarantine: dict[str, tuple[str, str]] = {}  # item id -> (path, reason)
        self._items, self._images, self._folder = items, images, folder
        self._cache: dict[int, np.ndarray | None] = {}
        self._room = cache_mib * 2**20 // (size * size * 3)
        self._lock = threading.Lock()

    def read(
        self, rows: Sequence[int] | NDArray[np.int64]
    ) -> tuple[UInt8[NDArray, "b size size 3"], NDArray[np.bool_]]:
        """Pictures of `b` rows and, for each, whether there is one."""
        pixels = np.zeros((len(rows), self.size, self.size, 3), np.uint8)
        present = np.zeros(len(rows), bool)
        for position, row in enumerate(rows):
            picture = self._one(int(row))
            if picture is not None:
                pixels[position], present[position] = picture, True
        return pixels, present

    def _one(self, row: int) -> np.ndarray | None:
        if row in self._cache:
            return self._cache[row]
        path = self._images[row]
        picture = None
        if path:
            try:
                picture = read_picture(self._folder / path, self.size)
            except OSError as error:
                reason = error.strerror or str(error)
                with self._lock:
                    self.quarantine[self._items[row]] = (path, reason)
        with self._lock:
            if len(self._cache) < self._room:
                self._cache[row] = picture
        return picture


def require_pictures(images: Sequence[str], folder: Path, sample: int = 32) -> None:
    """Checks that a folder is the one that picture paths start from.

    One unreadable picture is quarantined; none readable at all is a wrong setting.

    Args:
      images: paths of all listings, "" = none.
      folder: where relative paths start.
      sample: how many of them are looked for.

    Raises:
      ConfigError: when there are pictures and not one of the sample can be opened.
    """
    paths = [folder / image for image in images if image]
    sampled = paths[:: max(1, len(paths) // sample)]
    if sampled and not any(os.access(path, os.R_OK) and path.is_file() for path in sampled):
        raise ConfigError(
            f"not one of {len(sampled)} pictures can be read, the first {sampled[0]}; set "
            "--data.images to the folder that their paths start from, and check its permissions"
        )


def write_quarantine(quarantine: Mapping[str, tuple[str, str]], path: Path) -> Path:
    """Writes ``item_id,image,reason`` of every unreadable picture; returns the path."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["item_id", "image", "reason"])
        writer.writerows((item, *entry) for item, entry in sorted(quarantine.items()))
    return path
