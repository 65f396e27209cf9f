"""Tests of input_pipeline/datasets/esspr.py, on small files of the public fields."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from loopback import serve
from PIL import Image

from input_pipeline.catalogue import load_catalogue
from input_pipeline.datasets import esspr
from input_pipeline.datasets.esspr import FIELDS, esspr_tables
from input_pipeline.pictures import Pictures
from stylejax.cli import main
from stylejax.config import ConfigError, DataConfig


def pair(left: str, right: str, label: Any = 1, category: str = "Mugs", site: str = "") -> dict:
    """A record; a listing's title and picture follow from its id."""
    values = ("Home", category, left, f"title {left}", right, f"title {right}")
    images = (f"{site}/{left}.jpg", f"{site}/{right}.jpg")
    return dict(zip(FIELDS, (*values, *images, label), strict=True))


def write(path: Path, records: list[dict], *, lines: bool = True) -> Path:
    text = "\n".join(map(json.dumps, records)) if lines else json.dumps(records, indent=1)
    path.write_text(text)
    return path


def test_the_fields_are_spelled_as_the_public_files_spell_them() -> None:
    assert "tirgger_title" in FIELDS
    assert "trigger_title" not in FIELDS


@pytest.mark.parametrize("lines", [True, False], ids=["lines", "list"])
def test_both_sides_of_the_pairs_are_listings(tmp_path: Path, lines: bool) -> None:
    train = write(tmp_path / "train.json", [pair("b", "a"), pair("b", "c")], lines=lines)
    judged = write(tmp_path / "eval.json", [pair("x", "y", category="Cups")], lines=lines)
    listings, pairs = esspr_tables(train, judged)
    assert listings["item_id"].to_pylist() == ["x", "y", "a", "b", "c"]
    assert listings["split"].to_pylist() == ["eval"] * 2 + ["train"] * 3
    assert listings["title"].to_pylist() == [f"title {item}" for item in "xyabc"]
    assert listings["image"].to_pylist() == [f"/{item}.jpg" for item in "xyabc"]
    assert listings["category_path"].to_pylist() == ["Home > Cups"] * 2 + ["Home > Mugs"] * 3
    assert pairs.select(["left_id", "right_id", "support", "category"]).to_pylist() == [
        {"left_id": "a", "right_id": "b", "support": 1, "category": "Home > Mugs"},
        {"left_id": "b", "right_id": "c", "support": 1, "category": "Home > Mugs"},
    ]
    assert {"weight", "relevance"} <= set(pairs.column_names)


def test_only_judged_pairs_with_label_1_are_a_truth(tmp_path: Path) -> None:
    train = write(tmp_path / "train.json", [pair("t", "u")])
    records = [pair("a", "b"), pair("c", "b"), pair("d", "e", 0), pair("f", "g", "1")]
    listings, _ = esspr_tables(train, write(tmp_path / "eval.json", records))
    group = dict(zip(listings["item_id"].to_pylist(), listings["group"].to_pylist(), strict=True))
    assert group["a"] == group["b"] == group["c"] != ""
    assert group["f"] == group["g"] != group["a"]
    assert group["d"] == group["e"] == group["t"] == group["u"] == ""


def test_a_listing_of_both_files_is_judged_and_not_trained_on(tmp_path: Path) -> None:
    train = write(tmp_path / "train.json", [pair("a", "b"), pair("b", "c"), pair("c", "d")])
    judged = write(tmp_path / "eval.json", [pair("a", "x")])
    listings, pairs = esspr_tables(train, judged)
    split = dict(zip(listings["item_id"].to_pylist(), listings["split"].to_pylist(), strict=True))
    assert split == {"a": "eval", "x": "eval", "b": "train", "c": "train", "d": "train"}
    assert pairs["left_id"].to_pylist() == ["b", "c"]


def test_repeated_own_and_incomplete_pairs(tmp_path: Path) -> None:
    records = [pair("a", "b"), pair("b", "a"), pair("c", "c"), pair("d", "e", 0)]
    records += [pair("", "f"), pair("g", "h") | {"recall_id": None}]
    listings, pairs = esspr_tables(write(tmp_path / "train.json", records), "")
    assert listings["item_id"].to_pylist() == ["a", "b", "c", "d", "e"]
    assert pairs.select(["left_id", "right_id", "support"]).to_pylist() == [
        {"left_id": "a", "right_id": "b", "support": 2}
    ]


