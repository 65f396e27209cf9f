"""Tests of stylejax/picture_file.py."""

import contextlib
import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from drawn import BLUE, RED, broken_files, halves, near
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from stylejax.picture_file import open_rgb


def square(source: Path | bytes, size: int) -> np.ndarray:
    picture = open_rgb(source, size)
    assert picture.mode == "RGB"
    return np.asarray(picture.resize((size, size), Image.Resampling.BICUBIC), np.uint8)


# EXIF orientation -> where the red half of `halves` stands once the picture is upright.
UPRIGHT = {
    1: "top",
    2: "top",
    3: "bottom",
    4: "bottom",
    5: "left",
    6: "right",
    7: "right",
    8: "left",
}


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_the_exif_orientation_is_applied(tmp_path: Path, orientation: int) -> None:
    path, exif = tmp_path / "a.jpg", Image.Exif()
    exif[0x0112] = orientation
    halves(400, 400).save(path, exif=exif, quality=95)  # large: decoded at reduced size
    pixels = square(path, 16)
    middles = {"top": (2, 8), "bottom": (13, 8), "left": (8, 2), "right": (8, 13)}
    red = [side for side, at in middles.items() if near(pixels[at], RED, 12)]
    assert red == [UPRIGHT[orientation]]


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_is_laid_on_white(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "a.png"
    picture = Image.new("RGBA", (20, 20), (0, 0, 0, 0))  # black where it cannot be seen
    picture.paste((0, 0, 0, 255), (0, 10, 20, 20))
    if mode == "P":
        picture.quantize(4).save(path)
    else:
        picture.convert(mode).save(path)
    pixels = square(path, 20)
    assert near(pixels[3, 10], (255, 255, 255))
    assert near(pixels[16, 10], (0, 0, 0))


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "I;16"])
def test_grey_palette_and_print_pictures_become_rgb(tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("a.jpg" if mode == "CMYK" else "a.png")
    grey = Image.new("L", (20, 20), 255)
    grey.paste(0, (0, 10, 20, 20))
    if mode == "I;16":
        Image.fromarray(np.asarray(grey).astype(np.uint16) * 257).save(path)
    else:
        grey.convert("RGB").convert(mode).save(path)
    pixels = square(path, 20)
    assert near(pixels[3, 10], (255, 255, 255))
    assert near(pixels[16, 10], (0, 0, 0))


def test_sixteen_bit_greys_keep_their_shades(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(np.full((8, 8), 0x4000, np.uint16)).save(path)
    assert near(square(path, 8)[4, 4], (0x40, 0x40, 0x40))


def png(width: int, height: int, depth: int, colour: int, rows: bytes = b"") -> bytes:
    """A PNG written by hand: Pillow writes neither 16-bit colours nor a header without a body."""

    def chunk(name: bytes, content: bytes) -> bytes:
        checked = name + content
        return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(rows)) if rows else b""
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("colour", "pixel", "shown"),
    [
        (0, (0x4012,), (0x40,) * 3),
        (2, (0x4012, 0x80FF, 0xC0AB), (0x40, 0x80, 0xC0)),
        (4, (0x4012, 0xFFFF), (0x40,) * 3),
        (6, (0x4012, 0x80FF, 0xC0AB, 0xFFFF), (0x40, 0x80, 0xC0)),
        (6, (0x4012, 0x80FF, 0xC0AB, 0), (255, 255, 255)),
    ],
    ids=["grey", "RGB", "grey+alpha", "RGB+alpha", "transparent"],
)
def test_of_sixteen_bits_a_channel_the_upper_eight_count(
    colour: int, pixel: tuple[int, ...], shown: tuple[int, ...]
) -> None:
    row = b"\x00" + struct.pack(f">{len(pixel)}H", *pixel) * 3
    assert near(square(png(3, 2, 16, colour, row * 2), 4)[2, 2], shown, 1)


@pytest.mark.parametrize("mode", ["I", "F"])
def test_greys_without_a_range_keep_their_shades(tmp_path: Path, mode: str) -> None:
    values = np.tile(np.array([[0, 250, 500, 1000]]), (4, 1))
    Image.fromarray(values.astype(np.int32 if mode == "I" else np.float32)).save(tmp_path / "a.tif")
    pixels = square(tmp_path / "a.tif", 4)
    assert np.abs(pixels[0, :, 0].astype(int) - [0, 64, 128, 255]).max() <= 1


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_bytes_are_read_as_their_file_is(tmp_path: Path, format: str) -> None:
    halves(90, 40).save(tmp_path / "a", format)
    content = (tmp_path / "a").read_bytes()
    np.testing.assert_array_equal(square(content, 16), square(tmp_path / "a", 16))
    with pytest.raises(OSError, match=r"no JPEG, PNG, WebP, GIF, BMP or TIFF"):
        square(b"<html>404</html>", 16)
    with pytest.raises(OSError, match=r"^empty$"):
        square(b"", 16)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
