"""Tests of input_pipeline/tables.py: every format, in one file and in parts."""

import gzip
import json
import re
from pathlib import Path

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tiny
from hypothesis import given
from hypothesis import strategies as st

from input_pipeline.catalogue import Catalogue, load_catalogue
from input_pipeline.mining.engines import open_engine
from input_pipeline.sources import locate
from input_pipeline.tables import mapped, read_table, reading
from stylejax.config import CatalogueColumns, Config, ConfigError, DataConfig, MiningConfig


def write_as(folder: Path, suffix: str, rows: list[dict[str, str]]) -> Path:
    path = folder / f"catalogue{suffix}"
    if suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif suffix.startswith((".jsonl", ".ndjson")):
        text = "".join(json.dumps(row) + "\n" for row in rows)
        opened = gzip.open if suffix.endswith(".gz") else open
        with opened(path, "wt", encoding="utf-8") as file:
            file.write(text)
    else:
        plain = tiny.write_csv(folder / "catalogue.csv", rows)
        if suffix == ".csv.gz":
            path.write_bytes(gzip.compress(plain.read_bytes()))
    return path


def load(path: Path, **options) -> Catalogue:
    return load_catalogue(DataConfig(), path, path.parent, **options)


@pytest.mark.parametrize("suffix", [".csv.gz", ".parquet", ".jsonl", ".jsonl.gz", ".ndjson"])
def test_every_format_gives_the_same_catalogue(tmp_path: Path, suffix: str) -> None:
    rows = tiny.catalogue_rows()
    expected = load(write_as(tmp_path, ".csv", rows), with_truth=True)
    assert expected.item_id == [row["item_id"] for row in rows]
    assert load(write_as(tmp_path, suffix, rows), with_truth=True) == expected


TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"))
    | st.sampled_from(",;\"'|#\n\t\\"),
    max_size=12,
)


