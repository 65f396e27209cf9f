"""Tests of evidence, constraints and pairs of input_pipeline/mining, one at a time."""

import itertools
import math
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from click_logs import FLAT, ITEMS, catalogue_of, clicks, found_by, mined, pairs_of, write_rows
from hypothesis import given
from hypothesis import strategies as st

from input_pipeline.mining import MinedPairs, mine
from stylejax.config import ConfigError, DataConfig, MiningConfig
from stylejax.retrieval.funnel import bars

LOW = {"min_relevance": 0.0, "min_support": 1, "min_session_support": 1, "min_item_support": 1}


def row(session: str, item: str, query: str = "p", trigger: str = "", **others: Any) -> dict:
    base = {"query": query, "item_id": item, "clicked": 1, "relevance": 1.0}
    return base | {"session_id": session, "trigger_id": trigger} | others


def found(folder: Path, rows: list[dict], catalogue=FLAT, **options: Any) -> MinedPairs:
    settings = MiningConfig(**(LOW | options))
    return mine(DataConfig(), settings, catalogue, write_rows(folder, rows))


# ---- Sessions


def test_session_evidence_joins_what_one_visit_clicked_under_any_query(tmp_path: Path) -> None:
    rows = [row("s", "a", "p"), row("s", "b", "q"), row("t", "c", "p"), row("", "d"), row("", "e")]
    assert found_by(found(tmp_path, rows, evidence=("session",))) == {"ab"}
    assert found_by(found(tmp_path, rows, evidence=("query",))) >= {"ac", "de"}


SESSIONS = st.lists(
    st.tuples(
        st.sampled_from("stuv"),
        st.sampled_from(ITEMS[:5]),
        st.sampled_from([0, 1, 1]),
        st.sampled_from([0.0, 0.5, 1.0]),
    ),
    min_size=1,
    max_size=40,
)


@given(events=SESSIONS, support=st.sampled_from([1, 2]))
def test_session_evidence_is_what_a_walk_through_the_sessions_finds(
    tmp_path_factory: pytest.TempPathFactory, events: list[tuple], support: int
) -> None:
    shown = defaultdict(list)
    for session, item, clicked, relevance in events:
        shown[session, item].append((clicked, relevance))
    kept = defaultdict(list)
    for (session, item), those in shown.items():
        mean = sum(relevance for _, relevance in those) / len(those)
        if any(clicked for clicked, _ in those) and mean >= 0.4:
            kept[session].append(item)
    expected = defaultdict(list)
    for items in kept.values():
        for pair in itertools.combinations(sorted(items), 2):
            expected["".join(pair)].append(1 / math.log2(1 + len(items)))
    expected = {pair: w for pair, w in expected.items() if len(w) >= support}
    rows = [row(s, item, clicked=c, relevance=r) for s, item, c, r in events]
    options = {"evidence": ("session",), "min_session_support": support, "min_relevance": 0.4}
    folder = tmp_path_factory.mktemp("sessions")
    if not expected:
        with pytest.raises(ConfigError, match=r"no click|no pair"):
            found(folder, rows, **options)
        return
    result = found(folder, rows, **options)
    assert found_by(result) == set(expected)
    for pair in pairs_of(result):
        weights = expected[pair["left_id"] + pair["right_id"]]
        assert pair["support"] == len(weights)
        assert pair["weight"] == pytest.approx(sum(weights), abs=1e-9)


# ---- From page to page


def test_item_evidence_counts_clicks_from_page_to_page_in_both_directions(tmp_path: Path) -> None:
    rows = [row("s", "b", trigger="a"), row("t", "b", trigger="a"), row("u", "a", trigger="b")]
    rows += [row("s", "c", trigger="a"), row("s", "d", trigger="a", clicked=0)]
    rows += [row("s", "e", trigger="e"), row("s", "f", trigger="nowhere"), row("s", "g")]
    result = found(tmp_path, rows, evidence=("item",))
    assert {p["left_id"] + p["right_id"]: p["support"] for p in pairs_of(result)} == {
        "ab": 3,
        "ac": 1,
    }
    weight = {p["left_id"] + p["right_id"]: p["weight"] for p in pairs_of(result)}
    assert weight["ab"] == pytest.approx(1 / math.log2(3) + 1)  # a leads to two, b to one
    assert weight["ac"] == pytest.approx(1 / math.log2(3))
    assert found_by(found(tmp_path, rows, evidence=("item",), min_item_support=2)) == {"ab"}
    assert ("clicked from another's page", 3) in result.funnel


def test_item_evidence_keeps_to_one_category_and_to_relevance(tmp_path: Path) -> None:
    catalogue = catalogue_of({"a": "x", "b": "x", "c": "y", "d": "x"})
    rows = [row("s", item, trigger="a") for item in "bc"]
    rows.append(row("s", "d", trigger="a", relevance=0.2))
    options = {"evidence": ("item",), "min_relevance": 0.5}
    assert found_by(found(tmp_path, rows, catalogue, **options)) == {"ab"}


@pytest.mark.parametrize("relevance", ["column", "bm25"])
def test_clicks_from_a_page_need_no_score_where_nothing_was_searched(
    tmp_path: Path, relevance: Any
) -> None:
    rows = [row("s", "b", "", "a", relevance=None), row("t", "b", "", "a", relevance=None)]
    rows.append(row("u", "c", "?!", "a", relevance=None))  # a query that has no score
    options = {"evidence": ("item",), "relevance": relevance, "min_relevance": 0.8}
    (pair,) = pairs_of(found(tmp_path, rows, **options))
    assert (pair["left_id"], pair["right_id"], pair["relevance"]) == ("a", "b", 1.0)
    rows.append(row("u", "b", "mug", "a", relevance=0.5))  # the only score that there is counts
    if relevance == "column":
        with pytest.raises(ConfigError, match=r"lower mining\.min_item_support or mining\.min_rel"):
            found(tmp_path, rows, **options)


