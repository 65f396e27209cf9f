"""Tests of input_pipeline/mining/log.py: columns, cells in every spelling, the UBI schema."""

import csv
import datetime
import json
import os
import re
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pytest
import tiny
from click_logs import LOOSE, catalogue_of, finding, found_by, write_rows

from input_pipeline.catalogue import Catalogue
from input_pipeline.mining import mine
from input_pipeline.mining.log import UNUSUAL, click_log, with_seconds
from stylejax.config import ClickColumns, ConfigError, DataConfig, MiningConfig

BASE = {"query": "p", "item_id": "a", "clicked": 1, "relevance": 1.0}


def events_of(rows: list[dict[str, Any]], data: DataConfig | None = None) -> list[dict[str, Any]]:
    """Typed events, in the order of the rows."""
    table = ibis.duckdb.connect().create_table("log", pa.Table.from_pylist(rows))
    return click_log(table, data or DataConfig(), "log").events.to_pyarrow().to_pylist()


def column(name: str, values: list[Any], of: str) -> list[Any]:
    return [event[of] for event in events_of([BASE | {name: value} for value in values])]


def test_queries_are_trimmed_and_folded_to_lower_case() -> None:
    mugs = [" Mug", "mug  ", "MUG", "\tmug\n", "mug\t", "mug\r\n", "\u3000mug\u00a0", "\ufeffmug"]
    spelled = [*mugs, "owl  mug", "", "   ", None]
    assert column("query", spelled, "query") == ["mug"] * 8 + ["owl  mug", "", "", ""]
    assert column("query", spelled, "unasked") == [False] * 9 + [True] * 3


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\u0085", "\u2028", " ", "é"])
def test_a_text_is_not_ordinary_for_what_stands_before_its_last_line_break(end: str) -> None:
    """Python reads `$` as Java does, on which Spark runs."""
    assert re.search(UNUSUAL, "mug" + end)
    assert not re.search(UNUSUAL, "owl mug")


def test_capitals_that_engines_fold_apart_are_folded_alike() -> None:
    folded = column("query", ["İznik", "iznik", "ΟΔΟΣ", "οδος"], "query")
    assert folded == ["iznik", "iznik", "οδοσ", "οδοσ"]


def test_ids_are_taken_letter_by_letter() -> None:
    assert column("item_id", ["007", " a", None], "item_id") == ["007", " a", ""]
    assert column("item_id", [7, 8], "item_id") == ["7", "8"]


@pytest.mark.parametrize(
    ("values", "yes", "bad"),
    [
        ([1, 0, 3, -1, None], [1, 0, 1, 0, 0], [False] * 5),
        ([True, False, None], [1, 0, 0], [False] * 3),
        ([1.0, 0.5, 0.0], [1, 1, 0], [False] * 3),
        ([1.0, float("nan"), float("inf"), None], [1, 0, 1, 0], [False, True, False, False]),
        (["1", "0", "2.0", "Yes", "f", "", None], [1, 0, 1, 1, 0, 0, 0], [False] * 7),
        (["maybe", "n", "click"], [0, 0, 0], [True, False, True]),
        ([" yes\n", "1\r", "+1.", ".5e0"], [1] * 4, [False] * 4),
        (["nan", "NaN", "inf", "1d", "0.5f", "1_0", "1e400", "1 0"], [0] * 8, [True] * 8),
    ],
)
def test_clicked_in_every_spelling(values: list, yes: list[int], bad: list[bool]) -> None:
    assert column("clicked", values, "clicked") == yes
    assert column("clicked", values, "bad_clicked") == bad


def test_relevance_that_is_missing_malformed_or_outside() -> None:
    values = ["0.5", " 1 ", "", None, "nan", "high", "inf", "1d", "1.01", "-0.1"]
    assert column("relevance", values, "relevance") == [0.5, 1.0] + [None] * 8
    assert column("relevance", values, "bad_relevance") == [False] * 5 + [True] * 3 + [False] * 2
    assert column("relevance", values, "outside") == [False] * 8 + [True] * 2
    numbers = [0.5, float("nan"), float("inf"), None]
    assert column("relevance", numbers, "relevance") == [0.5, None, None, None]
    assert column("relevance", numbers, "bad_relevance") == [False] * 4
    assert column("relevance", numbers, "outside") == [False, False, True, False]


@pytest.mark.parametrize(
    "moment",
    [
        1_767_225_600,
        "1767225600",
        1_767_225_600_000,
        "1767225600000000",
        "2026-01-01",
        "2026-01-01 00:00:00",
        "2026-01-01T00:00:00.000Z",
        "2026-01-01T02:00:00+02:00",
        "2026-01-01T02:00+02:00",
        "2026-01-01T00:00Z",
        "2026-01-01 00:00",
        " 2026-01-01 00:00:00 UTC\n",
        datetime.datetime(2026, 1, 1),
        datetime.datetime(2026, 1, 1, 1, tzinfo=datetime.timezone(datetime.timedelta(hours=1))),
        datetime.date(2026, 1, 1),
    ],
    ids=str,
)
def test_moments_in_every_spelling(moment: Any) -> None:
    (event,) = events_of([BASE | {"timestamp": moment}])
    assert event["seconds"] == 1_767_225_600
    assert event["bad_time"] is False


