"""Tests of stylejax/retrieval/duplicates/review.py."""

import re
from pathlib import Path
from typing import Any

import numpy as np
from duplicate_listings import products, space_of
from PIL import Image

from stylejax.labels import Card
from stylejax.retrieval.duplicates.agreement import agreement
from stylejax.retrieval.duplicates.find import Duplicates, Wanted, find_duplicates
from stylejax.retrieval.duplicates.labelled import ByTruth, Truth
from stylejax.retrieval.duplicates.neighbours import neighbours
from stylejax.retrieval.duplicates.review import BY_LOT, SECTIONS, SHOWN, write_review
from stylejax.retrieval.duplicates.to_label import drawn_pairs

EVIL = "<script>alert('x')</script>"


def found(count: int, listings: int, *, judged: bool = True) -> tuple[Duplicates, np.ndarray]:
    vectors, product = products(count, listings, spread=0.05, dim=16)
    space = space_of(vectors)
    near = neighbours(space, 12, local=0)
    truth = Truth(product, np.zeros(len(product), np.int64))
    judge = ByTruth(near, truth, np.arange(len(product))) if judged else None
    return find_duplicates(space, near, judge, Wanted(), 0.9), product


def written(folder: Path, duplicates: Duplicates, **others: Any) -> str:
    path = folder / "review.html"
    Image.new("RGB", (20, 20), "red").save(folder / "a.png")
    given: dict[str, Any] = {
        "name": "run",
        "note": "All simulated.",
        "card": lambda item: Card(item, f"title of {item}", "Home > Mugs", folder / "a.png"),
        "read": Path.read_bytes,
        "product": None,
        "told": {"wanted": {"precision": 0.9}, "threshold_by": "chosen by lot", "truth": None},
        "pairs": None,
    }
    write_review(path, duplicates, **(given | others))
    return path.read_text()


def plain(page: str) -> str:
    page = re.sub(r"<style>.*?</style>", "", page, flags=re.S)
    return " ".join(re.sub(r"<[^>]*>", " ", page).split())


def test_numbers_curve_and_groups_are_shown(tmp_path: Path) -> None:
    told, product = found(4, 3)
    truth = Truth(product, np.zeros(12, np.int64))
    judged = agreement(product, truth, np.arange(12))
    about = {
        "wanted": None,
        "threshold_by": "given",
        "truth": {"column": "group", "splits": {"test": judged}},
    }
    page = written(tmp_path, told, product=product, told=about)
    text = plain(page)
    assert "groups 4 12 of 12 listings are in one; the largest has 3" in text
    assert "precision 100.0 %" in text
    assert "threshold 0.900 given" in text
    assert "test 12 100.0 51.0 to 100.0 100.0" in text  # four products (Wilson)
    assert "Precision and recall over the threshold" in text
    assert text.count("Group ") == 4
    assert page.count('<li class="tile right">') == 12
    assert "title of L0011" in text
    assert page.count("data:image/jpeg") == 1
    assert "All simulated." in text


def test_a_listing_of_another_product_is_wrong(tmp_path: Path) -> None:
    told, product = found(4, 3)
    product[4], product[9:] = 0, -1
    page = written(tmp_path, told, product=product)
    assert page.count('<li class="tile right">') == 8
    assert page.count('<li class="tile wrong">') == 1
    assert page.count('<li class="tile unknown">') == 3


def test_without_the_truth_nothing_is_judged_and_pairs_wait_for_labels(tmp_path: Path) -> None:
    told, _ = found(4, 3, judged=False)
    page = written(tmp_path, told, pairs=drawn_pairs(told))
    text = plain(page)
    assert "12 pairs to label" in text
    assert "pair 12" in text
    assert "recall" not in text.lower()
    assert page.count('<li class="tile unknown">') == 12
    assert "another one" not in text


def test_the_page_does_not_grow_with_the_catalogue(tmp_path: Path) -> None:
    small = written(tmp_path, found(60, 3, judged=False)[0])
    large = written(tmp_path, found(400, 3, judged=False)[0])
    for page in (small, large):
        shown = re.findall(r"<h3>Group (\d+)", page)
        assert len(shown) == len(set(shown)) <= BY_LOT + 3 * SECTIONS
    assert len(large) < 1.2 * len(small)


def test_of_a_large_group_the_surest_and_the_least_sure_are_shown(tmp_path: Path) -> None:
    told, _ = found(2, 40, judged=False)
    assert told.groups.count == 2
    page = written(tmp_path, told)
    assert plain(page).count(f"{40 - SHOWN} more") == 2
    assert page.count('<li class="tile') == 2 * SHOWN


def test_the_page_is_one_file_and_escapes_what_suppliers_write(tmp_path: Path) -> None:
    told, _ = found(4, 3)
    card = lambda item: Card(item, EVIL + "x" * 10_000, "", None)  # noqa: E731
    page = written(tmp_path, told, card=card)
    assert EVIL not in page
    assert "&lt;script&gt;" in page
    assert "x" * 400 not in page
    assert not re.findall(r'(?:src|href)="(?!data:)', page)
    assert "no category" in page


def test_no_groups_is_said(tmp_path: Path) -> None:
    space = space_of(np.eye(4, dtype=np.float32))
    told = find_duplicates(space, neighbours(space, 3, local=0), None, Wanted(), 0.5)
    assert "No two listings are near enough" in plain(written(tmp_path, told))
