"""Hard-negative candidates: alike enough to be shown together often, and never clicked together."""

from __future__ import annotations

from collections.abc import Sequence

import ibis
import ibis.expr.types as ir
from ibis import _

from input_pipeline.mining.pairs import strongest_pairs


def negative_pairs(
    shown: ir.Table,
    found: Sequence[ir.Table],
    *,
    limit_items: int,
    min_shown: int,
    limit_pairs: int,
) -> ir.Table:
    """Pairs of one category that many searches showed and that no evidence speaks for.

    Those that any query saw both clicked are left out, however rarely it showed them: the limit
    bounds what is looked at, not what speaks against a candidate.

    Args:
      shown: query evidence with the listings that were only shown.
      found: tables of pairs that some evidence speaks for, with support or without: left, right.
      limit_items: listings of a query that are looked at, those shown most.
      min_shown: showings that the two share: over queries, the lower of their two numbers.
      limit_pairs: pairs kept for a listing, those shown together most.

    Returns:
      left, right, shown_together (int64).
    """
    often = shown.mutate(
        rank=ibis.row_number().over(group_by="key", order_by=[ibis.desc("shown"), "item"])
    ).filter(_.rank < limit_items)
    left = often.select("key", "category", left="item", shown="shown")
    right = often.select("key", "category", right="item", right_shown="shown")
    together = (
        left.inner_join(right, ["key", "category"])
        .filter(_.left < _.right)
        .group_by("left", "right")
        .agg(shown_together=ibis.least(_.shown, _.right_shown).sum().cast("int64"))
        .filter(_.shown_together >= min_shown)
    )
    for pairs in found:
        together = together.anti_join(pairs, ["left", "right"])
    # From the candidates to their queries: a head query's pairs are never written out.
    clicked = shown.filter(_.clicks >= 1)
    co_clicked = (
        together.select("left", "right")
        .inner_join(clicked.select("key", left="item"), "left")
        .semi_join(clicked.select("key", right="item"), ["key", "right"])
    )
    candidates = together.anti_join(co_clicked, ["left", "right"])
    return strongest_pairs(candidates, limit_pairs, by="shown_together")
