"""Tests of input_pipeline/mining/engines.py: DuckDB's limits, and Spark row for row."""

import importlib.util
import json
import random
from pathlib import Path

import pytest
from click_logs import LOOSE, catalogue_of, clicks, mined, write_rows

from input_pipeline.mining import mine
from input_pipeline.mining.engines import check_java, open_engine
from input_pipeline.mining.log import click_log
from stylejax.config import ConfigError, DataConfig, MiningConfig

QUERIES = ["Red Owl", "red owl\t", "blue frog", "frog\n", "owl, red", "", "red", "\u3000Blue Owl"]
QUERIES += [" vase ", "İznik", "ΟΔΟΣ", "οδος\u00a0"]
YES = ("1", " yes\r")
# What an engine alone takes for a number or a moment, or trims away.
ODD = ["1d", "0.5f", "nan", "inf", "1_0", "1e400", "False", "f", "v", ""]
ODD_TIMES = ["12:30", "2026-1-5", "epoch", "2026-01-01T24:00:00", "1d", "1_0", "", "nan"]
ODD_TIMES += ["1767225600.25", "2026-01-02", "2026-01-01 05:00+0200", "2026-01-01 05:00:00.5 UTC"]
ODD_TIMES += ["2026-01-01T10:00Z", "2026-01-01T10:00+02:00", "1969-12-31T23:59:59.5Z", "20260102"]


def random_log(folder: Path) -> tuple[Path, dict[str, str], dict[str, str]]:
    """A log with everything that mining reads, besides some of everything that checks find."""
    dice = random.Random(0)
    items = [f"I{number:02}" for number in range(24)]
    words = (["red", "blue"], ["owl", "frog"])
    titles = {item: " ".join(map(dice.choice, words)) for item in items}

    def moment(number: int) -> str:
        if dice.random() < 0.03:
            return dice.choice(ODD_TIMES)
        minutes, hours = number % 60, number // 60
        return f"2026-01-{1 + hours // 24:02}T{hours % 24:02}:{minutes:02}:00.{number % 10}00Z"

    rows = [
        {
            "event_id": f"E{dice.randrange(3000)}",
            "session_id": f"S{dice.randrange(120)}",
            "timestamp": moment(number),
            "query": dice.choice(QUERIES),
            "item_id": dice.choice([*items, "stranger"]),
            "clicked": dice.choice(dice.choice([["0"], ["0"], ["0"], ["0", *ODD], YES])),
            "relevance": dice.choice([0.4, 0.7, 0.95, dice.choice([None, float("nan"), 7.0])]),
            "trigger_id": dice.choice(["", *items]),
        }
        for number in range(1500)
    ]
    categories = {item: ("a > x", "a > y")[number % 2] for number, item in enumerate(items)}
    return write_rows(folder, rows), categories, titles


