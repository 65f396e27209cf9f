"""Relevance of a listing to a query from their words, for logs whose engine keeps no score."""

from __future__ import annotations

from typing import Any, Literal

import ibis
import ibis.expr.types as ir
from ibis import _

from input_pipeline.mining.evidence import MILLION

# Runs of ASCII punctuation and common signs. Ranges instead of classes such as \W: engines read a
# backslash differently. After lower() no Z is left, so Z-` is what lies between both alphabets.
BETWEEN = "[\t\n\r -/:-@Z-`{-~«»–—‘’“”…·•、。，]+"
K1, B = 1.2, 0.75  # BM25's usual constants: Robertson & Zaragoza, 2009


def words(text: Any) -> Any:
    """The words of a text as an array, lower case: what stands between blanks and punctuation."""
    return text.lower().re_replace(BETWEEN, " ").split(" ")


def text_relevance(
    events: ir.Table, titles: ir.Table, form: Literal["bm25", "overlap"]
) -> ir.Table:
    """Relevance of every clicked (query, listing) from query and title.

    ``overlap`` is the share of the query's words that the title has. ``bm25`` is the title's BM25
    for the query over the BM25 of a title that consists of the query's own words, at most 1: a
    rare word counts more, a long title less. Words that no title has tell no listing from another
    and do not count. A query without any word left, and a listing without a title, have no
    row.

    Args:
      events: `evidence.known_events`.
      titles: item, title.
      form: the formula.

    Returns:
      query, item, relevance, in whole millionths as everywhere in evidence.
    """
    title_words = _counted(titles.select("item", words=words(titles.title)), "item")
    asked = events.filter(_.clicked == 1).select("query", "item").distinct()
    query_words = _counted(
        asked.select("query").distinct().mutate(words=words(_["query"])), "query"
    ).select("query", "word")
    size: Any = titles.filter(_.title != "").count().as_scalar().cast("float64")
    spread = title_words.group_by("word").agg(df=_.count())
    length = title_words.group_by("item").agg(length=_.times.sum())
    mean = length.length.mean().as_scalar()

    def saturated(times: Any, length: Any) -> Any:
        return times * (K1 + 1) / (times + K1 * (1 - B + B * length / mean))

    if form == "overlap":
        spread = spread.mutate(idf=ibis.literal(1.0))
    else:
        df: Any = spread.df
        spread = spread.mutate(idf=(1 + (size - df + 0.5) / (df + 0.5)).ln())
    query_words = query_words.inner_join(spread.select("word", "idf"), "word")
    own = query_words.group_by("query").agg(total=_.idf.sum(), asked=_.count())
    own = own.mutate(best=_.total if form == "overlap" else _.total * saturated(1.0, _.asked))
    found = (
        asked.inner_join(query_words, "query")
        .inner_join(title_words, ["item", "word"])
        .inner_join(length, "item")
    )
    found = found.mutate(part=_.idf if form == "overlap" else _.idf * saturated(_.times, _.length))
    scores = found.group_by("query", "item").agg(score=_.part.sum())
    # A listing with a title but without a common word has relevance 0, not none.
    return (
        asked.inner_join(own.select("query", "best"), "query")
        .semi_join(length, "item")
        .left_join(scores, ["query", "item"])
        .mutate(share=ibis.least(_.score.fill_null(0.0) / _.best, 1.0))
        .select("query", "item", relevance=(_.share * MILLION).round().cast("int64"))
    )


def with_relevance(events: ir.Table, judged: ir.Table) -> ir.Table:
    """Events with the relevance of `text_relevance` instead of the log's; null where none is."""
    others = [column for column in events.columns if column != "relevance"]
    joined = events.select(*others).left_join(judged, ["query", "item"])
    return joined.select(*others, "relevance")


def _counted(rows: ir.Table, key: str) -> ir.Table:
    """One row a (key, word): how often it occurs."""
    return (
        rows.unnest("words")
        .rename(word="words")
        .filter(_.word != "")
        .group_by(key, "word")
        .agg(times=_.count().cast("float64"))
    )