def test_a_listing_that_is_told_of_twice_is_told_of_once(tmp_path: Path) -> None:
    records = [pair("a", "b"), pair("a", "c") | {"tirgger_title": "a better title", "label": 1}]
    first = esspr_tables(write(tmp_path / "one.json", records), "")[0]
    again = esspr_tables(write(tmp_path / "two.json", records[::-1]), "")[0]
    assert first.equals(again)
    assert first["item_id"].to_pylist() == ["a", "b", "c"]


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="esspr_data4train, esspr_data4eval, or both"):
        esspr_tables("", "")
    with pytest.raises(ConfigError, match=r"no file .*gone\.json"):
        esspr_tables(tmp_path / "gone.json", "")
    record = pair("a", "b")
    record["trigger_title"] = record.pop("tirgger_title")
    with pytest.raises(ConfigError, match=r"no field tirgger_title; it has .*trigger_title"):
        esspr_tables(write(tmp_path / "spelled.json", [record]), "")
    (tmp_path / "broken.json").write_text('{"label": 1')
    with pytest.raises(ConfigError, match=r"cannot read .*broken\.json"):
        esspr_tables(tmp_path / "broken.json", "")


def test_what_only_the_end_of_a_file_shows_is_read_or_named(tmp_path: Path) -> None:
    """DuckDB takes the types of a file from its first 20,480 records."""
    records = [pair("1", "2")] * 21_000
    late = write(tmp_path / "late.json", [*records, pair("A1", "2", "0.5")])
    listings, pairs = esspr_tables(late, "")
    assert listings["item_id"].to_pylist() == ["1", "2", "A1"]
    assert pairs["support"].to_pylist() == [21_000]
    late.write_text(late.read_text() + '\n{"label": ')
    with pytest.raises(ConfigError, match=r"cannot read .*late\.json"):
        esspr_tables(late, "")


def test_pictures_are_fetched_and_failures_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = []

    def once(*files: str) -> Any:
        read.append(files)
        return esspr_tables(*files)

    monkeypatch.setattr(esspr, "esspr_tables", once)

    def jpeg(shade: int) -> bytes:
        file = io.BytesIO()
        Image.new("RGB", (16, 16), (shade, shade, shade)).save(file, "JPEG")
        return file.getvalue()

    pages = {f"/{item}.jpg": jpeg(40 * number) for number, item in enumerate("abcx")}
    pages["/y.jpg"] = b"<html>sold out</html>"
    with serve(pages, {"/b.jpg": [503]}) as site:
        train = write(
            tmp_path / "train.json",
            [
                pair("a", "b", site=site.address),
                pair("b", "c", site=site.address),
                pair("c", "gone", site=site.address),
            ],
        )
        judged = write(tmp_path / "eval.json", [pair("x", "y", site=site.address)])
        words = ["--train", train, "--eval", judged, "--out", tmp_path / "out", "--retries", "1"]
        main(["build", "--dataset", "esspr", *map(str, words)])
        assert site.asked["/b.jpg"] == 2
        assert site.asked["/gone.jpg"] == 1
        asked = sum(site.asked.values())
        # Another build finds what was fetched in the cache, and asks for the failures again.
        words[5] = tmp_path / "again"
        cache = ["--cache", tmp_path / "out" / "pictures"]
        main(["build", "--dataset", "esspr", *map(str, [*words, *cache])])
        assert sum(site.asked.values()) == asked + 2
    assert len(read) == 2  # by each build, though it writes listings and pairs
    folder = tmp_path / "out" / "esspr" / "1.0.0"
    printed = capsys.readouterr().out
    assert f"data set   {folder}  (eval 2, train 4; 4 pictures)" in printed
    assert "2 pictures could not be had; named in" in printed
    with (folder / "failures.csv").open(newline="") as file:
        failures = {row["item_id"]: row["reason"] for row in csv.DictReader(file)}
    assert failures == {
        "gone": "the server answered 404",
        "y": "no JPEG, PNG, WebP, GIF, BMP or TIFF picture",
    }
    catalogue = load_catalogue(DataConfig(), folder / "listings.parquet", folder, with_truth=True)
    pictures = Pictures(catalogue.item_id, catalogue.image, folder, 4, 0)
    pixels, present = pictures.read(range(6))
    shades = dict(zip(catalogue.item_id, pixels[:, 0, 0, 0].tolist(), strict=True))
    assert {item: shades[item] for item in "abcx"} == {"a": 0, "b": 40, "c": 80, "x": 120}
    assert present.sum() == 4
    assert pictures.quarantine == {}
    pairs = pq.read_table(folder / "pairs.parquet")
    assert set(zip(pairs["left_id"].to_pylist(), pairs["right_id"].to_pylist(), strict=True)) == {
        ("a", "b"),
        ("b", "c"),
        ("c", "gone"),
    }
