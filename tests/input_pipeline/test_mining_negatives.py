"""Tests of input_pipeline/mining/negatives.py against a walk over the queries."""

import itertools
from collections import defaultdict
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click_logs import FLAT, ITEMS, Event, catalogue_of, clicks, found_by, mined, write_rows
from hypothesis import given
from hypothesis import strategies as st

from input_pipeline.mining import mine, write_pairs
from stylejax.config import DataConfig, MiningConfig

SETTINGS = {"min_relevance": 0.0, "min_support": 1, "max_negatives_per_item": 100}
SHOWN = st.lists(
    st.tuples(st.sampled_from("pqr"), st.sampled_from(ITEMS[:5]), st.sampled_from([0, 0, 1])),
    max_size=60,
)


@given(shown=SHOWN, least=st.sampled_from([1, 2, 3]), limit=st.sampled_from([2, 3, 200]))
def test_candidates_are_shown_together_often_and_never_clicked_under_one_query(
    tmp_path_factory: pytest.TempPathFactory,
    shown: list[tuple[str, str, int]],
    least: int,
    limit: int,
) -> None:
    times, clicked = defaultdict(int), defaultdict(int)
    for query, item, click in shown:
        times[query, item] += 1
        clicked[query, item] += click
    often = {  # of each query: pairs are looked for among these, clicks among all
        query: sorted(ITEMS[:5], key=lambda item: (-times[query, item], item))[:limit]
        for query in "pqr"
    }
    expected = {}
    for a, b in itertools.combinations(ITEMS[:5], 2):
        together = sum(
            min(times[query, a], times[query, b])
            for query in "pqr"
            if a in often[query] and b in often[query]
        )
        both = any(clicked[query, a] and clicked[query, b] for query in "pqr")
        if together >= least and not both:
            expected[a + b] = together
    events = [Event(*row, 1.0) for row in shown] + clicks("a query that gives a pair", "gh")
    options = MiningConfig(**SETTINGS, min_shown_together=least, max_items_per_query=limit)
    result = mined(tmp_path_factory.mktemp("log"), events, options, FLAT)
    assert result.negatives is not None
    found = result.negatives.to_pylist()
    assert {row["left_id"] + row["right_id"]: row["shown_together"] for row in found} == expected
    counts = [row["shown_together"] for row in found]
    assert counts == sorted(counts, reverse=True)


def test_no_candidate_is_a_pair_of_another_kind_of_evidence(tmp_path: Path) -> None:
    """One visit clicked a and b under queries of their own; a third query only showed them."""
    visits = [("p", "a", 1, "s"), ("q", "b", 1, "s"), *(("r", item, 0, "t") for item in "abc")]
    names = ("query", "item_id", "clicked", "session_id")
    rows = [dict(zip(names, visit, strict=True)) | {"relevance": 1.0} for visit in visits]
    options = MiningConfig(
        **SETTINGS, min_shown_together=1, evidence=("session",), min_session_support=1
    )
    result = mine(DataConfig(), options, FLAT, write_rows(tmp_path, rows))
    assert found_by(result) == {"ab"}
    assert result.negatives is not None
    found = result.negatives.to_pylist()
    assert {row["left_id"] + row["right_id"] for row in found} == {"ac", "bc"}


def test_no_candidate_was_clicked_together_in_a_visit_however_seldom(tmp_path: Path) -> None:
    """One visit is too few for a pair; what speaks for a and b speaks against a negative."""
    visits = [("p", "a", 1, "s"), ("q", "b", 1, "s"), *(("r", item, 0, "t") for item in "abc")]
    visits += [(query, item, 1, "") for query in "xy" for item in "gh"]
    names = ("query", "item_id", "clicked", "session_id")
    rows = [dict(zip(names, visit, strict=True)) | {"relevance": 1.0} for visit in visits]
    options = MiningConfig(**SETTINGS, min_shown_together=1, evidence=("query", "session"))
    result = mine(DataConfig(), options, FLAT, write_rows(tmp_path, rows))
    assert found_by(result) == {"gh"}
    assert result.negatives is not None
    found = result.negatives.to_pylist()
    assert {row["left_id"] + row["right_id"] for row in found} == {"ac", "bc"}


def test_candidates_share_a_category_and_are_capped_a_listing(tmp_path: Path) -> None:
    catalogue = catalogue_of({"a": "x", "b": "x", "c": "x", "d": "y", "g": "z", "h": "z"})
    events = [Event("p", item, 0, 1.0) for item in "aabbbccd"] + clicks("q", "gh")
    options = MiningConfig(**(SETTINGS | {"max_negatives_per_item": 1}), min_shown_together=1)
    result = mined(tmp_path, events, options, catalogue)
    assert result.negatives is not None
    (row,) = result.negatives.to_pylist()
    assert row == {"left_id": "a", "right_id": "b", "shown_together": 2, "category": "x"}


def test_candidates_are_written_where_they_are_asked_for(tmp_path: Path) -> None:
    events = [Event("p", item, 0, 1.0) for item in "ab"] + clicks("q", "gh")
    options = MiningConfig(**SETTINGS, min_shown_together=1)
    write_pairs(mined(tmp_path, events, options, FLAT), tmp_path)
    assert pq.read_table(tmp_path / "negatives.parquet").num_rows == 1
    none = mined(tmp_path, events, MiningConfig(min_relevance=0.0, min_support=1), FLAT)
    assert none.negatives is None
    write_pairs(none, tmp_path)
    assert not (tmp_path / "negatives.parquet").exists()