@pytest.mark.parametrize(
    "moment",
    [
        1_767_225_600.9,
        "1767225600900",
        "2026-01-01T00:00:00.900Z",
        "2026-01-01 00:00:00.900123",
        datetime.datetime(2026, 1, 1, 0, 0, 0, 900_123),
    ],
    ids=str,
)
def test_moments_are_kept_to_the_millisecond(moment: Any) -> None:
    assert column("timestamp", [moment], "seconds") == [1_767_225_600.9]


@pytest.mark.parametrize(
    "moment",
    [-0.5, "-0.5", "1969-12-31T23:59:59.5Z", datetime.datetime(1969, 12, 31, 23, 59, 59, 500_000)],
    ids=str,
)
def test_moments_before_1970_are_moments(moment: Any) -> None:
    assert column("timestamp", [moment], "seconds") == [-0.5]


@pytest.mark.parametrize("days", [[20_260_102, 19_991_231], ["20260102", " 20260102.0"]], ids=str)
def test_the_digits_of_a_day_are_no_second_of_1970(days: list) -> None:
    assert column("timestamp", days, "seconds") == [None, None]
    assert column("timestamp", days, "bad_time") == [True, True]


def test_a_moment_that_is_none_is_flagged_and_a_missing_one_is_not() -> None:
    none = ["yesterday", "now", "epoch", "infinity", "12:30", "2026-01", "2026-01-01T24:00:00"]
    none += ["2026-13-01", "1d", "1_0", "2026-01-01T02:00+0200"]
    assert column("timestamp", [*none, "", "nan", None], "bad_time") == [True] * 11 + [False] * 3
    assert column("timestamp", [*none, "", "nan", None], "seconds") == [None] * 14


def test_seconds_are_written_out_for_engines_that_want_them_before_a_zone() -> None:
    spelled = ["2026-01-01T10:00Z", "2026-01-01 10:00 UTC", "2026-01-01T10:00+02:00"]
    spelled += ["2026-01-01T10:00:30.5Z", "2026-01-01", ""]
    table = ibis.duckdb.connect().create_table("log", pa.table({"at": spelled}))
    assert with_seconds(table["at"]).to_pyarrow().to_pylist() == [
        "2026-01-01T10:00:00Z",
        "2026-01-01 10:00:00 UTC",
        "2026-01-01T10:00:00+02:00",
        *spelled[3:],
    ]


def test_optional_columns_are_used_where_they_are() -> None:
    (event,) = events_of([BASE])
    assert not {"session_id", "seconds", "event_id", "trigger_id"} & set(event)
    (event,) = events_of([BASE | {"session_id": "s", "event_id": 1, "trigger_id": ""}])
    assert (event["session_id"], event["event_id"], event["trigger_id"]) == ("s", "1", "")
    data = DataConfig(click_columns=ClickColumns(session_id=""))
    assert "session_id" not in events_of([BASE | {"session_id": "s"}], data)[0]


def test_an_optional_column_under_a_name_of_its_own_must_be_there() -> None:
    data = DataConfig(click_columns=ClickColumns(session_id="visit"))
    with pytest.raises(ConfigError, match=r"no column 'visit'.*--data\.click-columns\.FIELD"):
        events_of([BASE], data)
    (event,) = events_of([BASE | {"visit": "v"}], data)
    assert event["session_id"] == "v"


# ---- User Behavior Insights

UBI = DataConfig(click_schema="ubi")


def ubi_event(action: str, item: str | None, **others: Any) -> dict[str, Any]:
    return {
        "timestamp": "2024-12-10T00:01:29.378Z",
        "session_id": "s1",
        "query_id": "q1",
        "user_query": "Rugs",
        "action_name": action,
        "object_id": item,
        **others,
    }


def test_ubi_showings_and_clicks_are_rows_of_their_own() -> None:
    names = ["impression", "click", "ADD_TO_CART", "purchase", "on_search", "product_hover"]
    events = events_of([ubi_event(name, "a") for name in names], UBI)
    assert [event["shown"] for event in events] == [1, 0, 0, 0, 0, 0]
    assert [event["clicked"] for event in events] == [0, 1, 1, 1, 0, 0]
    assert [event["other_action"] for event in events] == [False] * 4 + [True] * 2
    assert events[0]["query"] == "rugs"
    assert events[0]["seconds"] == pytest.approx(1_733_788_889, abs=1)


def test_ubi_listings_in_event_attributes(tmp_path: Path) -> None:
    nested = {"object": {"object_id": "a7", "object_id_field": "sku"}, "position": {"ordinal": 3}}
    row = {k: v for k, v in ubi_event("click", "").items() if k != "object_id"}
    (event,) = events_of([row | {"event_attributes": nested}], UBI)
    assert event["item_id"] == "a7"
    texts = [json.dumps(nested), '{"object": {"object_id": 7}}', '{"object": {}}', "{broken", None]
    events = events_of([row | {"event_attributes": text} for text in texts], UBI)
    assert [event["item_id"] for event in events] == ["a7", "7", "", "", ""]


