"""Tests of stylejax/retrieval/page.py: the page of a search."""

import base64
import io
import re
from pathlib import Path

import jinja2
import pytest
from PIL import Image

from stylejax.labels import Card
from stylejax.retrieval.album import Album
from stylejax.retrieval.page import render, write_results_page

EVIL = "<script>alert('x')</script> & \"quotes\" </style>"


def _picture(path: Path, colour: str, size: tuple[int, int] = (40, 30)) -> Path:
    Image.new("RGB", size, colour).save(path)
    return path


def _opened(jpeg: bytes) -> Image.Image:
    return Image.open(io.BytesIO(jpeg))


def _embedded(page: str) -> list[bytes]:
    return [base64.b64decode(code) for code in re.findall(r"data:image/jpeg;base64,([^\"]+)", page)]


def test_results_page(tmp_path: Path) -> None:
    query = _picture(tmp_path / "query.png", "orange")
    cards = [
        Card("a", EVIL, "Toys > Frogs", _picture(tmp_path / "a.png", "green")),
        Card("b", "", "", None),
        Card("c", "blue frog", "Toys > Frogs", tmp_path / "gone.png"),
    ]
    out = tmp_path / "new" / "page.html"
    write_results_page(out, query.read_bytes(), "3d <frog>", cards, [0.91234, 0.5, -0.25])
    page = out.read_text(encoding="utf-8")

    assert len(_embedded(page)) == 2
    assert all(_opened(jpeg).format == "JPEG" for jpeg in _embedded(page))
    assert page.count("no photo") == 2
    assert "3d &lt;frog&gt;" in page
    assert "A photo and words; 3 listings" in page
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
    photo = _picture(tmp_path / image, "red").read_bytes() if image else b""
    write_results_page(tmp_path / "page.html", photo, words, [], [])
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert told in page
    assert "No listing was found" in page
    assert len(_embedded(page)) == bool(image)


def test_every_card_needs_a_score(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="shorter"):
        write_results_page(tmp_path / "page.html", b"", "mug", [Card("a", "", "", None)], [])


def test_a_value_that_is_not_given_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(jinja2.UndefinedError):
        render(tmp_path / "page.html", "results", album=Album())
    assert not (tmp_path / "page.html").exists()
