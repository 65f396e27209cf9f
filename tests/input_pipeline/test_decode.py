"""Tests of input_pipeline/decode.py: pictures straight from their files."""

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from input_pipeline.decode import FilePictures, StoredPictures, decode_picture
from input_pipeline.pictures import Pictures, read_picture
from stylejax.config import ConfigError

RED, BLUE = (220, 30, 40), (20, 40, 230)


def halves(width: int = 64, height: int = 64) -> Image.Image:
    """Red above, blue below."""
    picture = Image.new("RGB", (width, height), RED)
    picture.paste(BLUE, (0, height // 2, width, height))
    return picture


def encoded(picture: Image.Image, form: str = "JPEG", **options) -> bytes:
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


def near(pixel: np.ndarray, colour, tolerance: int = 6) -> bool:
    return bool(np.abs(pixel.astype(int) - np.array(colour)).max() <= tolerance)


@pytest.mark.parametrize(
    ("least", "expected"),
    [(400, 1), (201, 1), (200, 2), (101, 2), (100, 4), (51, 4), (50, 8), (1, 8)],
)
def test_a_jpeg_is_decoded_no_finer_than_needed(least: float, expected: int) -> None:
    picture = decode_picture(encoded(halves(600, 400)), least)
    assert picture.shape == (400 // expected, 600 // expected, 3)
    assert min(picture.shape[:2]) >= min(400, least)
    assert near(picture[2, 2], RED)
    assert near(picture[-3, -3], BLUE)


@pytest.fixture
def careful(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenCV must not be asked."""

    def asked(*_):
        raise AssertionError("decoded by OpenCV")

    monkeypatch.setattr(cv2, "imdecode", asked)


@pytest.mark.usefixtures("careful")
@pytest.mark.parametrize("form", ["PNG", "WEBP", "GIF"])
def test_what_is_no_jpeg_takes_the_careful_way(form: str) -> None:
    data = encoded(halves(90, 40), form)
    assert np.array_equal(decode_picture(data, 24.3), read_picture(data, 24))


@pytest.mark.usefixtures("careful")
def test_a_jpeg_in_the_inks_of_print_takes_the_careful_way() -> None:
    data = encoded(halves().convert("CMYK"))
    assert near(decode_picture(data, 32)[4, 4], read_picture(data, 32)[4, 4])


@pytest.mark.usefixtures("careful")
@pytest.mark.parametrize("kept", [0, 1, 2, 20, 400, 0.5, -2])
def test_a_jpeg_that_is_cut_off_is_refused(kept: float) -> None:
    data = encoded(Image.effect_noise((200, 200), 60))
    end = int(len(data) * kept) if isinstance(kept, float) else kept
    with pytest.raises(OSError, match=r"."):
        decode_picture(data[:end], 32)


@pytest.mark.usefixtures("careful")
def test_a_jpeg_of_too_many_pixels_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("input_pipeline.decode", "stylejax.picture_file"):
        monkeypatch.setattr(f"{module}.MAX_PIXELS", 1000)
    with pytest.raises(OSError, match="64 x 64 pixels is too large"):
        decode_picture(encoded(halves()), 8)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_exif_orientation_is_applied(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(halves(64, 64), exif=exif, quality=95)
    fast, slow = decode_picture(data, 64), read_picture(data, 64)
    assert np.abs(fast.astype(int) - slow).mean() < 2
    wide = encoded(halves(64, 32), exif=exif, quality=95)
    assert decode_picture(wide, 32).shape == ((64, 32, 3) if orientation > 4 else (32, 64, 3))


XMP = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description
xmlns:tiff="http://ns.adobe.com/tiff/1.0/" {}</rdf:Description></rdf:RDF></x:xmpmeta>"""


@pytest.mark.parametrize(
    "tag", ['tiff:Orientation="6">', "><tiff:Orientation>6</tiff:Orientation>"]
)
@pytest.mark.usefixtures("careful")
def test_an_orientation_that_xmp_alone_holds_is_applied(tag: str) -> None:
    picture = decode_picture(encoded(halves(), xmp=XMP.format(tag).encode()), 64)
    assert near(picture[32, 60], RED)  # what was above is right now
    assert near(picture[32, 3], BLUE)


def test_xmp_that_turns_nothing_is_no_reason_for_the_careful_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr("input_pipeline.decode.read_picture")
    xmp = XMP.format('tiff:Orientation="1">').encode()
    assert decode_picture(encoded(halves(), xmp=xmp), 64).shape == (64, 64, 3)


def test_grey_becomes_rgb() -> None:
    picture = decode_picture(encoded(halves().convert("L")), 64)
    assert picture.shape == (64, 64, 3)
    assert np.ptp(picture.astype(int), axis=2).max() == 0


@pytest.mark.filterwarnings("ignore")  # Pillow says what it thinks of the file
@given(data=st.data(), progressive=st.booleans())
def test_damaged_bytes_are_a_picture_or_an_os_error(data: st.DataObject, progressive: bool) -> None:
    content = bytearray(encoded(halves(24, 24), progressive=progressive))
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(2, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        picture = decode_picture(bytes(content), 8)
    except OSError:
        return
    assert picture.ndim == 3
    assert picture.shape[2] == 3
    assert picture.dtype == np.uint8


# ---- By number


def test_files_are_read_by_number_and_faults_named(tmp_path: Path) -> None:
    halves(64, 40).save(tmp_path / "good.jpg")
    (tmp_path / "bad.jpg").write_text("<html>404</html>")
    images = ["good.jpg", "", "bad.jpg", "missing.jpg", "no\0name.jpg"]
    pictures = FilePictures(list("abcde"), images, tmp_path)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda n: pictures(n % 5, 40.0), range(50)))
    shapes = [None if picture is None else picture.shape for picture in found]
    assert shapes == [(40, 64, 3), None, None, None, None] * 10
    assert set(pictures.quarantine) == {"c", "d", "e"}  # no picture at all is an ordinary case
    assert pictures.quarantine["e"] == (images[4], "embedded null byte")
    assert pictures.quarantine["d"] == ("missing.jpg", "No such file or directory")
    assert pictures.quarantine["c"][0] == "bad.jpg"


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no folder of pictures .*--data\.images"):
        FilePictures(["a"], ["a.jpg"], tmp_path / "nowhere")


def test_stored_pictures_are_those_of_the_cache(tmp_path: Path) -> None:
    halves().save(tmp_path / "a.jpg")
    kept = Pictures(["a", "b", "c"], ["a.jpg", "", "gone.jpg"], tmp_path, 16, 8)
    pictures = StoredPictures(kept)
    picture = pictures(0, 500.0)
    assert picture is not None
    assert np.array_equal(picture, read_picture(tmp_path / "a.jpg", 16))
    assert pictures(1, 8.0) is None
    assert pictures(2, 8.0) is None
    assert set(pictures.quarantine) == {"c"}
