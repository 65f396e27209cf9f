"""What is wrong with a click log, counted before any work is done on it."""

from __future__ import annotations

from typing import Any

import ibis
import ibis.expr.types as ir
from ibis import _

from input_pipeline.mining.engines import Engine
from input_pipeline.mining.log import ClickLog
from input_pipeline.mining.result import Finding
from stylejax.config import ConfigError, MiningConfig

LEEWAY = 86_400.0  # seconds that clocks may differ before a time counts as the future
UNSCORED = "events of a log without relevance"  # name of a finding

# Flag of `ClickLog.events` -> name of the finding, setting that names the column, what to do.
MALFORMED = {
    "bad_clicked": (
        "clicked is neither a number nor yes or no",
        "clicked",
        "counted as no click",
    ),
    "bad_relevance": ("relevance is no number", "relevance", "counted as missing"),
    "outside": ("relevance is outside [0, 1]", "relevance", "counted as missing"),
    "bad_time": ("timestamp is no moment", "timestamp", "left out where a time window is set"),
}


def check(
    engine: Engine,
    log: ClickLog,
    listings: ir.Table,
    options: MiningConfig,
    *,
    train_split: str,
    now: float,
) -> tuple[dict[str, int], list[Finding]]:
    """Counts events and findings in one pass over the log, and duplicates in a second.

    Args:
      engine: runs the counting.
      log: the events.
      listings: item_id, item, category, train: all listings of the catalogue.
      options: what share of malformed values is tolerated.
      train_split: its name, for messages.
      now: the present, in seconds since 1970; later timestamps are in the future.

    Returns:
      Numbers of events, known (events on known train listings), clicks (on those) and duplicates,
      and all findings, those with count 0 included.

    Raises:
      ConfigError: for a log without events or clicks, or with too many malformed values.
    """
    # Any: Ibis' annotations do not know the types of columns.
    events: Any = log.events.left_join(listings.select("item_id", "train"), "item_id")
    train, known = events.train.fill_null(False), events.train.notnull()
    about = ~events.other_action
    counts: dict[str, Any] = {
        "events": events.count(),
        "known": (train & about).sum(),
        "clicks": train.ifelse(events.clicked, 0).sum(),
        "unknown": (~known & about).sum(),
        "unknown_clicks": known.ifelse(0, events.clicked).sum(),
        "elsewhere": (known & ~train & about).sum(),
        "unasked": (events.unasked & about).sum(),
        "other_action": events.other_action.sum(),
    }
    counts |= {flag: events[flag].sum() for flag in MALFORMED}
    if log.has("relevance"):
        counts["unscored"] = events.relevance.isnull().sum()
    if log.has("seconds"):
        counts["future"] = (events.seconds > now + LEEWAY).sum()
        counts["untimed"] = (events.seconds.isnull() & ~events.bad_time).sum()
    told = engine.row(events.agg(**{name: n.cast("int64") for name, n in counts.items()}))
    if told["events"] == 0:
        raise ConfigError(f"{log.where} has no events; mining needs at least one click")
    for flag, (what, column, _treatment) in MALFORMED.items():
        if told[flag] > options.max_bad_share * told["events"]:
            hint = " (a score of 0 to 100? divide it)" if flag == "outside" else ""
            raise ConfigError(
                f"{log.where}: in {told[flag]:,} of {told['events']:,} events {what}{hint}; mend "
                f"them, map another column with --data.click-columns.{column}, or raise "
                f"--mining.max-bad-share ({options.max_bad_share})"
            )
    if told["clicks"] == 0:
        raise ConfigError(
            f"{log.where} has {told['events']} events but no click on a listing of split "
            f"{train_split!r}; check --data.click-columns.clicked and .item-id"
        )
    told["duplicates"] = _duplicates(engine, log, told["events"])
    window = "left out" if options.since or options.until or options.split_at else "kept"
    findings = [Finding(what, told[flag], do) for flag, (what, _c, do) in MALFORMED.items()]
    findings += [
        Finding("events without a query", told["unasked"], "no query evidence"),
        Finding("events on unknown listings", told["unknown"], "left out"),
        Finding("clicks on unknown listings", told["unknown_clicks"], "left out"),
        Finding("events on listings of other splits", told["elsewhere"], "left out"),
        Finding("duplicate events", told["duplicates"], "counted once"),
    ]
    if log.has("relevance"):
        findings.append(Finding("events without relevance", told["unscored"], "not averaged"))
    elif options.relevance == "column":
        careful = "all count as relevant, which is rarely good enough: docs/your_click_log.md"
        findings.append(Finding(UNSCORED, told["events"], careful))
    if log.has("seconds"):
        window = f"{window}: only windows read time"
        findings.append(Finding("timestamps in the future", told["future"], window))
        findings.append(Finding("events without a timestamp", told["untimed"], window))
    if told["other_action"]:
        other = "other actions than showing and clicking"
        findings.append(Finding(other, told["other_action"], "left out"))
    return told, findings


def _duplicates(engine: Engine, log: ClickLog, events: int) -> int:
    """Number of events that are there already."""
    if log.has("event_id"):
        ids: Any = log.events.event_id
        told = engine.row(
            log.events.agg(ids=ids.nullif("").nunique(), empty=(ids == "").sum().cast("int64"))
        )
        return events - told["ids"] - told["empty"]
    if log.has("session_id") and log.has("seconds"):
        placed: Any = log.events.filter(_placed(log.events))
        equal: Any = placed.group_by(placed.columns).agg(again=placed.count() - 1)
        return engine.row(equal.agg(again=equal.again.sum().cast("int64")))["again"]
    return 0


def _placed(events: Any) -> Any:
    """Whether a visit and a moment are known: without both, equal rows may well be two events."""
    return (events.session_id != "") & events.seconds.notnull()


def without_duplicates(log: ClickLog) -> ir.Table:
    """The events, of duplicates only one, whatever the order of the log."""
    events = log.events
    if not log.has("event_id"):
        return events.filter(_placed(events)).distinct().union(events.filter(~_placed(events)))
    others = [events[name] for name in events.columns if name != "event_id"]
    first = ibis.row_number().over(group_by="event_id", order_by=others)
    return events.mutate(turn=first).filter((_.turn == 0) | (_.event_id == "")).drop("turn")


def within(log: ClickLog, events: ir.Table, start: float | None, end: float | None) -> ir.Table:
    """The events from `start` until before `end`, in seconds since 1970; None = no limit.

    Raises:
      ConfigError: when there is a limit and the log has no timestamps.
    """
    if start is None and end is None:
        return events
    if not log.has("seconds"):
        raise ConfigError(
            f"{log.where} has no column of timestamps, so mining.since, until and split_at cannot "
            "be used; map one with --data.click-columns.timestamp NAME"
        )
    if start is not None:
        events = events.filter(_.seconds >= start)
    return events if end is None else events.filter(_.seconds < end)
