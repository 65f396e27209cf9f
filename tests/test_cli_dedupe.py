"""Tests of `stylejax dedupe`."""

import csv
import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import tiny
from verbs import refused, run

from stylejax.retrieval.duplicates import neighbours
from stylejax.retrieval.index import build
from stylejax.retrieval.index.tree import scann_is_here

FILES = ["dedupe.json", "groups.parquet", "review.html"]


def dedupe(trained_run: Path, out: Path, *words: str | Path) -> dict:
    run("dedupe", "--run", trained_run, "--out", out, *words)
    return json.loads((out / "dedupe.json").read_text())


def test_the_products_of_a_split_choose_the_threshold(
    trained_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The tiny encoder knows little: little is wanted of it."""
    out = tmp_path / "out"
    wish = ("--split", "train", "--precision", "0.1", "--confidence", "0")
    told = dedupe(trained_run, out, *wish)
    printed = capsys.readouterr().out
    assert "chosen by the true products of split train" in printed
    assert "Against the true products" in printed
    assert sorted(path.name for path in out.iterdir()) == FILES
    assert told["estimate"]["precision"] >= 0.1
    assert told["wanted"] == {"precision": 0.1, "confidence": 0.0}
    assert set(told["truth"]["splits"]) == {"train", "val"}
    assert told["counts"]["listings"] == 32
    assert told["vectors"]["run"] == "run"
    assert told["settings"] == {"view": "m", "within": "", "neighbours": 20, "local": 10}
    table = pq.read_table(out / "groups.parquet")
    assert table.num_rows == told["counts"]["in_groups"] >= 2
    again = dedupe(trained_run, tmp_path / "again", *wish)
    assert again == told


def test_a_wish_that_cannot_be_granted_names_the_best(
    trained_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["dedupe", "--run", trained_run, "--out", tmp_path / "out", "--precision", "0.99"]
    error = refused(words, capsys)
    assert "no threshold is sure to have a precision of 0.99: the best is" in error
    assert not (tmp_path / "out").exists()


def test_labels_are_made_and_used(
    trained_run: Path,
    data_root: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A catalogue without true products: a first look, labels, a threshold of its own."""
    rows = [{k: v for k, v in row.items() if k != "group"} for row in tiny.catalogue_rows()]
    catalogue = tiny.write_csv(tmp_path / "new.csv", rows)
    known = ["--catalog", catalogue, "--images", data_root]
    out = tmp_path / "out"
    error = refused(["dedupe", "--run", trained_run, "--out", out, *known], capsys)
    assert "has no column 'group' of true products" in error
    assert "--threshold 0 writes to_label.csv" in error
    told = dedupe(trained_run, out, *known, "--threshold", "-0.05")
    assert told["truth"] is told["wanted"] is told["estimate"] is None
    printed = capsys.readouterr().out
    assert "threshold  -0.050, given" in printed
    assert "to_label.csv" in printed
    assert "pairs to label" in (out / "review.html").read_text()
    with (out / "to_label.csv").open(newline="") as file:
        pairs = list(csv.DictReader(file))
    assert len(pairs) > 3
    for pair in pairs:
        same = int(pair["left_id"][1:]) // 4 == int(pair["right_id"][1:]) // 4
        pair["label"] = str(int(same))
    labels = tiny.write_csv(out / "to_label.csv", pairs)
    before = labels.read_text()
    wish = ("--precision", "0.05", "--confidence", "0")
    told = dedupe(trained_run, out, *known, "--labels", labels, *wish)
    assert told["threshold_by"] == f"chosen by the labels in {labels}"
    assert told["estimate"]["pairs"] <= len(pairs)
    assert told["truth"] is None
    dedupe(trained_run, out, *known, "--threshold", "0")
    assert labels.read_text() == before


def test_pairs_of_one_supplier_only(trained_run: Path, data_root: Path, tmp_path: Path) -> None:
    rows = [{**row, "shop": f"S{n % 2}"} for n, row in enumerate(tiny.catalogue_rows())]
    rows[7]["shop"] = ""
    catalogue = tiny.write_csv(tmp_path / "new.csv", rows)
    told = dedupe(
        trained_run,
        tmp_path / "out",
        *("--catalog", catalogue, "--images", data_root, "--within", "shop"),
        *("--threshold", "-1"),
    )
    assert told["settings"]["within"] == "shop"
    table = pq.read_table(tmp_path / "out" / "groups.parquet").to_pylist()
    shop = {row["item_id"]: row["shop"] for row in rows}
    for group in {row["group"] for row in table}:
        assert len({shop[row["item_id"]] for row in table if row["group"] == group}) == 1
    assert "L07" not in {row["item_id"] for row in table}
    assert told["counts"]["groups"] >= 2


def test_a_given_threshold_is_judged_where_it_can_be(trained_run: Path, tmp_path: Path) -> None:
    told = dedupe(trained_run, tmp_path / "out", "--threshold", "-0.02")
    assert told["threshold_by"] == "given, judged by the true products of split val"
    assert told["estimate"]["threshold"] == -0.02
    told = dedupe(
        trained_run, tmp_path / "out", "--threshold", "0.9", "--view", "i", "--local", "0"
    )
    assert told["settings"]["view"] == "i"
    assert told["counts"]["listings"] == 31


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--neighbours", "0"], "--neighbours is 0"),
        (["--local", "-1"], "--local is -1"),
        (["--recall", "2"], "--recall is 2.0"),
        (["--precision", "95"], "--precision is 95.0"),
        (["--confidence", "1"], "--confidence is 1.0"),
        (["--labels", "x.csv", "--split", "val"], "--labels and --split"),
        (["--split", "test"], "no listing of split 'test'"),
        (["--within", "shop", "--threshold", "0"], "no column 'shop' for --within"),
        (["--labels", "lost.csv"], "no table of labelled pairs lost.csv"),
    ],
)
def test_settings_that_cannot_be_are_refused(
    trained_run: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    told: str,
) -> None:
    monkeypatch.setattr(build, "parts_of", None)  # they are refused before the index is made
    assert told in refused(
        ["dedupe", "--run", trained_run, "--out", tmp_path / "out", *words], capsys
    )
    assert not (tmp_path / "out").exists()


