"""Tests of stylejax/retrieval/page.py: pictures embedded once, and the page of a search."""

import base64
import io
import re
from pathlib import Path

import jinja2
import pytest
from PIL import Image

from stylejax.labels import Card
from stylejax.retrieval.page import MAX_PIXELS, Album, render, thumbnail, write_results_page

EVIL = "<script>alert('x')</script> & \"quotes\" </style>"


def _picture(path: Path, colour: str, size: tuple[int, int] = (40, 30)) -> Path:
    Image.new("RGB", size, colour).save(path)
    return path


def _opened(jpeg: bytes) -> Image.Image:
    return Image.open(io.BytesIO(jpeg))


def _embedded(page: str) -> list[bytes]:
    return [base64.b64decode(code) for code in re.findall(r"data:image/jpeg;base64,([^\"]+)", page)]


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
    assert _opened(thumbnail(wide, 100)).size == (100, 25)
    assert _opened(thumbnail(_picture(tmp_path / "tiny.png", "green", (20, 10)), 100)).size == (
        20,
        10,
    )


def test_thumbnail_is_upright_and_carries_no_metadata(tmp_path: Path) -> None:
    path = tmp_path / "turned.jpg"
    picture = Image.new("RGB", (80, 40), "red")
    exif = picture.getexif()
    exif[0x0112] = 6  # stored lying on its side
    exif[0x010F] = "camera of the supplier"
    picture.save(path, exif=exif)
    small = _opened(thumbnail(path, 40))
    assert small.size == (20, 40)
    assert not small.getexif()


def test_transparent_pictures_stand_on_white(tmp_path: Path) -> None:
    Image.new("RGBA", (20, 20), (255, 0, 0, 0)).save(tmp_path / "clear.png")
    colour = _opened(thumbnail(tmp_path / "clear.png", 20)).getpixel((10, 10))
    assert isinstance(colour, tuple)
    assert min(colour) > 250


def test_huge_pictures_are_not_decoded(tmp_path: Path) -> None:
    side = int(MAX_PIXELS**0.5) + 1
    Image.new("1", (side, side)).save(tmp_path / "huge.png")
    assert thumbnail(tmp_path / "huge.png", 20) == b""


def test_results_page(tmp_path: Path) -> None:
    query = _picture(tmp_path / "query.png", "orange")
    cards = [
        Card("a", EVIL, "Toys > Frogs", _picture(tmp_path / "a.png", "green")),
        Card("b", "", "", None),
        Card("c", "blue frog", "Toys > Frogs", tmp_path / "gone.png"),
    ]
    out = tmp_path / "new" / "page.html"
    write_results_page(out, str(query), "3d <frog>", cards, [0.91234, 0.5, -0.25])
    page = out.read_text(encoding="utf-8")

    assert len(_embedded(page)) == 2
    assert all(_opened(jpeg).format == "JPEG" for jpeg in _embedded(page))
    assert page.count("no photo") == 2
    assert "3d &lt;frog&gt;" in page
    assert "A photo and words, read together; 3 listings" in page
    assert re.findall(r'class="rank">(\d+)<', page) == ["1", "2", "3"]
    assert re.findall(r'class="score">([^<]+)<', page) == ["0.912", "0.500", "-0.250"]
    assert page.count("Toys &gt; Frogs") == 2
    assert "(no title)" in page
    assert "<script" not in page
    assert page.count("</style>") == 1
    assert "://" not in page


@pytest.mark.parametrize(
    ("image", "words", "told"),
    [("", "red mug", "Words alone"), ("query.png", "", "A photo alone")],
)
def test_results_page_of_half_a_query(tmp_path: Path, image: str, words: str, told: str) -> None:
    if image:
        image = str(_picture(tmp_path / image, "red"))
    write_results_page(tmp_path / "page.html", image, words, [], [])
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert told in page
    assert "No listing was found" in page
    assert len(_embedded(page)) == bool(image)


def test_every_card_needs_a_score(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="shorter"):
        write_results_page(tmp_path / "page.html", "", "mug", [Card("a", "", "", None)], [])


def test_a_value_that_is_not_given_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(jinja2.UndefinedError):
        render(tmp_path / "page.html", "results", album=Album())
    assert not (tmp_path / "page.html").exists()
