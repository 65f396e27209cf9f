"""Tests of `stylejax mine`: what it prints and writes."""

import json
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
import tiny
import verbs
from pyarrow import csv


def test_mine_prints_the_funnel_and_what_it_found(
    data_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    verbs.run("mine", "--config", verbs.recipe(tmp_path, data_root))
    printed = capsys.readouterr().out
    assert "events in the log" in printed
    assert "! events on listings of other splits" in printed
    told = json.loads((tmp_path / "run" / "mining.json").read_text())
    assert told["funnel"][-1] == ["... within the cap a listing", 24]
    assert not (tmp_path / "run" / "audit.html").exists()


@pytest.mark.parametrize("truth", ["group", "no such column"])
def test_the_audit_is_judged_where_the_catalogue_has_the_truth(
    data_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], truth: str
) -> None:
    words = ["--audit", "--data.columns.group", truth]
    verbs.run("mine", "--config", verbs.recipe(tmp_path, data_root), *words)
    assert "audit.html" in capsys.readouterr().out
    page = (tmp_path / "run" / "audit.html").read_text()
    assert ("precision" in page.lower()) == (truth == "group")
    assert "<h3>relevance" in page
    verbs.run("mine", "--config", verbs.recipe(tmp_path, data_root))
    assert not (tmp_path / "run" / "audit.html").exists()  # it showed other pairs


def test_the_audit_of_a_log_without_relevance_shows_none(data_root: Path, tmp_path: Path) -> None:
    words = ["--audit", "--data.click-columns.relevance", ""]
    verbs.run("mine", "--config", verbs.recipe(tmp_path, data_root), *words)
    assert "<h3>relevance" not in (tmp_path / "run" / "audit.html").read_text()


def test_mining_never_reads_the_truth(data_root: Path, tmp_path: Path) -> None:
    """With or without the column, and with the audit that reads it: the same pairs."""
    tables = []
    for number, words in enumerate(([], ["--audit"], ["--data.columns.group", ""])):
        folder = tmp_path / str(number)
        folder.mkdir()
        verbs.run("mine", "--config", verbs.recipe(folder, data_root), *words)
        tables.append(pq.read_table(folder / "run" / "pairs.parquet"))
    assert tables[0].equals(tables[1])
    assert tables[0].equals(tables[2])


def test_negatives_and_a_time_split_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tiny.write_data(tmp_path / "data")
    rows = tiny.click_rows()
    dated = [
        row | {"timestamp": f"2026-01-{1 + (number // len(rows)) * 10:02}"}
        for number, row in enumerate(rows * 2)
    ]
    tiny.write_csv(root / "clicks.csv", dated)
    words = ["--mining.split-at", "2026-01-05", "--mining.max-negatives-per-item", "5"]
    words += ["--mining.min-shown-together", "1"]
    verbs.run("mine", "--config", verbs.recipe(tmp_path, root), *words)
    printed = capsys.readouterr().out
    assert "100.0% of the earlier pairs are among them" in printed
    assert "negatives.parquet" in printed
    assert pq.read_table(tmp_path / "run" / "pairs_later.parquet").num_rows == 24


def test_without_a_log_there_is_nothing_to_mine(
    data_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = verbs.recipe(tmp_path, data_root)
    error = verbs.refused(["mine", "--config", path, "--data.clicks", ""], capsys)
    assert "data.clicks is empty" in error
    assert "pairs.parquet" in error
    error = verbs.refused(["mine", "--config", path, "--data.clicks", "gone.csv"], capsys)
    assert f"no file {data_root / 'gone.csv'}; set --data.root or --data.clicks" in error


def test_the_log_may_lie_in_parts(data_root: Path, tmp_path: Path) -> None:
    log = csv.read_csv(data_root / "clicks.csv")
    root = tmp_path / "data"
    (root / "log").mkdir(parents=True)
    (root / "empty").mkdir()
    (root / "catalogue.csv").symlink_to(data_root / "catalogue.csv")
    half = len(log) // 2
    for number, part in enumerate((log.slice(0, half), log.slice(half))):
        pq.write_table(part, root / "log" / f"{number}.parquet")
    for clicks in ("log", "log/*.parquet", str(data_root / "clicks.csv")):
        verbs.run("mine", "--config", verbs.recipe(tmp_path, root), "--data.clicks", clicks)
        told = json.loads((tmp_path / "run" / "mining.json").read_text())
        assert told["funnel"][0] == ["events in the log", len(log)]
        assert told["funnel"][-1] == ["... within the cap a listing", 24]


def test_the_audit_keeps_what_the_address_of_the_log_holds(data_root: Path, tmp_path: Path) -> None:
    log = duckdb.connect(str(tmp_path / "log.duckdb"))
    log.execute(f"CREATE TABLE log AS FROM read_csv('{data_root / 'clicks.csv'}')")
    log.close()
    words = ["--audit", "--data.clicks-table", "log"]
    words += ["--data.clicks", f"duckdb://{tmp_path}/log.duckdb?read_only=True"]
    verbs.run("mine", "--config", verbs.recipe(tmp_path, data_root), *words)
    page = (tmp_path / "run" / "audit.html").read_text()
    assert "log.duckdb?" in page
    assert "read_only" not in page


def test_sql_is_written_instead_of_pairs(
    data_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = verbs.recipe(tmp_path, data_root)
    elsewhere = ["--sql", "bigquery", "--data.clicks", "in the warehouse"]
    verbs.run("mine", "--config", path, *elsewhere, "--mining.relevance", "bm25")
    run = tmp_path / "run"
    assert "mining.sql" in capsys.readouterr().out
    assert "FROM `events`" in (run / "mining.sql").read_text()
    assert pq.read_table(run / "listings.parquet").num_rows == 32
    assert pq.read_table(run / "titles.parquet").num_rows == 24
    assert not (run / "pairs.parquet").exists()
    error = verbs.refused(["mine", "--config", path, "--sql", "cobol"], capsys)
    assert "use bigquery" in error
    error = verbs.refused(["mine", "--config", path, "--sql", "bigquery", "--audit"], capsys)
    assert "--audit shows pairs" in error
