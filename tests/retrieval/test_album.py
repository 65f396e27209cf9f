"""Tests of stylejax/retrieval/album.py: any picture becomes a small JPEG, embedded once."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylejax.picture_file import MAX_PIXELS
from stylejax.retrieval import album as module
from stylejax.retrieval.album import Album, thumbnail


def _picture(path: Path, colour: str, size: tuple[int, int] = (40, 30)) -> Path:
    Image.new("RGB", size, colour).save(path)
    return path


def _opened(jpeg: bytes) -> Image.Image:
    return Image.open(io.BytesIO(jpeg))


def test_album_embeds_a_picture_once(tmp_path: Path) -> None:
    red, blue = _picture(tmp_path / "red.png", "red"), _picture(tmp_path / "blue.png", "blue")
    copy = tmp_path / "copy.png"
    copy.write_bytes(red.read_bytes())
    album = Album()
    names = [album.add(path) for path in (red, blue, red, copy)]
    assert names[0] == names[2] == names[3] != names[1]
    assert list(album.styles) == [names[0], names[1]]


def test_album_has_no_class_for_what_cannot_be_read(tmp_path: Path) -> None:
    broken, cut, empty = (tmp_path / name for name in ("broken.jpg", "cut.jpg", "empty.jpg"))
    broken.write_bytes(b"no picture at all")
    whole = _picture(tmp_path / "whole.jpg", "red", (300, 300)).read_bytes()
    cut.write_bytes(whole[: len(whole) // 2])
    empty.touch()
    album = Album()
    assert [album.add(p) for p in (None, broken, cut, empty, tmp_path, tmp_path / "gone.jpg")] == (
        [""] * 6
    )
    assert album.styles == {}


def test_thumbnail_is_small_whole_and_not_enlarged(tmp_path: Path) -> None:
    wide = _picture(tmp_path / "wide.jpg", "green", (400, 100))
    assert _opened(thumbnail(wide.read_bytes(), 100)).size == (100, 25)
    small = _picture(tmp_path / "tiny.png", "green", (20, 10))
    assert _opened(thumbnail(small.read_bytes(), 100)).size == (20, 10)


def test_thumbnail_is_upright_and_carries_no_metadata(tmp_path: Path) -> None:
    path = tmp_path / "turned.jpg"
    picture = Image.new("RGB", (80, 40), "red")
    exif = picture.getexif()
    exif[0x0112] = 6  # stored lying on its side
    exif[0x010F] = "camera of the supplier"
    picture.save(path, exif=exif)
    small = _opened(thumbnail(path.read_bytes(), 40))
    assert small.size == (20, 40)
    assert not small.getexif()


def test_transparent_pictures_stand_on_white(tmp_path: Path) -> None:
    Image.new("RGBA", (20, 20), (255, 0, 0, 0)).save(tmp_path / "clear.png")
    colour = _opened(thumbnail((tmp_path / "clear.png").read_bytes(), 20)).getpixel((10, 10))
    assert isinstance(colour, tuple)
    assert min(colour) > 250


def test_huge_pictures_are_not_decoded(tmp_path: Path) -> None:
    side = int(MAX_PIXELS**0.5) + 1
    Image.new("1", (side, side)).save(tmp_path / "huge.png")
    assert thumbnail((tmp_path / "huge.png").read_bytes(), 20) == b""


def test_sixteen_bit_pictures_keep_their_greys(tmp_path: Path) -> None:
    Image.fromarray(np.full((20, 20), 0x8000, np.uint16)).save(tmp_path / "deep.png")
    colour = _opened(thumbnail((tmp_path / "deep.png").read_bytes(), 20)).getpixel((10, 10))
    assert isinstance(colour, tuple)
    assert all(abs(value - 128) <= 2 for value in colour)


def test_formats_that_run_other_programs_are_not_opened(tmp_path: Path) -> None:
    Image.new("RGB", (20, 20), "red").save(tmp_path / "page.eps")
    assert thumbnail((tmp_path / "page.eps").read_bytes(), 20) == b""


def test_pictures_come_from_wherever_the_reader_finds_them(tmp_path: Path) -> None:
    stored = {"shelf#1": _picture(tmp_path / "red.png", "red").read_bytes()}

    def read(image: Path) -> bytes:
        if image.name not in stored:
            raise FileNotFoundError(image)
        return stored[image.name]

    album = Album(20, read)
    assert [bool(album.add(Path(name))) for name in ("shelf#1", "shelf#2")] == [True, False]
    assert list(album.styles) == [album.add(Path("shelf#1"))]


def test_a_page_stays_small_whatever_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    colours = ("red", "green", "blue", "white", "black")
    paths = [_picture(tmp_path / f"{colour}.png", colour) for colour in colours]
    one = Album()
    one.add(paths[0])
    (uri,) = one.styles.values()
    monkeypatch.setattr(module, "MOST", 3 * len(uri) + 50)
    album = Album()
    names = [album.add(path) for path in [*paths, paths[0], paths[4]]]
    assert names[:3] == ["p0", "p1", "p2"]
    assert names[3:] == ["", "", "p0", ""]
    assert album.left_out == 2
    assert sum(map(len, album.styles.values())) <= module.MOST
