"""Tests of input_pipeline/pictures.py."""

import contextlib
import csv
import io
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from input_pipeline.pictures import Pictures, read_picture, require_pictures, write_quarantine
from stylejax.config import ConfigError

RED, BLUE = (220, 30, 40), (20, 40, 230)


def halves(width: int = 40, height: int = 40) -> Image.Image:
    """Red above, blue below."""
    picture = Image.new("RGB", (width, height), RED)
    picture.paste(BLUE, (0, height // 2, width, height))
    return picture


def near(pixel: np.ndarray, colour, tolerance: int = 6) -> bool:
    return bool(np.abs(pixel.astype(int) - np.array(colour)).max() <= tolerance)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "bmp", "gif"])
def test_a_picture_is_squeezed_to_a_square(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    halves(90, 40).save(path)
    pixels = read_picture(path, 16)
    assert pixels.shape == (16, 16, 3)
    assert pixels.dtype == np.uint8
    for x in (0, 15):
        assert near(pixels[2, x], RED, 12)
        assert near(pixels[13, x], BLUE, 12)


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
    pixels = read_picture(path, 16)
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
    pixels = read_picture(path, 20)
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
    pixels = read_picture(path, 20)
    assert near(pixels[3, 10], (255, 255, 255))
    assert near(pixels[16, 10], (0, 0, 0))


def test_sixteen_bit_greys_keep_their_shades(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(np.full((8, 8), 0x4000, np.uint16)).save(path)
    assert near(read_picture(path, 8)[4, 4], (0x40, 0x40, 0x40))


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
    assert near(read_picture(png(3, 2, 16, colour, row * 2), 4)[2, 2], shown, 1)


@pytest.mark.parametrize("mode", ["I", "F"])
def test_greys_without_a_range_keep_their_shades(tmp_path: Path, mode: str) -> None:
    values = np.tile(np.array([[0, 250, 500, 1000]]), (4, 1))
    Image.fromarray(values.astype(np.int32 if mode == "I" else np.float32)).save(tmp_path / "a.tif")
    pixels = read_picture(tmp_path / "a.tif", 4)
    assert np.abs(pixels[0, :, 0].astype(int) - [0, 64, 128, 255]).max() <= 1


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_bytes_are_read_as_their_file_is(tmp_path: Path, format: str) -> None:
    halves(90, 40).save(tmp_path / "a", format)
    content = (tmp_path / "a").read_bytes()
    np.testing.assert_array_equal(read_picture(content, 16), read_picture(tmp_path / "a", 16))
    with pytest.raises(OSError, match=r"no JPEG, PNG, WebP, GIF, BMP or TIFF"):
        read_picture(b"", 16)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
@pytest.mark.parametrize("side", [(1, 1), (1, 300), (300, 1)], ids=str)
def test_a_picture_one_pixel_wide_or_high_is_a_picture(format: str, side: tuple[int, int]) -> None:
    file = io.BytesIO()
    Image.new("RGB", side, RED).save(file, format)
    pixels = read_picture(file.getvalue(), 8)
    assert all(near(pixel, RED, 12) for pixel in pixels.reshape(-1, 3))


@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF"])
def test_a_picture_20000_pixels_wide_is_read_whole(format: str) -> None:
    wide, file = Image.new("RGB", (20_000, 30), RED), io.BytesIO()
    wide.paste(BLUE, (10_000, 0, 20_000, 30))
    wide.save(file, format)
    pixels = read_picture(file.getvalue(), 16)
    assert near(pixels[8, 2], RED, 12)
    assert near(pixels[8, 13], BLUE, 12)


@pytest.mark.parametrize("size", [(20_000, 3_201), (20_000, 4_800), (20_000, 20_000)], ids=str)
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_decompression_bomb_is_refused_by_its_header(size: tuple[int, int]) -> None:
    """The file has no pixels at all: whoever tries to decode it finds another fault."""
    with pytest.raises(OSError, match=r"too large|exceeds limit"):
        read_picture(png(*size, 1, 0), 8)


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_an_animated_picture_the_first_frame_counts(format: str) -> None:
    file = io.BytesIO()
    first, *rest = (Image.new("RGB", (20, 20), colour) for colour in (RED, BLUE, (0, 200, 0)))
    first.save(file, format, save_all=True, append_images=rest, duration=50)
    with Image.open(io.BytesIO(file.getvalue())) as picture:
        assert picture.n_frames == 3
    assert near(read_picture(file.getvalue(), 8)[4, 4], RED, 12)


def test_a_print_picture_of_adobe_and_one_with_a_profile_are_read() -> None:
    """Adobe stores CMYK inverted and says so in the file; profiles are not applied."""
    file = io.BytesIO()
    Image.new("CMYK", (32, 32), (0, 255, 255, 0)).save(file, "JPEG", quality=95)
    assert b"Adobe" in file.getvalue()
    assert near(read_picture(file.getvalue(), 8)[4, 4], (255, 0, 0), 12)
    file, profile = io.BytesIO(), ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    Image.new("RGB", (32, 32), RED).save(file, "PNG", icc_profile=profile.tobytes())
    assert near(read_picture(file.getvalue(), 8)[4, 4], RED)


def test_a_damaged_exif_tag_beside_the_orientation_costs_nothing() -> None:
    """Two tags: a sound orientation 8, and one that should be a number and is a text."""
    tags = struct.pack("<HHIHxx", 0x0112, 3, 1, 8) + struct.pack("<HHII", 0x013D, 2, 6, 38)
    exif = b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x02\x00" + tags + b"\x00" * 4 + b"maker\x00"
    file = io.BytesIO()
    halves(64, 64).save(file, "JPEG", exif=exif, quality=95)
    pixels = read_picture(file.getvalue(), 16)
    assert near(pixels[8, 2], RED, 12)  # the upper half has turned to the left
    assert near(pixels[8, 13], BLUE, 12)


def test_formats_that_programs_outside_would_decode_are_refused() -> None:
    file = io.BytesIO()
    halves().save(file, "EPS")
    assert Image.open(io.BytesIO(file.getvalue())).format == "EPS"
    with pytest.raises(OSError, match="no JPEG, PNG"):
        read_picture(file.getvalue(), 8)


def broken_files(folder: Path) -> dict[str, Path]:
    """Name of the fault to a file that has it."""
    good = io.BytesIO()
    halves(200, 200).save(good, "JPEG")
    png = io.BytesIO()
    Image.effect_noise((50, 50), 60).save(png, "PNG")
    contents = {
        "empty": b"",
        "text": b"<html>404</html>",
        "truncated": good.getvalue()[: len(good.getvalue()) // 2],
        "cut header": good.getvalue()[:20],
        "cut png": png.getvalue()[:-400],
        "damaged png": png.getvalue()[:60] + b"\x00" * 40 + png.getvalue()[100:],
    }
    files = {}
    for name, content in contents.items():
        files[name] = folder / f"{name}.jpg"
        files[name].write_bytes(content)
    files["too large"] = folder / "large.png"
    Image.new("1", (8_200, 8_200)).save(files["too large"])
    files["far too large"] = folder / "bomb.png"
    Image.new("1", (20_000, 10_000)).save(files["far too large"])
    files["missing"] = folder / "missing.jpg"
    files["a folder"] = folder / "folder.jpg"
    files["a folder"].mkdir()
    return files


def test_what_cannot_be_read_is_an_os_error(tmp_path: Path) -> None:
    for path in broken_files(tmp_path).values():
        with pytest.raises(OSError, match=r"."):
            read_picture(path, 8)


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
        assert read_picture(path, 8).shape == (8, 8, 3)


@pytest.mark.filterwarnings("ignore")
@given(
    content=st.binary(max_size=200), start=st.sampled_from([b"\xff\xd8\xff", b"GIF89a", b"RIFF"])
)
def test_arbitrary_bytes_are_an_os_error(content: bytes, start: bytes) -> None:
    with pytest.raises(OSError, match=r"."):
        read_picture(start + content, 8)


# ---- Pictures


def test_unreadable_pictures_are_zeros_absent_and_named(tmp_path: Path) -> None:
    halves().save(tmp_path / "good.jpg")
    broken = broken_files(tmp_path)
    images = ["good.jpg", "", *(path.name for path in broken.values())]
    items = [f"item {n}" for n in range(len(images))]
    pictures = Pictures(items, images, tmp_path, 8, cache_mib=1)
    for _ in range(2):  # the second time from the cache
        pixels, present = pictures.read(np.arange(len(images)))
        assert present.tolist() == [True] + [False] * (len(images) - 1)
        assert pixels[0].any()
        assert not pixels[1:].any()
    # No picture at all is an ordinary case, not a fault.
    assert set(pictures.quarantine) == set(items[2:])
    for item, image in zip(items[2:], images[2:], strict=True):
        path, reason = pictures.quarantine[item]
        assert path == image
        assert reason
    assert pictures.quarantine[items[images.index("missing.jpg")]][1] == "No such file or directory"


def test_rows_come_in_the_order_asked_for(tmp_path: Path) -> None:
    for n in range(3):
        Image.new("RGB", (8, 8), (80 * n, 0, 0)).save(tmp_path / f"{n}.png")
    pictures = Pictures(list("abc"), ["0.png", "1.png", "2.png"], tmp_path, 8, 1)
    pixels, _ = pictures.read([2, 0, 2, 1])
    assert pixels[:, 0, 0, 0].tolist() == [160, 0, 160, 80]


@pytest.mark.parametrize(("size", "cache_mib", "kept"), [(512, 1, 1), (512, 2, 2), (8, 0, 0)])
def test_the_cache_keeps_as_many_pictures_as_fit(
    tmp_path: Path, size: int, cache_mib: int, kept: int
) -> None:
    """A kept picture is read again after its file is gone; the others are not."""
    names = [f"{n}.png" for n in range(3)]
    for name in names:
        Image.new("RGB", (8, 8), RED).save(tmp_path / name)
    pictures = Pictures(names, names, tmp_path, size, cache_mib)
    assert pictures.read(range(3))[1].all()
    for name in names:
        (tmp_path / name).unlink()
    assert pictures.read(range(3))[1].sum() == kept


def test_many_threads_read_the_same_pictures(tmp_path: Path) -> None:
    names = [f"{n}.png" for n in range(12)]
    for n, name in enumerate(names[:-1]):
        Image.new("RGB", (8, 8), (20 * n, 0, 0)).save(tmp_path / name)
    pictures = Pictures(names, names, tmp_path, 8, 1)
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: pictures.read(range(12)), range(24)))
    for pixels, present in results:
        assert pixels[:, 0, 0, 0].tolist() == [20 * n for n in range(11)] + [0]
        assert present.sum() == 11
    assert list(pictures.quarantine) == ["11.png"]


def test_a_missing_folder_is_refused_unless_no_listing_has_a_picture(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no folder of pictures .*--data\.images"):
        Pictures(["a"], ["a.jpg"], tmp_path / "nowhere", 8, 1)
    _, present = Pictures(["a"], [""], tmp_path / "nowhere", 8, 1).read([0])
    assert present.tolist() == [False]


def test_the_quarantine_is_a_sorted_table(tmp_path: Path) -> None:
    quarantine = {"b": ("b.jpg", 'bad, "very" bad'), "a": ("a.jpg", "gone")}
    path = write_quarantine(quarantine, tmp_path / "quarantine.csv")
    with path.open(newline="") as file:
        assert list(csv.reader(file)) == [
            ["item_id", "image", "reason"],
            ["a", "a.jpg", "gone"],
            ["b", "b.jpg", 'bad, "very" bad'],
        ]


def test_the_quarantine_of_an_earlier_part_of_the_run_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "quarantine.csv"
    write_quarantine({"b": ("b.jpg", 'cut, "short"'), "c": ("c.jpg", "gone")}, path)
    write_quarantine({"a": ("a.jpg", "empty"), "c": ("c.jpg", "gone again")}, path)
    write_quarantine({}, path)
    with path.open(newline="") as file:
        assert list(csv.reader(file)) == [
            ["item_id", "image", "reason"],
            ["a", "a.jpg", "empty"],
            ["b", "b.jpg", 'cut, "short"'],
            ["c", "c.jpg", "gone again"],
        ]
    assert [file.name for file in tmp_path.iterdir()] == ["quarantine.csv"]


def test_pictures_that_are_addresses_are_to_be_fetched_first(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="stylejax build --dataset catalogue"):
        require_pictures(["", "https://example.com/a.jpg"], tmp_path)


def test_a_folder_with_none_of_the_pictures_is_a_wrong_setting(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "here.jpg")
    require_pictures(["", "here.jpg", "gone.jpg"], tmp_path)
    require_pictures(["", ""], tmp_path)
    with pytest.raises(ConfigError, match=r"not one of 2 pictures can be read, the first .*gone"):
        require_pictures(["gone.jpg", "", "lost.jpg"], tmp_path)
