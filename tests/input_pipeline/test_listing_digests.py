"""Tests of input_pipeline/listing_digests.py."""

import os
from pathlib import Path

import numpy as np
import pytest

from input_pipeline.listing_digests import digests
from input_pipeline.photos import Photos

TEXTS = ["a mug", "a plate", ""]
PATHS = ["Mugs", "Plates", ""]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        (tmp_path / name).write_bytes(name.encode())
        os.utime(tmp_path / name, (1, 1))
    return tmp_path


def photos(*images: str) -> Photos:
    """The first listing has two, the others one."""
    return Photos(np.array([0, 2, 3, 4]), list(images), list(images))


ALL = photos("a.jpg", "b.jpg", "c.jpg", "")


def changed(before: list[str], after: list[str]) -> list[int]:
    return [row for row in range(3) if before[row] != after[row]]


def test_the_same_listings_have_the_same_digests(folder: Path) -> None:
    found = digests(TEXTS, PATHS, ALL, folder)
    assert found == digests(TEXTS, PATHS, ALL, folder)
    assert len(set(found)) == 3


@pytest.mark.parametrize(
    ("what", "row"),
    [
        ("text", 1),
        ("category", 1),
        ("path", 0),
        ("content", 0),
        ("time", 1),
        ("gone", 1),
        ("order", 0),
        ("new", 2),
    ],
)
def test_what_changes_a_listing_changes_its_digest_alone(folder: Path, what: str, row: int) -> None:
    before, now = digests(TEXTS, PATHS, ALL, folder), ALL
    texts, paths = list(TEXTS), list(PATHS)
    if what == "text":
        texts[1] += "s"
    elif what == "category":
        paths[1] = "Bowls"
    elif what == "path":
        (folder / "d.jpg").write_bytes(b"b.jpg")
        os.utime(folder / "d.jpg", (1, 1))
        now = photos("a.jpg", "d.jpg", "c.jpg", "")
    elif what == "content":
        (folder / "b.jpg").write_bytes(b"another one")
        os.utime(folder / "b.jpg", (1, 1))
    elif what == "time":
        os.utime(folder / "c.jpg", (2, 2))
    elif what == "gone":
        (folder / "c.jpg").unlink()
    elif what == "order":
        now = photos("b.jpg", "a.jpg", "c.jpg", "")
    else:
        now = photos("a.jpg", "b.jpg", "c.jpg", "a.jpg")
    assert changed(before, digests(texts, paths, now, folder)) == [row]


def test_paths_that_no_file_can_have_are_no_error(folder: Path) -> None:
    digests(TEXTS, PATHS, photos("a\0.jpg", "b.jpg", "none/c.jpg", ""), folder)