@given(titles=st.lists(TEXT, min_size=1, max_size=6))
def test_csv_titles_survive_whatever_they_hold(
    tmp_path_factory: pytest.TempPathFactory, titles: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("titles")
    rows = [
        {
            "item_id": f"{n:03}",
            "title": title,
            "image": "",
            "category_path": "a > b",
            "split": "train",
        }
        for n, title in enumerate(titles)
    ]
    catalogue = load(write_as(folder, ".csv", rows))
    assert catalogue.item_id == [row["item_id"] for row in rows]  # leading zeros too
    assert catalogue.title == [title.strip() for title in titles]


def test_a_quote_that_first_comes_late_in_a_long_csv_is_still_a_quote(tmp_path: Path) -> None:
    rows = [
        {"item_id": str(n), "title": "mug", "image": "", "category_path": "a", "split": "train"}
        for n in range(30_000)
    ]
    rows[-1]["title"] = 'mug, "owl", 2 pcs'
    catalogue = load(write_as(tmp_path, ".csv", rows))
    assert len(catalogue) == 30_000
    assert catalogue.title[-1] == 'mug, "owl", 2 pcs'


@pytest.mark.parametrize(
    "ids",
    [
        ["A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "B0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"],
        ["2024-01-05", "2024-01-06"],
        ["2024-01-05T10:00:00", "2024-01-06T10:00:00"],
        ["00012", "00013"],
        ["12:30", "12:31"],
    ],
)
def test_ids_in_json_lines_are_taken_letter_by_letter(tmp_path: Path, ids: list[str]) -> None:
    rows = [
        {"item_id": item, "title": "x", "image": "", "category_path": "a", "split": "train"}
        for item in ids
    ]
    assert load(write_as(tmp_path, ".jsonl", rows)).item_id == ids


def test_a_json_field_that_comes_late_is_a_column(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    rows = [{"query": "mug"}] * 30_000 + [{"query": "mug", "session_id": "s"}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = read_table(ibis.duckdb.connect(), path).to_pyarrow()
    assert found["session_id"].drop_null().to_pylist() == ["s"]


# ---- Parts


@pytest.mark.parametrize("ending", [".parquet", ".csv", ".jsonl"])
def test_a_folder_or_a_glob_of_parts_is_one_table(tmp_path: Path, ending: str) -> None:
    rows = [{"a": "1", "b": "x"}, {"b": "y", "a": "002", "c": "new"}, {"a": "3", "b": "z"}]
    for day, row in enumerate(rows, 1):
        (tmp_path / "log" / f"day={day}").mkdir(parents=True)
        write_as(tmp_path / "log" / f"day={day}", ending, [row])
    (tmp_path / "log" / "_SUCCESS").write_text("")
    (tmp_path / "log" / "_temporary").mkdir()
    write_as(tmp_path / "log" / "_temporary", ending, [{"a": "half"}])
    expected = [{"a": "1", "b": "x", "c": None}, {"a": "002", "b": "y", "c": "new"}]
    expected.append({"a": "3", "b": "z", "c": None})
    for name, count in ((".", 3), ("log", 3), ("log/day=[12]", 2), (f"**/day=1/*{ending}", 1)):
        found = read_table(ibis.duckdb.connect(), tmp_path / name).to_pyarrow().to_pylist()
        told = [row | {"c": row.get("c")} for row in found]
        assert sorted(told, key=lambda row: row["b"]) == expected[:count], name


def test_parts_that_are_none_or_of_several_formats_are_refused(
    data_root: Path, tmp_path: Path
) -> None:
    (tmp_path / "catalogue.csv").symlink_to(data_root / "catalogue.csv")
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "_SUCCESS").write_text("")
    for clicks, message in (("log", r"no \.parquet, .* in .*log"), ("log/*", "is none of")):
        data = DataConfig(name="tiny", root=str(tmp_path), catalogue="catalogue.csv", clicks=clicks)
        with pytest.raises(ConfigError, match=message):
            read_table(ibis.duckdb.connect(), Path(locate(Config(data=data)).log()))
    data = DataConfig(name="tiny", root=str(tmp_path), catalogue="catalogue.csv", clicks="no*.csv")
    with pytest.raises(
        ConfigError, match=r"no file .*no\*\.csv; set --data\.root or --data\.clicks"
    ):
        locate(Config(data=data)).log()
    for ending in (".csv", ".parquet"):
        write_as(tmp_path / "log", ending, [{"a": "1"}])
    with pytest.raises(ConfigError, match=r"log has files of several formats: csv, parquet; keep"):
        read_table(ibis.duckdb.connect(), tmp_path / "log")


def test_a_missing_column_is_named_with_those_that_are_there(tmp_path: Path) -> None:
    path = write_as(tmp_path, ".csv", [{"id": "1", "name": "mug"}])
    table = read_table(ibis.duckdb.connect(), path)
    with pytest.raises(ConfigError) as raised:
        mapped(table, {"item_id": "id", "title": "title", "image": "photo"}, path, "data.columns")
    message = str(raised.value)
    assert "'title', 'photo'" in message
    assert "it has id, name" in message
    assert "--data.columns.FIELD" in message
    assert str(path) in message


def test_columns_are_renamed_and_empty_names_left_out(tmp_path: Path) -> None:
    path = write_as(tmp_path, ".csv", [{"id": "007", "name": "mug", "price": "3"}])
    table = read_table(ibis.duckdb.connect(), path)
    rows = mapped(table, {"item_id": "id", "title": "name", "image": ""}, path, "x").to_pyarrow()
    assert rows.to_pylist() == [{"item_id": "007", "title": "mug"}]


def test_an_unknown_format_and_a_broken_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"catalogue\.xlsx is none of \.parquet"):
        read_table(ibis.duckdb.connect(), tmp_path / "catalogue.xlsx")
    broken = tmp_path / "catalogue.parquet"
    broken.write_bytes(b"no parquet at all")
    with pytest.raises(ConfigError, match="cannot read"):
        read_table(ibis.duckdb.connect(), broken)


def test_a_json_line_that_does_not_parse_is_a_config_error(tmp_path: Path) -> None:
    rows = tiny.catalogue_rows()
    path = write_as(tmp_path, ".jsonl", rows)
    with path.open("a") as file:
        file.write('{"item_id": "broken\n')
    with pytest.raises(ConfigError, match=re.escape(str(path))):
        load(path)


@pytest.mark.parametrize("marked", [1, 3])
def test_an_id_may_begin_with_a_number_sign(tmp_path: Path, marked: int) -> None:
    ids = [f"#{n}" if n < marked else f"{n}" for n in range(4)]
    rows = [
        {"item_id": n, "title": "a", "image": "", "category_path": "", "split": ""} for n in ids
    ]
    assert load(write_as(tmp_path, ".csv", rows)).item_id == ids


GOOD = "".join(f"{n},mug,,a,train\n" for n in range(30_000))
HEAD = "item_id,title,image,category_path,split\n"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (HEAD + GOOD + "40000,mug\n", "line 30002 has 2 columns, the first line 5"),
        ((HEAD + GOOD).encode() + b"40000,caf\xe9,,a,train\n", "it is not UTF-8"),
        ((HEAD + GOOD).encode("utf-16"), "it is not UTF-8"),
        (HEAD + "1,a,,a,train\r\n2,b,,a,train\n", "line ends differ, some are LF and some CR LF"),
        (HEAD + "1,a,,a,train\n2,b,,a,train,,\n" * 9, "line 3 has 7 columns, the first line 5"),
        (HEAD + '1,"a\n2,b,,a,train\n', "line 2: .* is a quote not closed"),
        ("\n\n", "it is empty"),
        ("", "is empty: it has not even names of columns"),
        (HEAD.replace(",", ";"), "its columns seem divided by ';'"),
        (HEAD.replace(",", "\t") + "1\ta\t\ta\ttrain\n", r"its columns seem divided by '.t'"),
    ],
    ids=["ragged", "latin", "utf-16", "ends", "wide", "quote", "blank", "empty", "semi", "tab"],
)
@pytest.mark.parametrize("ending", [".csv", ".csv.gz"])
def test_what_is_wrong_with_a_csv_file_is_told_in_a_line(
    tmp_path: Path, content: str | bytes, told: str, ending: str
) -> None:
    path = tmp_path / f"catalogue{ending}"
    plain = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(plain) if ending == ".csv.gz" and plain else plain)
    with pytest.raises(ConfigError, match=rf"{re.escape(str(path))}.*{told}") as raised:
        load(path)
    assert "\n" not in str(raised.value)