def test_spark_gives_duckdbs_rows(tmp_path: Path) -> None:
    if importlib.util.find_spec("pyspark") is None:
        pytest.skip("PySpark is not installed; `make setup-spark` installs it")
    try:
        check_java()
    except ConfigError as error:
        pytest.skip(str(error))
    path, categories, titles = random_log(tmp_path)
    catalogue = catalogue_of(categories, {"I07": "val"}, titles)
    settings = {
        "evidence": ("query", "session", "item"),
        "min_relevance": 0.3,
        "min_support": 1,
        "min_profile_similarity": 0.1,
        "max_query_listings": 22,
        "max_negatives_per_item": 3,
        "min_shown_together": 1,
        "max_pairs_per_item": 5,
        "category_level": 1,
        "max_bad_share": 0.2,
        "since": "2026-01-01T00:10:00.500",
    }
    duck, spark = (
        mine(DataConfig(), MiningConfig(engine=engine, **settings), catalogue, path, now=1.8e9)
        for engine in ("duckdb", "spark")
    )
    assert duck.table.num_rows > 10
    assert duck.table.equals(spark.table)
    assert duck.funnel == spark.funnel
    assert duck.findings == spark.findings
    assert any(found.count for found in duck.findings)
    assert duck.negatives is not None
    assert spark.negatives is not None
    assert duck.negatives.num_rows > 0
    assert duck.negatives.equals(spark.negatives)
    asked = {"user_query": "p", "action_name": "click"}
    rows = [{"event_attributes": json.dumps({"object": {"object_id": n}})} for n in ("a", 7)]
    ubi = write_rows(tmp_path, [asked | row for row in rows], "ubi.parquet")
    (tmp_path / "parts").mkdir()
    for item in ("007", "1e3"):
        part = tmp_path / "parts" / f"{item}.csv"
        part.write_text(f"query,item_id,clicked,relevance\np,{item},1,1\n")
    (tmp_path / "days" / "day=2").mkdir(parents=True)
    write_rows(tmp_path / "days", [{"query": "p"}], "1.parquet")
    write_rows(tmp_path / "days" / "day=2", [{"query": "p", "item_id": "a"}], "2.parquet")
    broken = tmp_path / "broken.csv"
    broken.write_text("query,item_id,clicked,relevance\np,a,1,1.0\np,a,1\n")
    events = []
    for name in ("duckdb", "spark"):
        with open_engine(MiningConfig(engine=name)) as engine:
            typed = click_log(engine.open(path, ""), DataConfig(), path).events.distinct()
            rows = engine.rows(typed).to_pylist()
            events.append(sorted(repr(sorted(row.items())) for row in rows))
            data = DataConfig(click_schema="ubi")
            rows = engine.rows(click_log(engine.open(ubi, ""), data, ubi).events)
            assert rows["item_id"].to_pylist() == ["a", "7"]
            rows = engine.rows(engine.open(tmp_path / "parts" / "*.csv", ""))
            assert sorted(rows["item_id"].to_pylist()) == ["007", "1e3"]
            rows = engine.rows(engine.open(tmp_path / "days", "")).to_pylist()
            assert sorted(map(repr, rows)) == sorted(
                [repr({"query": "p", "item_id": item}) for item in ("a", None)]
            )
            with pytest.raises(ConfigError, match=r"cannot read .*broken\.csv: .*\S"):
                engine.rows(engine.open(broken, ""))
    assert events[0] == events[1]


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ('openjdk version "11.0.2" 2019-01-15', "is Java 11"),
        ('java version "1.8.0_402"', "is Java 8"),
        ("no such thing", "no such thing"),
    ],
)
def test_an_old_java_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str, message: str
) -> None:
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text(f"#!/bin/sh\necho '{told}' >&2\n")
    java.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(ConfigError, match=rf"{message}.*Java 17.*--mining\.engine duckdb"):
        check_java()


def test_a_java_that_is_new_enough_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text("#!/bin/sh\necho 'openjdk version \"21\" 2023-09-19' >&2\n")
    java.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    check_java()


def test_without_java_the_fix_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match=r"needs Java, which is not here: install Java 17"):
        check_java()


def test_without_pyspark_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyspark.sql", None)
    with pytest.raises(ConfigError, match=r"make setup-spark"):
        mined(tmp_path, clicks("p", "ab"), MiningConfig(engine="spark"), catalogue_of({"a": "x"}))


def test_duckdb_keeps_to_its_memory_and_spills_where_it_is_told(tmp_path: Path) -> None:
    options = MiningConfig(memory_limit="300MB", spill_dir=str(tmp_path))
    with open_engine(options) as engine:
        told = engine.connection.con.execute(
            "SELECT current_setting('memory_limit'), current_setting('temp_directory')"
        ).fetchall()[0]
        assert told[0] == "286.1 MiB"
        assert Path(told[1]).parent == tmp_path
    assert list(tmp_path.iterdir()) == []


def test_a_spill_folder_must_be_there(tmp_path: Path) -> None:
    options = MiningConfig(spill_dir=str(tmp_path / "nowhere"))
    with pytest.raises(ConfigError, match=r"no folder .*nowhere.*mining\.spill_dir"):
        mined(tmp_path, clicks("p", "ab"), options, catalogue_of({"a": "x"}))


def test_a_log_that_breaks_while_it_is_read_is_a_config_error(tmp_path: Path) -> None:
    path = tmp_path / "clicks.csv"
    rows = "".join("p,a,1,1.0\n" for _ in range(30_000))
    path.write_text("query,item_id,clicked,relevance\n" + rows + "p,a,1\n")
    with pytest.raises(ConfigError, match=r"cannot read .*clicks\.csv"):
        mine(DataConfig(), LOOSE, catalogue_of({"a": "x"}), path)
