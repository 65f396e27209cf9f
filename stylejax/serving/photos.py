"""Photos that come in, checked before they are decoded; pictures of listings that go out."""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from PIL import Image, UnidentifiedImageError

from stylejax.picture_file import FORMATS
from stylejax.retrieval.album import thumbnail
from stylejax.serving.limits import Limits, Refused

SIDE = 320  # pixels of a listing's picture on the page, at most
KEPT = 2000  # of them in memory, some 10 kB each

Pixels = TypeVar("Pixels")


def read_photo(file: bytes, limits: Limits, decode: Callable[[bytes], Pixels]) -> Pixels:
    """Decodes a photo that somebody sent.

    Args:
      file: as it came.
      limits: of its bytes, and of its pixels, which its header tells.
      decode: raises OSError for what cannot be decoded.

    Raises:
      Refused: 413 when it is too large, 415 when it is no picture, 422 when it is damaged.
    """
    if len(file) > limits.upload:
        raise Refused(413, f"the photo is larger than {limits.upload_mib:g} MiB")
    if not file:
        raise Refused(422, "the photo is empty")
    try:
        with Image.open(io.BytesIO(file), formats=FORMATS) as header:
            width, height = header.size
    except UnidentifiedImageError:
        raise Refused(415, "the photo is no JPEG, PNG, WebP, GIF, BMP or TIFF picture") from None
    except Image.DecompressionBombError:
        raise Refused(413, "the photo has far too many pixels") from None
    except Exception:  # Pillow raises many kinds of error at damaged bytes
        raise Refused(422, "the photo is damaged") from None
    if width * height > limits.pixels:
        raise Refused(
            413,
            f"the photo has {width} x {height} pixels; {limits.megapixels:g} million are the limit",
        )
    try:
        return decode(file)
    except OSError:
        raise Refused(422, "the photo cannot be read: it is damaged or cut short") from None


class Thumbnails:
    """Pictures of listings as small JPEG files, those that were asked for last in memory.

    Safe to read from several threads.
    """

    def __init__(self, read: Callable[[Path], bytes], side: int = SIDE, kept: int = KEPT):
        """None is read yet; `read` takes a picture's path to its file, OSError = cannot."""
        self._read, self._side, self._most = read, side, kept
        self._kept: OrderedDict[Path, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, image: Path) -> bytes:
        """The small picture; empty where it cannot be read."""
        with self._lock:
            if image in self._kept:
                self._kept.move_to_end(image)
                return self._kept[image]
        try:
            small = thumbnail(self._read(image), self._side)
        except OSError:
            small = b""
        with self._lock:
            self._kept[image] = small
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return small