@pytest.mark.parametrize(("kind", "column"), [("session", "session-id"), ("item", "trigger-id")])
def test_evidence_that_the_log_cannot_give_is_refused(
    tmp_path: Path, kind: Any, column: str
) -> None:
    with pytest.raises(ConfigError, match=f"no column for mining.evidence {kind}.*{column}"):
        mined(tmp_path, clicks("p", "ab"), MiningConfig(evidence=(kind,)), FLAT)


# ---- Kinds together


def both_kinds() -> list[dict]:
    rows = [row(s, item, q) for s, q in ("sp", "tq") for item in "ab"]  # 2 queries, 2 sessions
    rows += [row("u", "c", "r"), row("v", "d", "r"), row("w", "c", "o"), row("x", "d", "o")]
    rows += [row("y", "e", "m"), row("y", "f", "n"), row("z", "e", "k"), row("z", "f", "l")]
    return rows


def test_any_kind_or_every_kind_must_reach_its_support(tmp_path: Path) -> None:
    two = {"evidence": ("query", "session"), "min_support": 2, "min_session_support": 2}
    anyone = found(tmp_path, both_kinds(), **two)
    assert found_by(anyone) == {"ab", "cd", "ef"}
    assert found_by(found(tmp_path, both_kinds(), **two, combine="all")) == {"ab"}
    only = {p["left_id"] + p["right_id"]: p for p in pairs_of(anyone)}
    assert {pair: p["support"] for pair, p in only.items()} == {"ab": 4, "cd": 2, "ef": 2}
    assert only["ab"]["weight"] == pytest.approx(4 / math.log2(3))
    assert only["ab"]["relevance"] == 1.0


def test_no_share_of_a_funnel_of_several_kinds_is_beyond_one(tmp_path: Path) -> None:
    rows = [row("", item, q) for q in "pq" for item in "abcdef"]
    rows.append(row("", "g", "", "h"))  # the last kind has one pair, the first fifteen
    result = found(tmp_path, rows, evidence=("query", "item"))
    drawn = bars(result.funnel)
    assert max(bar.share for bar in drawn) == 1
    (supported,) = [bar for bar in drawn if bar.name.endswith("with support")]
    assert (supported.count, supported.starts) == (16, True)


def test_relevance_of_kinds_together_is_their_mean_by_support(tmp_path: Path) -> None:
    rows = [row(s, item, "p", relevance=0.5) for s in "stu" for item in "ab"]
    rows += [row("v", "a", "q", relevance=0.9), row("w", "b", "q", relevance=0.9)]
    (pair,) = pairs_of(found(tmp_path, rows, evidence=("query", "session")))
    # Queries: p with .5 and q with .9; sessions: three with .5.
    assert pair["support"] == 5
    assert pair["relevance"] == pytest.approx((0.7 * 2 + 0.5 * 3) / 5)


# ---- Constraints on queries and profiles


def test_a_broad_query_is_no_evidence(tmp_path: Path) -> None:
    events = [*clicks("mug", "abcde"), *clicks("owl mug", "ab"), *clicks("frog mug", "cd", 0.1)]
    settings = MiningConfig(min_support=1, min_relevance=0.5, max_query_listings=4)
    result = mined(tmp_path, events, settings, FLAT)
    assert found_by(result) == {"ab"}
    assert dict(result.funnel)["... of a narrow query"] == 1
    settings = MiningConfig(min_support=1, min_relevance=0.5, max_query_listings=5)
    assert len(found_by(mined(tmp_path, events, settings, FLAT))) == 10


def test_similarity_is_the_cosine_of_clicks_over_queries(tmp_path: Path) -> None:
    events = clicks("p", "ab") + clicks("q", "ac") * 2 + clicks("r", "b") * 3
    norm = {"a": math.hypot(1, 2), "b": math.hypot(1, 3), "c": 2.0}
    cosine = {"ab": 1 / (norm["a"] * norm["b"]), "ac": 4 / (norm["a"] * norm["c"])}
    for least in (0.1, 0.15, 0.5, 0.9):
        expected = {pair for pair, value in cosine.items() if value >= least}
        settings = MiningConfig(min_support=1, min_profile_similarity=least)
        if not expected:
            with pytest.raises(ConfigError, match="of like click profiles 0"):
                mined(tmp_path, events, settings, FLAT)
            continue
        result = mined(tmp_path, events, settings, FLAT)
        assert found_by(result) == expected
        assert dict(result.funnel)["... of like click profiles"] == len(expected)


def test_a_million_clicks_on_one_query_stay_a_few_pairs(tmp_path: Path) -> None:
    """Without the cap this query alone would give 5e9 combinations."""
    import duckdb

    path = tmp_path / "head.parquet"
    duckdb.sql(
        f"COPY (SELECT 'mug' AS query, 'I' || range % 100_000 AS item_id, 1 AS clicked, "
        f"1.0 AS relevance FROM range(1_000_000)) TO '{path}' (FORMAT parquet)"
    )
    catalogue = catalogue_of({f"I{n}": "x" for n in range(100_000)})
    result = mine(DataConfig(), MiningConfig(min_support=1), catalogue, path)
    assert dict(result.funnel)["co-clicked under a query"] == 100_000 * 99_999 // 2
    assert dict(result.funnel)["... among its strongest listings"] == 200 * 199 // 2
    assert dict(result.funnel)["distinct pairs"] == 200 * 199 // 2