def test_a_log_that_breaks_while_it_is_mined_is_told_likewise(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(b"query,item_id,clicked\n" + b"mug,a,1\n" * 30_000 + b"mug,a\n")
    with open_engine(MiningConfig()) as engine:
        table = engine.open(path, "")
        with pytest.raises(ConfigError, match=r"^cannot read .*log\.csv: line 30002 has 2 columns"):
            engine.keep("kept", table)


def test_columns_can_be_mapped_in_the_config(tmp_path: Path) -> None:
    path = write_as(tmp_path, ".csv", [{"sku": "1", "name": "mug", "photo": "a.jpg"}])
    columns = CatalogueColumns("sku", "name", "photo", category_path="", split="", group="")
    catalogue = load_catalogue(DataConfig(columns=columns), path, tmp_path)
    assert (catalogue.item_id, catalogue.title, catalogue.image) == (["1"], ["mug"], ["a.jpg"])
    assert catalogue.split == ["train"]
    assert catalogue.category_path == [""]


def test_what_spark_says_of_a_broken_file_is_its_first_cause() -> None:
    class Java:
        def __init__(self, message: str, cause: "Java | None" = None):
            self.getMessage, self.getCause = lambda: message, lambda: cause

    class Py4JJavaError(Exception):
        java_exception = Java("Job aborted\nat ...", Java("Malformed records\nat ..."))

    Py4JJavaError.__module__ = "py4j.protocol"
    told_shortly = pytest.raises(ConfigError, match=r"^cannot read clicks\.csv: Malformed records$")
    with told_shortly, reading("clicks.csv"):
        raise Py4JJavaError("An error occurred while calling o1.x")


def test_what_an_engine_says_of_a_broken_file_is_never_nothing() -> None:
    class PythonException(Exception):
        pass

    PythonException.__module__ = "pyspark.errors"
    for said, reason in (("\n  An exception was thrown\n", "An exception was thrown"), ("", "Pyt")):
        with pytest.raises(ConfigError, match=f"^cannot read log: {reason}"), reading("log"):
            raise PythonException(said)
