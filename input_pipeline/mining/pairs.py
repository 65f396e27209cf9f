"""From evidence to pairs: gathered over keys, combined over kinds of evidence, capped a listing.

Tables of pairs have left, right (numbers of listings, left < right), support, and weight and
relevance in the whole units of `constraints` and `evidence`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import ibis
import ibis.expr.types as ir
from ibis import _

from input_pipeline.mining.constraints import WEIGHT
from input_pipeline.mining.evidence import MILLION


def co_click_pairs(evidence: ir.Table, *, similarity: bool = False) -> ir.Table:
    """Pairs of one category under one key, gathered over keys.

    Support counts distinct keys, weight sums their weights, relevance averages the lower of
    the two listings' relevance.

    Args:
      evidence: `constraints.strongest_items`.
      similarity: add `similarity`, the cosine of the two listings' clicks over the keys of
        `evidence`, in [0, 1]. What constraints took out counts for neither: the clicks that two
        listings share beyond a key's cap are never looked at, so they may not weigh in a norm.
    """
    left = evidence.select(
        "key", "category", "weight", left="item", relevance="relevance", clicks="clicks"
    )
    right = evidence.select(
        "key",
        "category",
        right="item",
        right_relevance="relevance",
        right_clicks="clicks",
    )
    both = left.inner_join(right, ["key", "category"]).filter(_.left < _.right)
    sums: dict[str, Any] = {
        "weight": _.weight.sum().cast("int64"),
        "support": _.count(),
        "relevance": ibis.least(_.relevance, _.right_relevance).mean().round().cast("int64"),
    }
    if not similarity:
        return both.group_by("left", "right").agg(**sums)
    pairs = both.group_by("left", "right").agg(
        **sums, common=(_.clicks * _.right_clicks).sum().cast("float64")
    )
    norms = evidence.group_by("item").agg(norm=(_.clicks * _.clicks).sum().cast("float64").sqrt())
    return (
        pairs.inner_join(norms.select(left="item", left_norm="norm"), "left")
        .inner_join(norms.select(right="item", right_norm="norm"), "right")
        .mutate(similarity=(_.common / (_.left_norm * _.right_norm)).round(6))
        .drop("common", "left_norm", "right_norm")
    )


def page_pairs(evidence: ir.Table) -> ir.Table:
    """Pairs of a trigger and a listing clicked from its page, in either direction.

    Support counts clicks, weight sums those of the one or two triggers, relevance
    averages the listings' relevance.

    Args:
      evidence: `constraints.strongest_items` of one category.
    """
    return (
        evidence.mutate(left=ibis.least(_.key, _.item), right=ibis.greatest(_.key, _.item))
        .group_by("left", "right")
        .agg(
            weight=_.weight.sum().cast("int64"),
            support=_.clicks.sum().cast("int64"),
            relevance=_.relevance.mean().round().cast("int64"),
        )
    )


def combined(
    kinds: Mapping[str, ir.Table], least: Mapping[str, int], how: Literal["any", "all"]
) -> ir.Table:
    """Pairs with enough support of any kind of evidence, or of all of them.

    Weights and supports of the kinds are added, relevance is their mean by support.

    Args:
      kinds: pairs of each kind.
      least: support that each kind must reach.
      how: whether one kind must reach it, or each.
    """
    if len(kinds) == 1:
        ((name, pairs),) = kinds.items()
        return pairs.filter(_.support >= least[name])
    tables = [
        pairs.select(
            "left",
            "right",
            "weight",
            support=_.support.cast("int64"),
            scored=_.relevance * _.support,
            enough=(_.support >= least[name]).cast("int64"),
        )
        for name, pairs in kinds.items()
    ]
    together = (
        ibis.union(*tables)
        .group_by("left", "right")
        .agg(
            weight=_.weight.sum().cast("int64"),
            relevance=(_.scored.sum() / _.support.sum()).round().cast("int64"),
            support=_.support.sum().cast("int64"),
            enough=_.enough.sum(),
        )
    )
    needed = 1 if how == "any" else len(kinds)
    return together.filter(_.enough >= needed).drop("enough")


def strongest_pairs(pairs: ir.Table, limit: int, by: str = "weight") -> ir.Table:
    """Keeps pairs that are among the `limit` with the highest `by` of both their listings."""
    ends = pairs.select("left", "right", by, item="left").union(
        pairs.select("left", "right", by, item="right")
    )
    kept = (
        ends.mutate(
            rank=ibis.row_number().over(group_by="item", order_by=[ibis.desc(by), "left", "right"])
        )
        .filter(_.rank < limit)
        .group_by("left", "right")
        .agg(ends=_.count())
        .filter(_.ends == 2)
    )
    return pairs.semi_join(kept, ["left", "right"])


def named(pairs: ir.Table, listings: ir.Table, columns: tuple[str, ...]) -> ir.Table:
    """Pairs with item ids for numbers, and weight and relevance as they are told to users.

    Returns:
      left_id, right_id, `columns`, category.
    """
    if "weight" in columns:
        pairs = pairs.mutate(weight=_.weight / WEIGHT, relevance=_.relevance / MILLION)
    left = listings.select(left="item", left_id="item_id", category="category_name")
    right = listings.select(right="item", right_id="item_id")
    return (
        pairs.inner_join(left, "left")
        .inner_join(right, "right")
        .select("left_id", "right_id", *columns, "category")
    )
