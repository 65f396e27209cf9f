"""Tests of stylejax/retrieval/duplicates/output.py."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from duplicate_listings import products, space_of

from stylejax.retrieval.duplicates.find import Duplicates, Wanted, find_duplicates
from stylejax.retrieval.duplicates.neighbours import neighbours
from stylejax.retrieval.duplicates.output import (
    GROUPS,
    RESULT,
    UNFINISHED,
    counts,
    draft,
    write_groups,
    write_result,
)


@pytest.fixture
def found() -> Duplicates:
    space = space_of(products(4, 3, spread=0.05)[0])
    return find_duplicates(space, neighbours(space, 5, local=0), None, Wanted(), 0.9)


def test_a_row_for_each_listing_of_a_group(found: Duplicates, tmp_path: Path) -> None:
    write_groups(tmp_path, found)
    table = pq.read_table(tmp_path / GROUPS)
    assert table.column_names == ["group", "item_id", "rank", "score", "cosine", "whole_to"]
    assert table["group"].to_pylist() == [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4]
    assert table["rank"].to_pylist() == [1, 2, 3] * 4
    assert sorted(table["item_id"].to_pylist()) == found.space.item_id
    assert counts(found) == {"listings": 12, "groups": 4, "in_groups": 12, "largest": 3}


def test_the_result_tells_how_it_was_made(found: Duplicates, tmp_path: Path) -> None:
    write_result(tmp_path, found, {"settings": {"view": "m"}})
    told = json.loads((tmp_path / RESULT).read_text())
    assert told["threshold"] == 0.9
    assert told["estimate"] is None
    assert told["settings"] == {"view": "m"}
    assert told["curve"] == []


def test_what_is_written_comes_all_at_once(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with draft(out) as new:
        (new / RESULT).write_text("first")
        (new / GROUPS).write_text("first")
        assert not (out / GROUPS).exists()
    assert sorted(path.name for path in out.iterdir()) == [RESULT, GROUPS]
    with draft(out) as new:
        (new / RESULT).write_text("second")
    assert (out / RESULT).read_text() == "second"
    assert not (out / UNFINISHED).exists()


def test_an_error_leaves_what_was_there(tmp_path: Path) -> None:
    def interrupted(folder: Path) -> None:
        with draft(folder) as new:
            (new / GROUPS).write_text("half")
            raise KeyboardInterrupt

    (tmp_path / RESULT).write_text("before")
    for folder in (tmp_path, tmp_path / "new"):
        with pytest.raises(KeyboardInterrupt):
            interrupted(folder)
    assert [path.name for path in tmp_path.iterdir()] == [RESULT]
    assert (tmp_path / RESULT).read_text() == "before"
