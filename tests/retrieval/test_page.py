"""Tests of stylejax/retrieval/page.py: the page of a search."""

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylejax.labels import Card
from stylejax.retrieval.page import write_results_page
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
    write_results_page(out, asked, query, cards, [0.91234, 0.5, -0.25])
    page = out.read_text(encoding="utf-8")

    assert len(_embedded(page)) == 2
    assert all(_opened(jpeg).format == "JPEG" for jpeg in _embedded(page))
    assert page.count("no photo") == 2
    heading = "“3d &lt;frog&gt;”, then “teal”, without “&lt;b&gt;gift”"
    assert heading in page.replace("&ldquo;", "“").replace("&rdquo;", "”")
    assert "3 listings by a photo and words, without “&lt;b&gt;gift”, best first." in page
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
    picture = _picture(tmp_path / "query.png", "red") if pictures else None
    write_results_page(tmp_path / "page.html", query, picture, [], [])
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert told in page
    assert "No listing was found" in page
    assert len(_embedded(page)) == pictures


def test_every_card_needs_a_score(tmp_path: Path) -> None:
    card = Card("a", "", "", None)
    with pytest.raises(ValueError, match="shorter"):
        write_results_page(tmp_path / "page.html", Query(said=("mug",)), None, [card], [])


def test_a_query_whose_picture_is_gone_has_a_page(tmp_path: Path) -> None:
    card = Card("a", "mug", "", None)
    write_results_page(
        tmp_path / "page.html", Query(like="b"), tmp_path / "gone.png", [card], [0.5]
    )
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.count("no photo") == 2
    assert "1 listing by a listing, best first." in page


def test_a_page_tells_how_it_was_made(tmp_path: Path) -> None:
    card, out = Card("a", "mug", "", None), tmp_path / "page.html"
    query = Query(PHOTO, said=("teal",), weight=1.5, category="Home > Mugs")
    write_results_page(out, query, None, [card], [0.5], note="All is simulated.")
    page = out.read_text(encoding="utf-8")
    assert "by a photo and words, in Home &gt; Mugs, best first." in page
    assert "Each turn of words counts 1.5, the photo 1." in page
    assert "All is simulated." in page
    write_results_page(out, Query(PHOTO, said=("teal",), method="joint"), None, [card], [0.5])
    assert "Photo and words were read together." in out.read_text(encoding="utf-8")
