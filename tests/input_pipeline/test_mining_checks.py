"""Tests of input_pipeline/mining/checks.py: what is wrong with a log is counted, or refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from click_logs import FLAT, LOOSE, catalogue_of, finding, found_by, write_rows

from input_pipeline.mining import MinedPairs, mine, write_pairs
from stylejax.config import ClickColumns, ConfigError, DataConfig, MiningConfig

NOW = 1_767_225_600.0  # 2026-01-01


def event(item: str, query: str = "p", **others: Any) -> dict[str, Any]:
    return {"query": query, "item_id": item, "clicked": 1, "relevance": 1.0} | others


def mined(folder: Path, rows: list[dict[str, Any]], **options: Any) -> MinedPairs:
    settings = {"min_relevance": 0.0, "min_support": 1} | options
    return mine(DataConfig(), MiningConfig(**settings), FLAT, write_rows(folder, rows), now=NOW)


def plenty(count: int = 200, **others: Any) -> list[dict[str, Any]]:
    return [event("ab"[n % 2], **others) for n in range(count)]


@pytest.mark.parametrize(
    ("bad", "good", "name", "setting"),
    [
        ({"clicked": "perhaps"}, {"clicked": "1"}, "clicked is neither", "clicked"),
        ({"relevance": "high"}, {"relevance": "1"}, "relevance is no number", "relevance"),
        ({"relevance": 87.0}, {"relevance": 1.0}, "relevance is outside", "relevance"),
        ({"timestamp": "noon"}, {"timestamp": "0"}, "timestamp is no moment", "timestamp"),
    ],
)
def test_malformed_values_are_counted_and_many_of_them_are_refused(
    tmp_path: Path, bad: dict, good: dict, name: str, setting: str
) -> None:
    rows = [*plenty(**good), event("c", **(good | bad))]
    result = mined(tmp_path, rows)
    (found,) = [found for found in result.findings if found.name.startswith(name)]
    assert found.count == 1
    rows += [event("c", **(good | bad)) for _ in range(4)]
    with pytest.raises(ConfigError) as raised:
        mined(tmp_path, rows)
    message = str(raised.value)
    assert f"in 5 of 205 events {name}" in message
    assert f"--data.click-columns.{setting}" in message
    assert "--mining.max-bad-share (0.01)" in message
    assert "ab" in found_by(mined(tmp_path, rows, max_bad_share=0.1))


def test_a_score_in_percent_is_recognised(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="0 to 100"):
        mined(tmp_path, [event(item, relevance=87.0) for item in "ab"])


def test_events_on_what_the_catalogue_does_not_train_on(tmp_path: Path) -> None:
    rows = [event(item) for item in "abz"]
    rows += [event("z", clicked=0), event("y", clicked=0), event("c"), event("", clicked=0)]
    catalogue = catalogue_of(dict.fromkeys("abc", "x"), {"c": "val"})
    result = mine(DataConfig(), LOOSE, catalogue, write_rows(tmp_path, rows), now=NOW)
    assert finding(result, "events on unknown listings") == 4
    assert finding(result, "clicks on unknown listings") == 1
    assert finding(result, "events on listings of other splits") == 1
    assert result.funnel[:3] == [
        ("events in the log", 7),
        ("... on known train listings", 2),
        ("... clicked", 2),
    ]


def test_events_without_a_query_or_a_score_are_counted(tmp_path: Path) -> None:
    rows = [event(item) for item in "ab"]
    rows += [event("a", ""), event("a", "  "), event("b", None), event("c", relevance=None)]
    result = mined(tmp_path, rows)
    assert finding(result, "events without a query") == 3
    assert finding(result, "events without relevance") == 1
    assert found_by(result) == {"ab"}


def test_a_log_without_any_score_is_pointed_out(tmp_path: Path) -> None:
    rows = [{k: v for k, v in event(item).items() if k != "relevance"} for item in "ab"]
    data, path = DataConfig(click_columns=ClickColumns(relevance="")), write_rows(tmp_path, rows)
    result = mine(data, LOOSE, FLAT, path)
    assert finding(result, "events of a log without relevance") == 2
    options = MiningConfig(min_support=1, relevance="overlap", min_relevance=0.0)
    catalogue = catalogue_of(dict.fromkeys("ab", "x"), titles={"a": "p", "b": "p"})
    judged = mine(data, options, catalogue, path)
    assert not any(found.name.startswith("events of a log") for found in judged.findings)


def test_the_future_is_counted_and_a_day_of_doubt_is_given(tmp_path: Path) -> None:
    moments = [NOW - 10, NOW + 3600, NOW + 200_000]
    rows = [event(item, timestamp=at) for item, at in zip("abc", moments, strict=True)]
    result = mined(tmp_path, rows)
    assert finding(result, "timestamps in the future") == 1
    assert found_by(result) == {"ab", "ac", "bc"}  # kept: nothing reads the time
    (found,) = [f for f in result.findings if f.name == "timestamps in the future"]
    assert "kept" in found.treatment


def test_an_event_id_that_comes_twice_counts_once(tmp_path: Path) -> None:
    rows = [event("a", event_id="1"), event("b", event_id="2"), event("b", event_id="2")]
    result = mined(tmp_path, [*rows, event("a", event_id="3")], min_clicks=1)
    assert finding(result, "duplicate events") == 1
    with pytest.raises(ConfigError, match="no pair is left"):  # b was clicked once, not twice
        mined(tmp_path, [*rows, event("a", event_id="3")], min_clicks=2)


def test_which_of_two_events_with_one_id_is_kept_does_not_depend_on_the_order(
    tmp_path: Path,
) -> None:
    rows = [event("a", event_id="1"), event("c", event_id="1"), event("b", event_id="2")]
    assert found_by(mined(tmp_path, rows)) == found_by(mined(tmp_path, rows[::-1])) == {"ab"}


def test_events_without_an_id_are_no_duplicates_of_each_other(tmp_path: Path) -> None:
    rows = [event(item, event_id=None) for item in "aabb"]
    result = mined(tmp_path, [*rows, event("c", event_id="1")], min_clicks=2)
    assert finding(result, "duplicate events") == 0
    assert found_by(result) == {"ab"}


def test_equal_rows_are_duplicates_where_visit_and_moment_are_equal_too(tmp_path: Path) -> None:
    rows = [event("a", session_id="s", timestamp=1), event("b", session_id="s", timestamp=2)]
    result = mined(tmp_path, [*rows, rows[0]])
    assert finding(result, "duplicate events") == 1
    rows = [event("a", session_id="s"), event("b", session_id="s")]
    result = mined(tmp_path, rows * 2, min_clicks=2)  # nothing tells two clicks from one
    assert finding(result, "duplicate events") == 0


@pytest.mark.parametrize(
    "unplaced", [{"session_id": "", "timestamp": 1}, {"session_id": "s", "timestamp": None}]
)
def test_equal_rows_without_a_visit_or_a_moment_are_events_of_their_own(
    tmp_path: Path, unplaced: dict[str, Any]
) -> None:
    rows = [event(item, **unplaced) for item in "ab"] * 3
    placed = [event(item, session_id="s", timestamp=1) for item in "cd"] * 3
    result = mined(tmp_path, rows + placed, min_clicks=3)
    assert finding(result, "duplicate events") == 4
    assert found_by(result) == {"ab"}


def test_a_log_may_be_used_without_its_event_ids(tmp_path: Path) -> None:
    rows = [event(item, event_id="1") for item in "ab"]
    data = DataConfig(click_columns=ClickColumns(event_id=""))
    path = write_rows(tmp_path, rows)
    assert found_by(mine(data, LOOSE, FLAT, path)) == {"ab"}


def test_everything_found_is_in_the_file(tmp_path: Path) -> None:
    rows = [*(event(item) for item in "ab"), event("z")]
    write_pairs(mined(tmp_path, rows), tmp_path)
    told = json.loads((tmp_path / "mining.json").read_text())
    assert told["funnel"][0] == ["events in the log", 3]
    assert told["findings"]["clicks on unknown listings"] == 1
    assert told["findings"]["duplicate events"] == 0
    assert told["treatment"]["clicks on unknown listings"] == "left out"


# ---- The time window


def at(day: int, item: str, query: str = "p") -> dict[str, Any]:
    return event(item, query, timestamp=f"2026-01-{day:02}T12:00:00")


def test_the_window_takes_its_first_moment_and_not_its_last(tmp_path: Path) -> None:
    rows = [at(1, "a"), at(2, "b"), at(3, "c"), at(4, "d")]
    window = {"since": "2026-01-02T12:00:00", "until": "2026-01-04T12:00:00"}
    result = mined(tmp_path, rows, **window)
    assert found_by(result) == {"bc"}
    assert dict(result.funnel)["... within the time window"] == 2
    assert found_by(mined(tmp_path, rows, until="2026-01-03")) == {"ab"}


def test_events_without_a_time_are_left_out_of_windows_and_counted(tmp_path: Path) -> None:
    rows = [at(2, "a"), at(2, "b"), event("c", timestamp=None), event("c", timestamp="")]
    for window, kept in (({}, {"ab", "ac", "bc"}), ({"since": "2026-01-01"}, {"ab"})):
        result = mined(tmp_path, rows, **window)
        assert found_by(result) == kept
        (found,) = [f for f in result.findings if f.name == "events without a timestamp"]
        assert found.count == 2
        assert found.treatment.startswith("left out" if window else "kept")


def test_after_the_split_is_mined_apart(tmp_path: Path) -> None:
    rows = [at(1, item) for item in "abc"] + [at(9, item) for item in "bcd"]
    result = mined(tmp_path, rows, split_at="2026-01-05")
    assert found_by(result) == {"ab", "ac", "bc"}
    assert result.later is not None
    later = result.later.to_pylist()
    assert {p["left_id"] + p["right_id"] for p in later} == {"bc", "bd", "cd"}
    assert result.confirmed() == pytest.approx(1 / 3)
    write_pairs(result, tmp_path / "run")
    told = json.loads((tmp_path / "run" / "mining.json").read_text())
    assert told["later pairs"] == 3
    assert told["confirmed later"] == pytest.approx(1 / 3)
    assert (tmp_path / "run" / "pairs_later.parquet").is_file()
    write_pairs(mined(tmp_path, rows), tmp_path / "run")  # without a split no file stays behind
    assert not (tmp_path / "run" / "pairs_later.parquet").exists()


def test_a_window_needs_timestamps(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no column of timestamps.*click-columns\.timestamp"):
        mined(tmp_path, [event(item) for item in "ab"], since="2026-01-01")
