"""Hard-negative candidates: alike enough to be shown together often, and never clicked together."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir
from ibis import _

from input_pipeline.mining.pairs import strongest_pairs


def negative_pairs(
    shown: ir.Table, *, limit_items: int, min_shown: int, limit_pairs: int
) -> ir.Table:
    """Pairs of one category that many searches showed and no query saw both clicked.

    Args:
      shown: query evidence with the listings that were only shown.
      limit_items: listings of a query that are looked at, those shown most.
      min_shown: showings that the two share: over queries, the lower of their two numbers.
      limit_pairs: pairs kept for a listing, those shown together most.

    Returns:
      left, right, shown_together (int64).
    """
    often = shown.mutate(
        rank=ibis.row_number().over(group_by="key", order_by=[ibis.desc("shown"), "item"])
    ).filter(_.rank < limit_items)
    left = often.select("key", "category", left="item", shown="shown", clicks="clicks")
    right = often.select(
        "key", "category", right="item", right_shown="shown", right_clicks="clicks"
    )
    together = (
        left.inner_join(right, ["key", "category"])
        .filter(_.left < _.right)
        .group_by("left", "right")
        .agg(
            shown_together=ibis.least(_.shown, _.right_shown).sum().cast("int64"),
            clicked_together=ibis.least(_.clicks, _.right_clicks).sum(),
        )
        .filter(_.shown_together >= min_shown, _.clicked_together == 0)
        .drop("clicked_together")
    )
    return strongest_pairs(together, limit_pairs, by="shown_together")