@pytest.mark.parametrize("side", [(1, 1), (1, 300), (300, 1)], ids=str)
def test_a_picture_one_pixel_wide_or_high_is_a_picture(format: str, side: tuple[int, int]) -> None:
    file = io.BytesIO()
    Image.new("RGB", side, RED).save(file, format)
    pixels = square(file.getvalue(), 8)
    assert all(near(pixel, RED, 12) for pixel in pixels.reshape(-1, 3))


@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF"])
def test_a_picture_20000_pixels_wide_is_read_whole(format: str) -> None:
    wide, file = Image.new("RGB", (20_000, 30), RED), io.BytesIO()
    wide.paste(BLUE, (10_000, 0, 20_000, 30))
    wide.save(file, format)
    pixels = square(file.getvalue(), 16)
    assert near(pixels[8, 2], RED, 12)
    assert near(pixels[8, 13], BLUE, 12)


@pytest.mark.parametrize("size", [(20_000, 3_201), (20_000, 4_800), (20_000, 20_000)], ids=str)
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_decompression_bomb_is_refused_by_its_header(size: tuple[int, int]) -> None:
    """The file has no pixels at all: whoever tries to decode it finds another fault."""
    with pytest.raises(OSError, match=r"too large|exceeds limit"):
        square(png(*size, 1, 0), 8)


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_an_animated_picture_the_first_frame_counts(format: str) -> None:
    file = io.BytesIO()
    first, *rest = (Image.new("RGB", (20, 20), colour) for colour in (RED, BLUE, (0, 200, 0)))
    first.save(file, format, save_all=True, append_images=rest, duration=50)
    with Image.open(io.BytesIO(file.getvalue())) as picture:
        assert picture.n_frames == 3
    assert near(square(file.getvalue(), 8)[4, 4], RED, 12)


def test_a_print_picture_of_adobe_and_one_with_a_profile_are_read() -> None:
    """Adobe stores CMYK inverted and says so in the file; profiles are not applied."""
    file = io.BytesIO()
    Image.new("CMYK", (32, 32), (0, 255, 255, 0)).save(file, "JPEG", quality=95)
    assert b"Adobe" in file.getvalue()
    assert near(square(file.getvalue(), 8)[4, 4], (255, 0, 0), 12)
    file, profile = io.BytesIO(), ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    Image.new("RGB", (32, 32), RED).save(file, "PNG", icc_profile=profile.tobytes())
    assert near(square(file.getvalue(), 8)[4, 4], RED)


def test_a_damaged_exif_tag_beside_the_orientation_costs_nothing() -> None:
    """Two tags: a sound orientation 8, and one that should be a number and is a text."""
    tags = struct.pack("<HHIHxx", 0x0112, 3, 1, 8) + struct.pack("<HHII", 0x013D, 2, 6, 38)
    exif = b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x02\x00" + tags + b"\x00" * 4 + b"maker\x00"
    file = io.BytesIO()
    halves(64, 64).save(file, "JPEG", exif=exif, quality=95)
    pixels = square(file.getvalue(), 16)
    assert near(pixels[8, 2], RED, 12)  # the upper half has turned to the left
    assert near(pixels[8, 13], BLUE, 12)


def test_formats_that_programs_outside_would_decode_are_refused() -> None:
    file = io.BytesIO()
    halves().save(file, "EPS")
    assert Image.open(io.BytesIO(file.getvalue())).format == "EPS"
    with pytest.raises(OSError, match="no JPEG, PNG"):
        square(file.getvalue(), 8)


def test_what_cannot_be_read_is_an_os_error(tmp_path: Path) -> None:
    for path in broken_files(tmp_path).values():
        with pytest.raises(OSError, match=r"."):
            square(path, 8)


@pytest.mark.filterwarnings("ignore")  # Pillow says what it thinks of the file
@given(data=st.data(), format=st.sampled_from(["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF"]))
def test_damaged_bytes_are_a_picture_or_an_os_error(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, format: str
) -> None:
    file, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6
    halves(24, 24).save(file, format, exif=exif)
    content = bytearray(file.getvalue())
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(2, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damaged") / "a"
    path.write_bytes(content)
    with contextlib.suppress(OSError):
        assert square(path, 8).shape == (8, 8, 3)


@pytest.mark.filterwarnings("ignore")
@given(
    content=st.binary(max_size=200), start=st.sampled_from([b"\xff\xd8\xff", b"GIF89a", b"RIFF"])
)
def test_arbitrary_bytes_are_an_os_error(content: bytes, start: bytes) -> None:
    with pytest.raises(OSError, match=r"."):
        square(start + content, 8)


# ---- Pictures