def test_ubi_columns_can_be_named_and_added() -> None:
    columns = ClickColumns(query="asked", item_id="sku", session_id="", trigger_id="page")
    data = DataConfig(click_schema="ubi", click_columns=columns)
    row = ubi_event("click", "x", asked="mug", sku="a", page="b")
    (event,) = events_of([row], data)
    assert (event["query"], event["item_id"], event["trigger_id"]) == ("mug", "a", "b")
    assert "session_id" not in event
    with pytest.raises(ConfigError, match=r"no column 'asked', 'sku', 'page'; it has timestamp"):
        events_of([ubi_event("click", "x")], data)
    data = DataConfig(click_schema="ubi", click_columns=ClickColumns(clicked="action_name"))
    with pytest.raises(ConfigError, match=r"clicked is 'action_name', but in UBI .*leave it out"):
        events_of([row], data)


def test_evidence_that_ubi_knows_nothing_of_is_mined_once_it_is_mapped(tmp_path: Path) -> None:
    rows = [ubi_event("click", "b", page="a"), ubi_event("click", "a", page="b")]
    path, catalogue = write_rows(tmp_path, rows), catalogue_of(dict.fromkeys("ab", "x"))
    options = MiningConfig(evidence=("item",))
    with pytest.raises(ConfigError, match=r"--data\.click-columns\.trigger-id NAME"):
        mine(UBI, options, catalogue, path)
    data = DataConfig(click_schema="ubi", click_columns=ClickColumns(trigger_id="page"))
    assert found_by(mine(data, options, catalogue, path)) == {"ab"}


@pytest.mark.parametrize("schema", ["columns", "ubi"])
def test_a_column_that_no_log_can_do_without_is_not_left_out(schema: Any) -> None:
    data = DataConfig(click_schema=schema, click_columns=ClickColumns(query=""))
    with pytest.raises(ConfigError, match=r"data\.click_columns\.query is empty"):
        events_of([BASE], data)


def test_a_log_that_is_not_ubi_names_what_is_missing() -> None:
    with pytest.raises(ConfigError, match=r"no column user_query.*join ubi_queries"):
        events_of([BASE], UBI)
    row = {k: v for k, v in ubi_event("click", "a").items() if k != "action_name"}
    with pytest.raises(ConfigError, match="action_name or action"):
        events_of([row], UBI)


def test_ubi_pairs_and_its_other_actions_are_counted(tmp_path: Path) -> None:
    rows = [ubi_event("click", item) for item in "ab"]
    rows += [ubi_event("impression", item) for item in "abc"] + [ubi_event("on_search", None)]
    catalogue = catalogue_of(dict.fromkeys("abc", "x"))
    result = mine(UBI, LOOSE, catalogue, write_rows(tmp_path, rows))
    assert found_by(result) == {"ab"}
    assert finding(result, "other actions than showing and clicking") == 1
    assert finding(result, "events on unknown listings") == 0


def test_the_sample_of_the_specifications_authors_is_read() -> None:
    shelf = os.environ.get("STYLEJAX_DATA", "")
    path = Path(shelf) / "esci-ubi" / "events_simulated.csv"
    if not shelf or not path.is_file():
        pytest.skip("STYLEJAX_DATA names no folder with esci-ubi/events_simulated.csv")
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    items = sorted({row["asin"] for row in rows})
    nothing = [""] * len(items)
    catalogue = Catalogue(items, nothing, nothing, nothing, ["train"] * len(items), Path())
    result = mine(UBI, MiningConfig(min_support=1), catalogue, path)
    clicked: dict[str, set[str]] = {}
    for row in rows:
        if row["action"] == "click":
            clicked.setdefault(row["user_query"].lower().strip(), set()).add(row["asin"])
    expected = {(a, b) for found in clicked.values() for a in found for b in found if a < b}
    assert {(p["left_id"], p["right_id"]) for p in result.table.to_pylist()} == expected
    assert result.funnel[0] == ("events in the log", 1060)
    assert dict(result.funnel)["... clicked"] == 60


# ---- Other formats and databases


def test_a_csv_log_and_a_parquet_log_give_the_same_pairs(tmp_path: Path) -> None:
    rows = [BASE | {"query": q, "item_id": i, "session_id": "s"} for q in "pq" for i in "abc"]
    catalogue = catalogue_of(dict.fromkeys("abc", "x"))
    written = [write_rows(tmp_path, rows)]
    texts = [{name: str(value) for name, value in row.items()} for row in rows]
    written.append(tiny.write_csv(tmp_path / "clicks.csv", texts))
    (tmp_path / "clicks.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    written.append(tmp_path / "clicks.jsonl")
    first, *others = [mine(DataConfig(), MiningConfig(), catalogue, path) for path in written]
    assert first.table.num_rows == 3
    assert all(other.table.equals(first.table) for other in others)
