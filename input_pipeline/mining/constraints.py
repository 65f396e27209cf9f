"""Constraints on evidence: relevance, breadth of a query, the strongest listings of a key."""

from __future__ import annotations

from typing import Any

import ibis
import ibis.expr.types as ir
from ibis import _

from input_pipeline.mining.evidence import MILLION

WEIGHT = 10**12  # weights are whole numbers of this part, for the reason given in `evidence`


def relevant(evidence: ir.Table, min_clicks: int, min_relevance: float) -> ir.Table:
    """Listings with enough clicks that are relevant enough; those without a score are not."""
    return evidence.filter(_.clicks >= min_clicks, _.relevance >= round(min_relevance * MILLION))


def narrow(evidence: ir.Table, max_listings: int) -> ir.Table:
    """Keys that lead to `max_listings` listings at most; 0 = all."""
    if max_listings == 0:
        return evidence
    return evidence.mutate(listings=_.count().over(group_by="key")).filter(
        _.listings <= max_listings
    )


def strongest_items(evidence: ir.Table, limit: int) -> ir.Table:
    """Keeps the `limit` listings of each key with the most clicks; adds `weight`.

    The cap bounds a key's pairs by limit^2 / 2 however popular it is. The weight is
    1 / log2(1 + listings): a query that leads to many listings says less about any two of them.
    """
    ranked = evidence.mutate(
        rank=ibis.row_number().over(
            group_by="key", order_by=[ibis.desc("clicks"), ibis.desc("relevance"), "item"]
        ),
        listings=_.count().over(group_by="key"),
    )
    kept: Any = ibis.least(_.listings, limit)
    return (
        ranked.filter(_.rank < limit)
        .mutate(weight=(WEIGHT / (kept + 1).cast("float64").log2()).round().cast("int64"))
        .select("key", "item", "category", "clicks", "relevance", "weight")
    )


def co_occurrences(
    evidence: ir.Table, min_clicks: int, min_relevance: float, max_listings: int, limit: int
) -> ir.Table:
    """Number of (pair, key) combinations by arithmetic: they are never written out.

    Returns:
      One row: clicked, relevant, narrow, strongest: combinations that each constraint leaves.
    """
    fits = (_.clicks >= min_clicks) & (_.relevance >= round(min_relevance * MILLION))
    sizes = evidence.group_by("key").agg(clicked=_.count(), relevant=fits.sum().fill_null(0))
    inside = _.relevant if max_listings == 0 else (_.relevant <= max_listings).ifelse(_.relevant, 0)
    sizes = sizes.mutate(narrow=inside).mutate(strongest=ibis.least(_.narrow, limit))

    def combinations(count: Any) -> Any:
        return (count * (count - 1) // 2).sum().cast("int64")

    names = ("clicked", "relevant", "narrow", "strongest")
    return sizes.agg(**{name: combinations(sizes[name]) for name in names})
