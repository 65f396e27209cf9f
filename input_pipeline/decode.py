"""Pictures straight from their files, decoded no finer than a crop needs.

What a JPEG decoder does well is left to it (a half, a quarter or an eighth of the size, turned
upright); everything else takes the careful way of `input_pipeline.pictures`.
"""

from __future__ import annotations

import os
import re
import struct
import threading
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8
from numpy.typing import NDArray

from input_pipeline.datasets.records import RecordPictures, is_record
from input_pipeline.pictures import Pictures, file_bytes, read_picture
from stylejax.config import ConfigError
from stylejax.picture_file import MAX_PIXELS

_REDUCED = (
    (8, cv2.IMREAD_REDUCED_COLOR_8),
    (4, cv2.IMREAD_REDUCED_COLOR_4),
    (2, cv2.IMREAD_REDUCED_COLOR_2),
)
_FRAMES = (0xC0, 0xC1, 0xC2)  # markers of a baseline, extended or progressive JPEG's frame
# An orientation that stands in XMP alone: Pillow obeys it, OpenCV does not.
_TURNED = re.compile(rb'tiff:Orientation(?:="|>)[2-8]')
_MOST = 1024  # side in pixels of a square that is no JPEG: what a crop may ask for


def decode_picture(data: bytes, least: float) -> UInt8[NDArray, "h w 3"]:
    """Decodes one picture: upright, RGB on white.

    Args:
      data: what is in its file.
      least: pixels that its shorter side must keep, if it has them.

    Returns:
      The picture in its own proportions, or squeezed to a square when it is no plain JPEG.

    Raises:
      OSError: when it is empty, no picture, truncated, damaged or too large.
    """
    shorter = _plain_jpeg(data)
    if shorter is not None:
        flag = next((flag for n, flag in _REDUCED if shorter >= n * least), cv2.IMREAD_COLOR_RGB)
        try:
            picture = cv2.imdecode(np.frombuffer(data, np.uint8), flag)
        except cv2.error:  # the careful way says what is wrong with it
            picture = None
        if picture is not None:
            whole = flag == cv2.IMREAD_COLOR_RGB
            return picture if whole else cv2.cvtColor(picture, cv2.COLOR_BGR2RGB, dst=picture)
    return read_picture(data, min(_MOST, max(1, round(least))))


def _plain_jpeg(data: bytes) -> int | None:
    """Shorter side of a whole grey or three-colour JPEG that OpenCV turns upright; None = another.

    Its header is walked here: threads that make crops wait for each other in Python code, and
    opening it with Pillow would be most of that.
    """
    # OpenCV would fill what is cut off with grey, where the careful way refuses it.
    if data[:2] != b"\xff\xd8" or b"\xff\xd9" not in data[-64:]:
        return None
    at = 2
    while data[at : at + 1] == b"\xff" and at + 10 <= len(data):
        marker = data[at + 1]
        if marker in _FRAMES:
            bits, height, width, colours = struct.unpack_from(">BHHB", data, at + 4)
            plain = bits == 8 and colours in (1, 3) and 0 < width * height <= MAX_PIXELS
            return min(width, height) if plain and not _TURNED.search(data, 2, at) else None
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None


class FilePictures:
    """Pictures by number, decoded each time they are asked for. Safe in several threads."""

    def __init__(self, items: Sequence[str], images: Sequence[str], folder: Path):
        """Takes what `Pictures` takes.

        Args:
          items: `n` item ids, for the quarantine.
          images: `n` paths ("" = none), or records of a built data set.
          folder: where relative paths start; of records, the data set's folder.

        Raises:
          ConfigError: when there are pictures to read and the folder does not exist.
        """
        if any(images) and not folder.is_dir():
            raise ConfigError(f"no folder of pictures {folder}; set --data.images")
        self.quarantine: dict[str, tuple[str, str]] = {}  # item id -> (path, reason)
        self._items, self._images = items, images
        self._root = str(folder)  # joining strings is faster than joining paths
        self._records = RecordPictures(folder)
        self._lock = threading.Lock()

    def __call__(self, number: int, least: float) -> UInt8[NDArray, "h w 3"] | None:
        """One picture with at least so many pixels on its shorter side; None if there is none."""
        image = self._images[number]
        if not image:
            return None
        try:
            if is_record(image):
                return decode_picture(self._records[image], least)
            return decode_picture(file_bytes(os.path.join(self._root, image)), least)
        except OSError as error:
            with self._lock:
                self.quarantine[self._items[number]] = (image, error.strerror or str(error))
            return None


class StoredPictures:
    """Pictures by number, squeezed to one size and kept in memory. Safe in several threads."""

    def __init__(self, pictures: Pictures):
        """Takes pictures whose cache has room for all."""
        self.quarantine = pictures.quarantine
        self._pictures = pictures

    def __call__(self, number: int, least: float) -> UInt8[NDArray, "h w 3"] | None:
        """One picture at the stored size, whatever is asked for; None if there is none."""
        pixels, present = self._pictures.read([number])
        return pixels[0] if present[0] else None
