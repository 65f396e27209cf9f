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
from PIL import Image

from input_pipeline.datasets.records import RecordPictures, is_record
from stylejax.config import ConfigError
from stylejax.picture_file import open_rgb

_QUARANTINE = ("item_id", "image", "reason")


def read_picture(source: Path | bytes, size: int) -> UInt8[NDArray, "size size 3"]:
    """Decodes one picture as `open_rgb` does and squeezes it to a square.

    Squeezed rather than cropped: a listing's picture is all product, and its edges tell as much
    as its middle.

    Args:
      source: a file, or what is in one.
      size: side in pixels.

    Raises:
      OSError: when it is missing, empty, no picture, truncated, damaged or too large.
    """
    resized = open_rgb(source, size).resize((size, size), Image.Resampling.BICUBIC)
    return np.asarray(resized, np.uint8)


def file_bytes(path: Path | str) -> bytes:
    """What is in a file.

    Raises:
      OSError: when it cannot be read, or no file can have such a path.
    """
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read()
    except ValueError as error:  # Python's word for a NUL or half a character in a path
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
          images: `n` paths, or records of a built data set (see `input_pipeline.datasets`).
          folder: where relative paths start; of records, the data set's folder.
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
        self._records = RecordPictures(folder)
        self._cache: dict[int, np.ndarray | None] = {}
        self._room = cache_mib * 2**20 // (size * size * 3)
        self._lock = threading.Lock()

    def read(
        self, rows: Sequence[int] | NDArray[np.int64]
    ) -> tuple[UInt8[NDArray, "b size size 3"], NDArray[np.bool_]]:
        """Pictures of `b` rows and, for each, whether there is one; row -1 has none."""
        pixels = np.zeros((len(rows), self.size, self.size, 3), np.uint8)
        present = np.zeros(len(rows), bool)
        for position, row in enumerate(rows):
            picture = self._one(int(row)) if row >= 0 else None
            if picture is not None:
                pixels[position], present[position] = picture, True
        return pixels, present

    def _one(self, row: int) -> np.ndarray | None:
        if row in self._cache:
            return self._cache[row]
        image = self._images[row]
        picture = None
        if image:
            try:
                source = self._records[image] if is_record(image) else self._folder / image
                picture = read_picture(source, self.size)
            except OSError as error:
                reason = error.strerror or str(error)
                with self._lock:
                    self.quarantine[self._items[row]] = (image, reason)
        with self._lock:
            if len(self._cache) < self._room:
                self._cache[row] = picture
        return picture


def require_pictures(
    images: Sequence[str], folder: Path, sample: int = 32, *, setting: str = "--data.images"
) -> None:
    """Checks that a folder is the one that picture paths start from.

    One unreadable picture is quarantined; none readable at all is a wrong setting.

    Args:
      images: paths of all listings, "" = none.
      folder: where relative paths start.
      sample: how many of them are looked for.
      setting: what names the folder, for the error.

    Raises:
      ConfigError: when there are pictures and not one of the sample can be opened.
    """
    given = [image for image in images if image]
    sampled = given[:: max(1, len(given) // sample)]
    if not sampled:
        return
    if all(image.startswith(("http://", "https://")) for image in sampled):
        raise ConfigError(
            f"pictures are addresses, the first {sampled[0]}; fetch them once with "
            "`stylejax build --dataset catalogue` and train from what it writes"
        )
    records = RecordPictures(folder)
    if not any(
        records.has(image)
        if is_record(image)
        else (folder / image).is_file() and os.access(folder / image, os.R_OK)
        for image in sampled
    ):
        raise ConfigError(
            f"not one of {len(sampled)} pictures can be read, the first {folder / sampled[0]}; set "
            f"{setting} to the folder that their paths start from, and check its permissions"
        )


def write_quarantine(quarantine: Mapping[str, tuple[str, str]], path: Path) -> Path:
    """Writes ``item_id,image,reason`` of every unreadable picture; returns the path.

    Listings that an earlier part of the same run has named stay in the file: a training that is
    resumed need not meet them again.
    """
    merged: dict[str, tuple[str, str]] = {}
    if path.is_file():
        with path.open(newline="", encoding="utf-8") as file:
            merged = {row[0]: (row[1], row[2]) for row in csv.reader(file) if len(row) == 3}
        merged.pop(_QUARANTINE[0], None)
    merged.update(quarantine)
    # In one move: a stop while it is written must not lose what was named before.
    draft = path.with_name(path.name + ".partial")
    with draft.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(_QUARANTINE)
        writer.writerows((item, *entry) for item, entry in sorted(merged.items()))
    draft.replace(path)
    return path
