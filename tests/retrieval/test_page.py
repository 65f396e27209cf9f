"""Tests of stylejax/retrieval/page.py: the page of a search."""

import base64
import io
import re
from pathlib import Path

import jinja2
import numpy as np
import pytest
from PIL import Image

from stylejax.labels import Card
from stylejax.retrieval.album import Album
from stylejax.retrieval.page import TEMPLATES, environment, render, write_results_page
from stylejax.retrieval.query import Query

PHOTO = np.zeros((8, 8, 3), np.uint8)
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
    asked = Query(PHOTO, said=("3d <frog>", "teal"), without="<b>gift")
    write_results_page(out, asked, query.read_bytes(), cards, [0.91234, 0.5, -0.25])
    page = out.read_text(encoding="utf-8")

    assert len(_embedded(page)) == 2
    assert all(_opened(jpeg).format == "JPEG" for jpeg in _embedded(page))
    assert page.count("no photo") == 2
    heading = "“3d &lt;frog&gt;”, then “teal”, without “&lt;b&gt;gift”"
    assert heading in page.replace("&ldquo;", "“").replace("&rdquo;", "”")
    assert "3 listings by photo, words, without, best first" in page
    assert re.findall(r'class="rank">(\d+)<', page) == ["1", "2", "3"]
    assert re.findall(r'class="score">([^<]+)<', page) == ["0.912", "0.500", "−0.250"]
    assert page.count("Toys &gt; Frogs") == 2
    assert "(no title)" in page
    assert "<script" not in page
    assert page.count("</style>") == 1
    assert "://" not in page


@pytest.mark.parametrize(
    ("query", "told", "pictures"),
    [
        (Query(said=("red mug",)), "by words", 0),
        (Query(PHOTO), "Products like this photo", 1),
        (Query(like="L00"), "Products like this listing", 1),
    ],
)
def test_results_page_of_half_a_query(
    tmp_path: Path, query: Query, told: str, pictures: int
) -> None:
    photo = _picture(tmp_path / "query.png", "red").read_bytes() if pictures else b""
    write_results_page(tmp_path / "page.html", query, photo, [], [])
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert told in page
    assert "No listing was found" in page
    assert len(_embedded(page)) == pictures


def test_every_card_needs_a_score(tmp_path: Path) -> None:
    card = Card("a", "", "", None)
    with pytest.raises(ValueError, match="shorter"):
        write_results_page(tmp_path / "page.html", Query(said=("mug",)), b"", [card], [])


def test_a_value_that_is_not_given_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(jinja2.UndefinedError):
        render(tmp_path / "page.html", "results", album=Album())
    assert not (tmp_path / "page.html").exists()


def test_every_table_scrolls_in_a_box_of_its_own() -> None:
    """On a phone a table that is wider than the page would be cut, or widen it."""
    found = 0
    for template in TEMPLATES.glob("*.jinja"):
        before = ""
        for line in template.read_text().splitlines():
            if line.startswith("<table"):
                assert before == '<div class="scroll">', (template.name, line)
                found += 1
            before = line
    assert found >= 8


def test_what_rounds_to_zero_has_no_sign() -> None:
    filters = environment(TEMPLATES).filters
    assert [filters["score"](x) for x in (-0.0004, -0.0006, 0.25)] == ["0.000", "−0.001", "0.250"]
    assert [filters["signed_percent"](x) for x in (-0.0004, 0.0, -0.002)] == [
        "+0.0",
        "+0.0",
        "-0.2",
    ]
    assert filters["percent"](-0.0001) == "0.0"
    assert filters["tick"](-0.0) == "0"
