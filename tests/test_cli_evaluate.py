"""The command line: judging a run in other ways than by all queries of a split."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import tiny
from verbs import refused, run

from stylejax.retrieval.evaluation import ann
from stylejax.retrieval.index.tree import scann_is_here
from stylejax.retrieval.stored_vectors import StoredVectors


def write(path: Path, *rows: tuple) -> Path:
    with path.open("w", newline="") as out:
        csv.writer(out).writerows(rows)
    return path


def test_every_query_is_on_disk_and_two_runs_are_compared_by_them(
    trained_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    metrics = json.loads((trained_run / "metrics.json").read_text())
    rows = pq.read_table(trained_run / "metrics.queries.parquet").to_pylist()
    for direction, values in metrics["directions"].items():
        mine = [row for row in rows if row["direction"] == direction]
        assert len(mine) == values["queries"]
        assert sum(row["mrr"] for row in mine) == pytest.approx(values["mrr"] * len(mine))
    other = tmp_path / "other"
    shutil.copytree(trained_run, other)
    run("compare", trained_run, other, "--out", tmp_path / "page.html")
    printed = capsys.readouterr().out
    assert "The same queries in both runs" in printed
    assert "+0.000 to +0.000" in printed
    assert "+0.000 to +0.000" in (tmp_path / "page.html").read_text()
    (other / "metrics.queries.parquet").unlink()
    run("compare", trained_run, other, "--out", tmp_path / "page.html")
    assert "not tested: no " in capsys.readouterr().out
    assert "Not tested" in (tmp_path / "page.html").read_text()
    run("evaluate", "--run", other, "--queries", "train", "--gallery", "train")
    run("compare", trained_run, other, "--out", tmp_path / "page.html")
    told = (
        f"not tested: {trained_run.name} and other: the evaluations differ in more than the model"
    )
    assert told in capsys.readouterr().out


def test_comparing_says_that_metrics_are_older_than_the_vectors(
    trained_run: Path, trained_copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["compare", trained_run, trained_copy, "--out", tmp_path / "page.html"]
    run(*asked)
    assert "is of vectors" not in capsys.readouterr().out
    run("export", "--checkpoint", trained_copy, "--views", "m,t")
    run(*asked)
    metrics, vectors = trained_copy / "metrics.json", trained_copy / "vectors"
    told = f"{metrics} is of vectors of step 5, in another export, not of those in {vectors}"
    printed = capsys.readouterr().out
    assert f"! copy/run: {told}" in printed
    assert "run `stylejax evaluate` again" in printed
    assert told in (tmp_path / "page.html").read_text()
    run("evaluate", "--run", trained_copy)
    run(*asked)
    assert "is of vectors" not in capsys.readouterr().out


def test_queries_may_be_drawn(
    trained_copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    splits = ("--queries", "train", "--gallery", "train")
    run("evaluate", "--run", trained_copy, *splits, "--sample", "5")
    metrics = json.loads((trained_copy / "metrics.json").read_text())
    assert metrics["protocol"]["sample"] == metrics["queries"] == 5
    assert metrics["gallery"] > 5
    assert "5 queries drawn" in capsys.readouterr().out
    run("report", "--run", trained_copy)  # of the same queries
    assert "5 listings drawn" in (trained_copy / "report.html").read_text()
    run("evaluate", "--run", trained_copy, *splits, "--sample", "500")  # there are fewer
    metrics = json.loads((trained_copy / "metrics.json").read_text())
    assert "sample" not in metrics["protocol"]
    assert "queries drawn" not in capsys.readouterr().out
    assert "--sample is -1" in refused(
        ["evaluate", "--run", trained_copy, "--sample", "-1"], capsys
    )


@pytest.mark.skipif(not scann_is_here(), reason="ScaNN has wheels for Linux on x86-64 only")
def test_what_approximate_search_loses_is_told_beside_what_there_is(
    trained_copy: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ann, "FEWEST", 20)
    splits = ("--queries", "train", "--gallery", "train")
    run("evaluate", "--run", trained_copy, *splits, "--ann", "0.9")
    found = json.loads((trained_copy / "metrics.json").read_text())
    assert set(found["ann"]["directions"]) == set(found["directions"])
    for direction, both in found["ann"]["directions"].items():
        for name in ("recall@1", "recall@20"):
            assert both["exact"][name] == pytest.approx(found["directions"][direction][name])
            assert 0 <= both["scann"][name] <= 1
    assert "tree of view m: " in capsys.readouterr().out
    run("report", "--run", trained_copy)
    assert "What approximate search loses" in (trained_copy / "report.html").read_text()


@pytest.mark.skipif(not scann_is_here(), reason="ScaNN has wheels for Linux on x86-64 only")
def test_approximate_search_needs_something_to_search(
    trained_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = refused(["evaluate", "--run", trained_run, "--ann", "0.9"], capsys)
    assert "leave out --ann" in told
    told = refused(["evaluate", "--run", trained_run, "--ann", "2"], capsys)
    assert "--ann is 2.0" in told


def test_judged_pairs(
    trained_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    header = ("trigger_id", "recall_id", "label")
    labels = {"L01": 1, "L02": 0, "L03": 1, "L04": 0, "L05": 0, "L06": 0, "?": 1}
    pairs = write(tmp_path / "pairs.csv", header, *(("L00", *row) for row in labels.items()))
    out = tmp_path / "judged.json"
    run("evaluate", "--run", trained_run, "--judgements", pairs, "--out", out)
    found = json.loads(out.read_text())
    assert found["protocol"] == {"judgements": "pairs.csv", "by": "listing"}
    assert found["gallery"] == 6
    assert found["with_distractors"]["gallery"] == 32
    assert found["directions"]["m-m"]["queries"] == 1
    assert set(found["breakdowns"]["category"]) == {"Home"}
    vectors = StoredVectors(trained_run / "vectors")
    x = dict(zip(vectors.item_id, vectors.take("m", np.arange(len(vectors))), strict=True))
    above = [
        x["L00"] @ x[right] > x["L00"] @ x[wrong]
        for right in ("L01", "L03")
        for wrong in ("L02", "L04", "L05", "L06")
    ]
    assert found["pairs"]["m-m"]["roc_auc"] == pytest.approx(np.mean(above))
    printed = capsys.readouterr().out
    assert "! judgements of listings that were not exported: 1" in printed
    assert "among the 6 judged listings" in printed
    assert "among all 32 listings" in printed
    assert (tmp_path / "judged.queries.parquet").is_file()


def test_searches_by_words_with_grades(
    trained_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    header = ("query", "item_id", "label")
    rows = [(words, f"L{n:02}", "EI"[n % 2]) for words in ("red", "never said") for n in range(4)]
    words = write(tmp_path / "words.csv", header, *rows, ("red", "L05", "S"))
    out = tmp_path / "words.json"
    asked = ("evaluate", "--run", trained_run, "--judgements", words)
    run(*asked, "--grades", "E=3,S=1,I=0", "--out", out)
    found = json.loads(out.read_text())
    assert set(found["directions"]) == {"t-m", "t-t", "t-i"}
    assert found["graded"] is True
    printed = capsys.readouterr().out
    assert "ERR" in printed
    assert "RBP" in printed
    assert "give their gains with --grades" in refused([*asked], capsys)
    assert "--sample is for evaluation by products" in refused([*asked, "--sample", "3"], capsys)
    told = refused(["evaluate", "--run", trained_run, "--grades", "E=1"], capsys)
    assert "--grades goes with --judgements" in told


def test_words_that_shoppers_searched_for_are_told_apart(trained_run: Path, tmp_path: Path) -> None:
    log = tiny.run_config(trained_run).data
    query = next(csv.DictReader((Path(log.root) / log.clicks).open()))[log.click_columns.query]
    header = ("query", "item_id", "label")
    words = write(tmp_path / "w.csv", header, (query, "L00", 1), ("never said", "L01", 1))
    out = tmp_path / "w.json"
    run("evaluate", "--run", trained_run, "--judgements", words, "--out", out)
    seen = json.loads(out.read_text())["breakdowns"]["query"]
    assert {name: values["t-m"]["queries"] for name, values in seen.items()} == {
        "seen": 1,
        "unseen": 1,
    }


def test_the_report_compares_two_runs(
    trained_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other, page = tmp_path / "other", tmp_path / "page.html"
    shutil.copytree(trained_run, other)
    run("report", "--run", trained_run, "--against", other, "--out", page)
    assert "Beside other" in page.read_text()
    (other / "metrics.json").unlink()
    asked = ["report", "--run", trained_run, "--against", other, "--out", page]
    assert "stylejax evaluate --run" in refused(asked, capsys)
    run("evaluate", "--run", other, "--queries", "train", "--gallery", "train")
    assert "differ in more than the model" in refused(asked, capsys)


def test_runs_may_be_compared_by_judgements(
    trained_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copies = [tmp_path / name for name in ("one", "other")]
    header = ("trigger_id", "recall_id", "label")
    pairs = write(tmp_path / "pairs.csv", header, ("L00", "L01", 1), ("L02", "L03", 1))
    for copy in copies:
        shutil.copytree(trained_run, copy)
        run("evaluate", "--run", copy, "--judgements", pairs)
    run("compare", *copies, "--metrics", "judged.json")
    printed = capsys.readouterr().out
    assert "The same queries in both runs" in printed
    assert "not tested" not in printed


def test_listings_of_unknown_products_are_told(
    trained_run: Path, data_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = tiny.catalogue_rows()
    split = [n for n, row in enumerate(rows) if row["split"] == "train"]
    for n in split[:3]:
        rows[n]["group"] = ""
    given = ["--catalog", tiny.write_csv(tmp_path / "some.csv", rows), "--images", data_root]
    asked = ["evaluate", "--run", trained_run, "--out", tmp_path / "m.json", *given]
    run(*asked, "--queries", "train", "--gallery", "train")
    printed = capsys.readouterr().out
    assert "! listings of split train whose true product is unknown: 3; they search for" in printed
    for row in rows:
        row["group"] = ""
    tiny.write_csv(tmp_path / "some.csv", rows)
    told = refused([*asked, "--queries", "train", "--gallery", "train"], capsys)
    assert "is 'group' the column of true products (--data.columns.group)?" in told


def test_what_evaluate_did_not_write_is_not_compared(
    trained_run: Path, trained_copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["compare", trained_run, trained_copy]
    told = refused([*asked, "--metrics", "config.json"], capsys)
    assert f"{trained_run / 'config.json'} is nothing that `stylejax evaluate` wrote" in told
    (trained_copy / "config.json").write_text("{")
    assert f"{trained_copy}: config.json does not fit this version" in refused(asked, capsys)


def test_when_nothing_can_be_judged_nothing_is_written(
    trained_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "metrics.json"
    header = ("trigger_id", "recall_id", "label")
    pairs = write(tmp_path / "pairs.csv", header, ("L00", "L01", 0), ("L00", "L02", 0))
    asked = ["evaluate", "--run", trained_run, "--out", out]
    assert "calls nothing right" in refused([*asked, "--judgements", pairs], capsys)
    missing = tmp_path / "none.csv"
    assert f"no file {missing}" in refused([*asked, "--judgements", missing], capsys)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pairs.csv"]
