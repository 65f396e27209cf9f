"""From a click log to pairs: the rules in their order, and what each of them leaves."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from ibis import _

from input_pipeline.catalogue import Catalogue
from input_pipeline.category_path import at_level
from input_pipeline.mining.checks import check, within, without_duplicates
from input_pipeline.mining.constraints import co_occurrences, narrow, relevant, strongest_items
from input_pipeline.mining.engines import Engine, open_engine
from input_pipeline.mining.evidence import co_click_evidence, known_events, page_evidence
from input_pipeline.mining.log import ClickLog, click_log
from input_pipeline.mining.negatives import negative_pairs
from input_pipeline.mining.pairs import (
    co_click_pairs,
    combined,
    named,
    page_pairs,
    strongest_pairs,
)
from input_pipeline.mining.relevance import text_relevance, with_relevance
from input_pipeline.mining.result import MinedPairs
from stylejax.config import ConfigError, DataConfig, MiningConfig

Kind = Literal["query", "session", "item"]
COLUMN: dict[Kind, str] = {"query": "query", "session": "session_id", "item": "trigger_id"}
SUPPORT: dict[Kind, str] = {
    "query": "min_support",
    "session": "min_session_support",
    "item": "min_item_support",
}
NAMED: dict[Kind, str] = {
    "query": "co-clicked under a query",
    "session": "co-clicked in a session",
    "item": "clicked from another's page",
}


def mine(
    data: DataConfig,
    options: MiningConfig,
    catalogue: Catalogue,
    clicks: Path | str,
    *,
    now: float | None = None,
) -> MinedPairs:
    """Mines the pairs among the listings of the train split.

    Args:
      data: schema and column mapping of the click log; name of the train split.
      options: the constraints.
      catalogue: listings; its category paths are the category constraint.
      clicks: the click log: a file, or the URL of a database.
      now: the present in seconds since 1970, for timestamps in the future; None = the clock.

    Raises:
      ConfigError: for a missing column, a log without events or clicks, too many values that
        cannot be read, or when no pair is left.
    """
    with open_engine(options) as engine:
        log = click_log(engine.open(clicks, data.clicks_table), data, clicks)
        listings = engine.load("listings", numbered_listings(data, options, catalogue))
        told, findings = check(
            engine,
            log,
            listings,
            options,
            train_split=data.train_split,
            now=time.time() if now is None else now,
        )
        events = without_duplicates(log) if told["duplicates"] else log.events
        funnel = [("events in the log", told["events"])]
        funnel.append(("... on known train listings", told["known"]))
        funnel.append(("... clicked", told["clicks"]))
        titles = None
        if options.relevance != "column":
            titles = engine.load("titles", item_titles(data, catalogue))
        miner = Miner(engine, log, options, listings, titles)
        first = within_window(log, events, options)
        if options.since or options.until or options.split_at:
            seen = known_events(first, listings, [])
            told = engine.row(seen.agg(clicks=seen.clicked.sum().cast("int64")))
            funnel.append(("... within the time window", told["clicks"]))
        found = miner.found(first, funnel)
        supported = miner.supported(found, funnel)
        table = miner.strongest(supported, funnel)
        if table.num_rows == 0:
            least = ", ".join(f"mining.{SUPPORT[kind]}" for kind in options.evidence)
            raise ConfigError(
                "no pair is left: "
                + ", ".join(f"{name} {count}" for name, count in funnel)
                + f"; lower {least} or mining.min_relevance"
            )
        mined = MinedPairs(table, funnel, findings)
        if options.max_negatives_per_item:
            # Pairs of queries without support are none either: they were clicked under one query.
            others = [pairs for kind, pairs in found.items() if kind != "query"]
            negatives = miner.negatives(first, [supported, *others])
            mined = dataclasses.replace(mined, negatives=negatives)
        split = options.moment("split_at")
        if split is not None:
            after = within(log, events, split, options.moment("until"))
            later = miner.strongest(miner.supported(miner.found(after, []), []), [])
            mined = dataclasses.replace(mined, later=later)
    return mined


def within_window(log: ClickLog, events: ir.Table, options: MiningConfig) -> ir.Table:
    """The events that pairs are mined from: of the window, and before the split if there is one."""
    end = options.moment("until" if options.split_at == "" else "split_at")
    return within(log, events, options.moment("since"), end)


def numbered_listings(data: DataConfig, options: MiningConfig, catalogue: Catalogue) -> pa.Table:
    """All listings, numbered in the order of their ids so that numbers compare as ids do.

    Returns:
      item_id, item (int32), category (int32), category_name, train (bool).
    """
    paths = pa.array(catalogue.category_path, pa.string()).dictionary_encode()
    names = [at_level(path, options.category_level) for path in paths.dictionary.to_pylist()]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    code = pa.array([numbers[name] for name in names], pa.int32())
    rows = pa.table(
        {
            "item_id": pa.array(catalogue.item_id, pa.string()),
            "category": code.take(paths.indices),
            "category_name": pa.array(names, pa.string()).take(paths.indices),
            "train": pc.equal(pa.array(catalogue.split, pa.string()), data.train_split),
        }
    ).sort_by("item_id")
    return rows.append_column("item", pa.array(np.arange(len(rows), dtype=np.int32)))


def item_titles(data: DataConfig, catalogue: Catalogue) -> pa.Table:
    """Titles of the train split by the numbers of `numbered_listings`: item, title."""
    order = pc.sort_indices(pa.array(catalogue.item_id, pa.string())).to_pylist()
    kept = [(n, row) for n, row in enumerate(order) if catalogue.split[row] == data.train_split]
    return pa.table(
        {
            "item": pa.array([n for n, _row in kept], pa.int32()),
            "title": pa.array([catalogue.title[row] for _n, row in kept], pa.string()),
        }
    )


class Miner:
    """The constraints, applied to the events of one stretch of time."""

    def __init__(
        self,
        engine: Engine,
        log: ClickLog,
        options: MiningConfig,
        listings: ir.Table,
        titles: ir.Table | None,
    ):
        self.engine, self.options, self.listings, self.titles = engine, options, listings, titles
        for kind in options.evidence:
            if not log.has(COLUMN[kind]):
                raise ConfigError(
                    f"{log.where} has no column for mining.evidence {kind}: map one with "
                    f"--data.click-columns.{COLUMN[kind].replace('_', '-')} NAME, or leave it out"
                )

    def found(self, events: ir.Table, funnel: list[tuple[str, int]]) -> dict[str, ir.Table]:
        """Pairs of each kind of evidence, whatever their support, kept by the engine.

        Adds each constraint's count to the funnel, as the methods below do.
        """
        options, engine = self.options, self.engine
        known = self._known(events)
        kinds: dict[str, ir.Table] = {}
        for kind in options.evidence:
            similar = kind == "query" and options.min_profile_similarity > 0
            if kind == "item":
                found = page_pairs(self._pages(known, funnel))
            else:
                accepted = self._clicked_together(kind, known, funnel)
                found = co_click_pairs(accepted, similarity=similar)
            kinds[kind] = engine.keep(f"pairs_{kind}", found)
            funnel.append(("distinct pairs", engine.count(kinds[kind])))
            if similar:
                kinds[kind] = kinds[kind].filter(_.similarity >= options.min_profile_similarity)
                funnel.append(("... of like click profiles", engine.count(kinds[kind])))
        return kinds

    def supported(self, kinds: Mapping[str, ir.Table], funnel: list[tuple[str, int]]) -> ir.Table:
        """Of the pairs that were found those with support, kept by the engine."""
        options, engine = self.options, self.engine
        least = {kind: getattr(options, SUPPORT[kind]) for kind in options.evidence}
        supported = engine.keep("supported", combined(kinds, least, options.combine))
        # Those of several kinds are no part of the last kind's pairs, which come before them.
        name = "... with support" if len(kinds) == 1 else "pairs with support"
        funnel.append((name, engine.count(supported)))
        return supported

    def strongest(self, supported: ir.Table, funnel: list[tuple[str, int]]) -> pa.Table:
        """The pairs within the cap a listing, by descending weight."""
        columns = ("weight", "support", "relevance")
        strongest = strongest_pairs(supported, self.options.max_pairs_per_item)
        table = self.engine.rows(
            named(strongest, self.listings, columns).order_by(
                ibis.desc("weight"), "left_id", "right_id"
            )
        )
        funnel.append(("... within the cap a listing", table.num_rows))
        return table

    def negatives(self, events: ir.Table, pairs: Sequence[ir.Table]) -> pa.Table:
        """Hard-negative candidates, those shown together most first; none is one of `pairs`."""
        options, engine = self.options, self.engine
        known = known_events(events, self.listings, ["query"])
        found = negative_pairs(
            engine.keep("shown", co_click_evidence(known, "query", clicked_only=False)),
            pairs,
            limit_items=options.max_items_per_query,
            min_shown=options.min_shown_together,
            limit_pairs=options.max_negatives_per_item,
        )
        rows = named(found, self.listings, ("shown_together",))
        return engine.rows(rows.order_by(ibis.desc("shown_together"), "left_id", "right_id"))

    def _known(self, events: ir.Table) -> ir.Table:
        columns = {"query", *(COLUMN[kind] for kind in self.options.evidence)}
        known = known_events(events, self.listings, sorted(columns))
        if self.titles is None:
            return known
        assert self.options.relevance != "column"
        judged = text_relevance(known, self.titles, self.options.relevance)
        return with_relevance(known, self.engine.keep("judged", judged))

    def _pages(self, known: ir.Table, funnel: list[tuple[str, int]]) -> ir.Table:
        """Item evidence that every constraint on it accepts, kept by the engine."""
        options, engine = self.options, self.engine
        evidence = engine.keep("evidence_item", page_evidence(known, self.listings))
        accepted = relevant(evidence, options.min_clicks, options.min_relevance)
        funnel.append((NAMED["item"], engine.count(evidence)))
        funnel.append(("... relevant", engine.count(accepted)))
        alike = accepted.filter(_.category == _.trigger_category)
        alike = engine.keep("accepted_item", strongest_items(alike, options.max_items_per_query))
        funnel.append(("... of one category", engine.count(alike)))
        return alike

    def _clicked_together(
        self, kind: Kind, known: ir.Table, funnel: list[tuple[str, int]]
    ) -> ir.Table:
        """Query or session evidence that every constraint accepts, kept by the engine."""
        options, engine = self.options, self.engine
        evidence = engine.keep(f"evidence_{kind}", co_click_evidence(known, COLUMN[kind]))
        broad = options.max_query_listings if kind == "query" else 0
        limits = (options.min_clicks, options.min_relevance, broad, options.max_items_per_query)
        told = engine.row(co_occurrences(evidence, *limits))
        accepted = narrow(relevant(evidence, options.min_clicks, options.min_relevance), broad)
        accepted = strongest_items(accepted, options.max_items_per_query)
        accepted = engine.keep(f"accepted_{kind}", accepted)
        alike = accepted.group_by("key", "category").agg(n=_.count())
        size: Any = alike.n
        alike = alike.agg(pairs=(size * (size - 1) // 2).sum().cast("int64"))
        funnel.append((NAMED[kind], told["clicked"]))
        funnel.append(("... both relevant to it", told["relevant"]))
        if broad:
            funnel.append(("... of a narrow query", told["narrow"]))
        funnel.append(("... among its strongest listings", told["strongest"]))
        funnel.append(("... of one category", engine.row(alike)["pairs"]))
        return accepted
