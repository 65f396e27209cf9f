"""Tests of stylejax/retrieval/export.py."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
import tiny

from stylejax.batch import Products
from stylejax.config import ConfigError
from stylejax.origin import Origin
from stylejax.retrieval.export import export, parse_views
from stylejax.retrieval.vectors import read_manifest, read_vectors

IDS = [f"item {n}" for n in range(10)]


class RowEncoder:
    """Catalogue row r has the vector (r, view's place in the alphabet)."""

    origin = Origin("run", 5, "ab12", "ff00")

    def encode(
        self, batches: Iterable[tuple[np.ndarray, Products]], views: Iterable[str]
    ) -> Iterator:
        views = list(views)
        for rows, _ in batches:
            vectors = {v: np.array([(r, ord(v)) for r in rows], np.float32) for v in views}
            yield rows, vectors, {view: np.ones(len(rows), bool) for view in views}


def batches() -> list[tuple[np.ndarray, Products]]:
    """Ten listings in batches of four; the last one is padded."""
    return [(np.arange(n, min(n + 4, 10)), tiny.products(4)) for n in (0, 4, 8)]


def test_every_listing_is_written_with_the_checkpoint_that_made_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = export(RowEncoder(), batches(), IDS, tmp_path, views=["t", "i"])
    assert manifest == read_manifest(tmp_path)
    assert manifest["vectors"] == {"t": 10, "i": 10}
    assert Origin.read(manifest, tmp_path) == RowEncoder.origin
    vectors = read_vectors(tmp_path)
    assert vectors.item_id == IDS
    for view in ("t", "i"):
        assert vectors.vectors[view].tolist() == [[row, ord(view)] for row in range(10)]
    assert "10 listings in" in capsys.readouterr().err  # counted without the padding


def test_prefixes_are_written_as_unit_vectors(tmp_path: Path) -> None:
    manifest = export(RowEncoder(), batches(), IDS, tmp_path, length=1)
    assert manifest["dim"] == 1
    assert read_vectors(tmp_path).vectors["t"].tolist() == [[0.0], *[[1.0]] * 9]


def test_all_views_are_written_unless_some_are_named(tmp_path: Path) -> None:
    assert set(export(RowEncoder(), batches(), IDS, tmp_path)["vectors"]) == {"m", "t", "i"}


@pytest.mark.parametrize(
    ("text", "views"), [("m,t,i", ["m", "t", "i"]), (" i , m", ["i", "m"]), ("t,t", ["t"])]
)
def test_views_are_read_from_a_list(text: str, views: list[str]) -> None:
    assert parse_views(text) == views


@pytest.mark.parametrize("text", ["m,x", "", "mti", "m;t"])
def test_what_is_no_view_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="give some of m, t, i"):
        parse_views(text)