def test_labels_are_refused_before_the_work(
    trained_run: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    labels = tmp_path / "labels.csv"
    words = ["dedupe", "--run", trained_run, "--out", tmp_path / "out", "--labels", labels]
    monkeypatch.setattr(neighbours, "neighbours", None)  # they are refused before the search
    labels.write_text("left_id,right_id,label\nL00,X,1\n")
    assert "name 1 listings without a vector of view m, the first 'X'" in refused(words, capsys)
    monkeypatch.setattr(build, "parts_of", None)  # and these before anything is read
    labels.write_text("left_id,right_id,label\nL00,L01,\n")
    assert "has no labelled pair; 1 wait for a 1 or a 0" in refused(words, capsys)
    labels.write_bytes(b"\x00\xff" * 40)
    assert str(labels) in refused(words, capsys)


def test_another_catalogue_is_refused(
    trained_run: Path, data_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    catalogue = tiny.write_csv(tmp_path / "new.csv", tiny.catalogue_rows()[:30])
    words = ["--catalog", catalogue, "--images", data_root, "--threshold", "0"]
    error = refused(["dedupe", "--run", trained_run, "--out", tmp_path / "out", *words], capsys)
    assert "2 exported listings are not in the catalogue, the first 'L30'" in error


@pytest.mark.skipif(
    not scann_is_here(), reason="ScaNN is not installed; it has wheels for Linux on x86-64 only"
)
def test_a_tree_finds_the_candidates_of_many(
    trained_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = dedupe(trained_run, tmp_path / "exact", "--threshold", "0", "--engine", "exact")
    monkeypatch.setattr(build, "FEW", 20)
    told = dedupe(trained_run, tmp_path / "tree", "--threshold", "0", "--recall", "1")
    assert told["index"]["engine"] == "scann"
    assert told["counts"] == exact["counts"]


def test_an_export_out_of_date_is_refused(
    trained_copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(trained_copy / "vectors")
    words = ["dedupe", "--run", trained_copy, "--threshold", "0"]
    assert "run `stylejax export`" in refused(words, capsys)
