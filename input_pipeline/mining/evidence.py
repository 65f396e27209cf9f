"""Evidence: listings that were clicked under one key, a query or a session, or from a page.

Tables of evidence have one row a (key, listing): key, item, category, clicks, relevance. Listings
and categories are numbers here, listings in the order of their ids. Relevance is in whole
millionths: sums of whole numbers do not depend on their order, so neither the order of the log nor
the engine can move a pair across a threshold.
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir
from ibis import _

MILLION = 1_000_000


def known_events(events: ir.Table, listings: ir.Table, columns: list[str]) -> ir.Table:
    """Events on listings of the train split, with `item` and `category` for `item_id`.

    Args:
      events: of a `ClickLog`.
      listings: item_id, item, category, train.
      columns: further columns to keep, such as query or session_id.
    """
    events = events.filter(~_.other_action)
    if "relevance" not in events.columns:
        events = events.mutate(relevance=ibis.literal(1.0))  # nothing says that it is not
    train = listings.filter(_.train).select("item_id", "item", "category")
    wanted = ["item_id", "shown", "clicked", "relevance", *columns]
    return (
        events.select(*wanted)
        .inner_join(train, "item_id")
        .drop("item_id")
        .mutate(relevance=(_.relevance * MILLION).round().cast("int64"))
    )


def co_click_evidence(events: ir.Table, key: str, *, clicked_only: bool = True) -> ir.Table:
    """One row a (key, listing): times shown, clicks, mean relevance over all its events.

    The mean is over showings, not over clicks: a single score is noisy, and a click selects the
    scores that were too high.

    Args:
      events: `known_events`.
      key: query or session_id; events without one are left out.
      clicked_only: leave out listings that were only shown.
    """
    rows = (
        events.filter(_[key] != "")
        .group_by(_[key].name("key"), "item", "category")
        .agg(
            shown=_.shown.sum().cast("int64"),
            clicks=_.clicked.sum().cast("int64"),
            relevance=_.relevance.mean().round().cast("int64"),
        )
    )
    return rows.filter(_.clicks >= 1) if clicked_only else rows


def page_evidence(events: ir.Table, listings: ir.Table) -> ir.Table:
    """One row a (trigger, listing): clicks on the listing from the trigger's page.

    The key is the trigger's number; `trigger_category` is its category. Events on the trigger's
    own listing say nothing.

    From a page one seldom searches. A listing that was clicked from it without any query or score
    is as relevant as can be: there is nothing that it could be irrelevant to.

    Args:
      events: `known_events` with trigger_id and query.
      listings: item_id, item, category, train.
    """
    trigger = listings.filter(_.train).select(
        trigger_id="item_id", key="item", trigger_category="category"
    )
    return (
        events.filter(_.clicked == 1)
        .inner_join(trigger, "trigger_id")
        .filter(_.key != _.item)
        .group_by("key", "trigger_category", "item", "category")
        .agg(
            clicks=_.clicked.sum().cast("int64"),
            scored=_.relevance.mean().round().cast("int64"),
            asked=(_["query"] != "").sum(),
        )
        .mutate(relevance=((_.asked == 0) & _.scored.isnull()).ifelse(MILLION, _.scored))
        .drop("scored", "asked")
    )
