"""The pictures of a page: decoded, shrunk to JPEG, and embedded once each."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from stylejax.picture_file import open_rgb

MOST = 14_000_000  # bytes of pictures on a page, as written there
THUMBNAIL = 112  # longest side of a thumbnail in pixels; shown at about 96 CSS pixels
QUALITY = 80


class Album:
    """The pictures of one page.

    A picture is embedded once, as the background of a CSS class, however many listings or
    results show it: pages with hundreds of results stay at a few MB.
    """

    def __init__(self, side: int = THUMBNAIL, read: Callable[[Path], bytes] = Path.read_bytes):
        """An album without pictures.

        Args:
          side: longest side in pixels that pictures are shrunk to.
          read: from a picture's path to what is in the file; OSError = cannot be read.
        """
        self.side, self._read = side, read
        self.styles: dict[str, str] = {}  # CSS class -> data URI, in order of first use
        self.left_out = 0  # pictures that would have made the page too large
        self._bytes = 0
        self._class_of: dict[Path | bytes, str] = {}

    def add(self, image: Path | None) -> str:
        """The CSS class that shows a picture; empty where there is none or it cannot be read.

        Once the page holds 14 MB of pictures it is empty for all others too.
        """
        if image is None:
            return ""
        if image not in self._class_of:
            self._class_of[image] = self._added(self._thumbnail(image))
        return self._class_of[image]

    def _added(self, jpeg: bytes) -> str:
        # Suppliers copy each other's files: equal pictures under other names are one entry.
        if not jpeg or jpeg in self._class_of:
            return self._class_of.get(jpeg, "")
        uri = data_uri(jpeg)
        if self._bytes + len(uri) > MOST:
            self.left_out += 1
            return ""
        self._bytes += len(uri)
        name = self._class_of[jpeg] = f"p{len(self.styles)}"
        self.styles[name] = uri
        return name

    def _thumbnail(self, image: Path) -> bytes:
        try:
            return thumbnail(self._read(image), self.side)
        except OSError:
            return b""


def thumbnail(picture_file: bytes, side: int) -> bytes:
    """A picture as a small JPEG: upright, whole, on white; empty when it cannot be decoded.

    Args:
      picture_file: JPEG, PNG, WebP, GIF, BMP or TIFF.
      side: longest side in pixels; smaller pictures are not enlarged.
    """
    try:
        small = open_rgb(picture_file, side)
    except OSError:
        return b""
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    # A fresh buffer: the file's EXIF and colour profile are not the page's business.
    written = io.BytesIO()
    small.save(written, "JPEG", quality=QUALITY, optimize=True, exif=b"", icc_profile=None)
    return written.getvalue()


def data_uri(jpeg: bytes) -> str:
    """A JPEG as the address of itself."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")
