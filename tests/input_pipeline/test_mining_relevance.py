"""Tests of input_pipeline/mining/relevance.py against BM25 and overlap written out in Python."""

import math
import re
from collections import Counter
from pathlib import Path

import ibis
import pyarrow as pa
import pytest
from click_logs import Event, catalogue_of, clicks, found_by, mined
from hypothesis import given
from hypothesis import strategies as st

from input_pipeline.mining.evidence import MILLION
from input_pipeline.mining.relevance import K1, B, text_relevance, with_relevance, words
from stylejax.config import MiningConfig

WORDS = ["mug", "owl", "red", "Frog", "12pcs"]
TEXT = st.lists(st.sampled_from([*WORDS, "-", ","]), max_size=5).map(" ".join)


def split(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.lower())


def slow(titles: dict[int, str], query: str, item: int, form: str) -> float | None:
    """Relevance of one listing to one query; None where there is none."""
    known = {number: Counter(split(title)) for number, title in titles.items() if split(title)}
    frequency = Counter(word for counts in known.values() for word in counts)
    asked = {word for word in split(query) if word in frequency}
    if not asked or item not in known:
        return None
    own = known[item]
    if form == "overlap":
        return sum(word in own for word in asked) / len(asked)
    size = sum(title != "" for title in titles.values())
    mean = sum(sum(counts.values()) for counts in known.values()) / len(known)

    def idf(word: str) -> float:
        return math.log(1 + (size - frequency[word] + 0.5) / (frequency[word] + 0.5))

    def saturated(times: int, length: int) -> float:
        return times * (K1 + 1) / (times + K1 * (1 - B + B * length / mean))

    score = sum(idf(word) * saturated(own[word], sum(own.values())) for word in asked)
    return min(1.0, score / sum(idf(word) * saturated(1, len(asked)) for word in asked))


@pytest.mark.parametrize("form", ["bm25", "overlap"])
@given(
    titles=st.lists(TEXT, min_size=1, max_size=5), queries=st.lists(TEXT, min_size=1, max_size=3)
)
def test_scores_are_those_of_the_formula(form: str, titles: list[str], queries: list[str]) -> None:
    connection = ibis.duckdb.connect()
    numbered = dict(enumerate(titles))
    queries = sorted({query for query in queries if query})
    events = [
        {"query": query, "item": item, "clicked": 1, "relevance": 7}
        for query in queries
        for item in numbered
    ]
    if not events:
        return
    table = connection.create_table("events", pa.Table.from_pylist(events))
    shop = pa.table({"item": list(numbered), "title": titles})
    judged = text_relevance(table, connection.create_table("titles", shop), form)
    found = with_relevance(table, judged)
    assert found.columns == ("query", "item", "clicked", "relevance")
    rows = found.to_pyarrow().to_pylist()
    assert len(rows) == len(events)
    for row in rows:
        expected = slow(numbered, row["query"], row["item"], form)
        if expected is None:
            assert row["relevance"] is None
        else:
            assert row["relevance"] == pytest.approx(expected * MILLION, abs=1)


def test_words_of_other_scripts_are_words() -> None:
    connection = ibis.duckdb.connect()
    text = "Бокал/кружка 25cl “Äpfel” 杯、茶"
    table = connection.create_table("t", pa.table({"text": [text]}))
    (found,) = table.select(words=words(table.text)).to_pyarrow()["words"].to_pylist()
    assert [word for word in found if word] == ["бокал", "кружка", "25cl", "äpfel", "杯", "茶"]


def test_mining_by_words_where_the_log_has_no_score(tmp_path: Path) -> None:
    titles = {"a": "red owl mug", "b": "Owl mug, red", "c": "blue frog plate", "d": ""}
    catalogue = catalogue_of(dict.fromkeys("abcd", "x"), titles=titles)
    events = [*clicks("owl mug", "abcd", 0.0), *clicks("red owl", "abcd", 0.0)]
    for form in ("bm25", "overlap"):
        settings = MiningConfig(relevance=form, min_relevance=0.5)
        assert found_by(mined(tmp_path, events, settings, catalogue)) == {"ab"}


def test_the_logs_own_score_is_ignored_where_words_are_asked_for(tmp_path: Path) -> None:
    catalogue = catalogue_of(dict.fromkeys("ab", "x"), titles={"a": "mug", "b": "mug"})
    events = [Event(query, item, 1, None) for query in ("mug", "a mug") for item in "ab"]
    settings = MiningConfig(relevance="overlap", min_relevance=0.9)
    assert found_by(mined(tmp_path, events, settings, catalogue)) == {"ab"}
