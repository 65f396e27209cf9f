"""Tests of stylejax/serving/photos.py."""

import io
import zlib
from pathlib import Path

import pytest
from PIL import Image

from stylejax.picture_file import open_rgb
from stylejax.serving.limits import Limits, Refused
from stylejax.serving.photos import Thumbnails, read_photo

LIMITS = Limits(upload_mib=0.25, megapixels=0.01)


def picture(width: int = 40, height: int = 30, kind: str = "PNG") -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (width, height), "red").save(written, kind)
    return written.getvalue()


def size(file: bytes) -> tuple[int, int]:
    return open_rgb(file, 100).size


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_a_photo_is_decoded(kind: str) -> None:
    assert read_photo(picture(kind=kind), LIMITS, size) == (40, 30)


@pytest.mark.parametrize(
    ("file", "status", "reason"),
    [
        (b"", 422, "empty"),
        (b"no picture", 415, "no JPEG"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", 415, "no JPEG"),
        (picture()[:60], 422, "cut short"),
        (picture(kind="JPEG")[:300], 422, "damaged"),
        (picture(101, 100), 413, "101 x 100 pixels"),
        (b"x" * (2**18 + 1), 413, "larger than 0.25 MiB"),
    ],
)
def test_what_is_refused_says_why(file: bytes, status: int, reason: str) -> None:
    with pytest.raises(Refused, match=reason) as refused:
        read_photo(file, LIMITS, size)
    assert refused.value.status == status


def test_a_picture_that_would_fill_the_memory_is_refused_by_its_header() -> None:
    """A few hundred bytes that say they are 30,000 x 30,000 pixels."""
    header = bytearray(picture())
    header[16:24] = (30_000).to_bytes(4, "big") * 2
    header[29:33] = zlib.crc32(bytes(header[12:29])).to_bytes(4, "big")

    def decode(file: bytes) -> None:
        raise AssertionError("it was decoded")

    with pytest.raises(Refused) as refused:
        read_photo(bytes(header), Limits(), decode)
    assert refused.value.status == 413


def test_pictures_of_listings_are_small_and_read_once(tmp_path: Path) -> None:
    read: list[Path] = []
    files = [tmp_path / f"{n}.png" for n in range(3)]
    for file in files:
        file.write_bytes(picture(64, 32))
    (tmp_path / "broken.png").write_bytes(b"no picture")

    def reader(path: Path) -> bytes:
        read.append(path)
        return path.read_bytes()

    shown = Thumbnails(reader, side=16, kept=2)
    assert Image.open(io.BytesIO(shown(files[0]))).size == (16, 8)
    shown(files[0])
    assert read == files[:1]
    shown(files[1])
    shown(files[0])
    shown(files[2])  # the first was asked for later than the second, which goes
    assert (shown(files[0]), len(read)) == (shown(files[0]), 3)
    shown(files[1])
    assert len(read) == 4
    assert shown(tmp_path / "broken.png") == shown(tmp_path / "missing.png") == b""
