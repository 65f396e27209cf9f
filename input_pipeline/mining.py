"""From a click log to same-style pairs: category and relevance constraint, support, caps, weights.

Two listings that shoppers clicked under the same query are evidence for the same product when both
are relevant to that query and share a category; evidence under several distinct queries makes a
pair. Everything is one set of Ibis expressions, so the engine can change and the rules cannot.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq
from ibis import _

from input_pipeline.catalogue import Catalogue
from input_pipeline.sources import mapped, read_table, reading
from stylejax.config import ConfigError, DataConfig, MiningConfig


@dataclass(frozen=True)
class MinedPairs:
    """Same-style pairs and how many candidates each constraint left.

    `table` has left_id, right_id (left_id < right_id), weight, support, relevance, category, by
    descending weight. `funnel` lists (constraint, count) in the order they were applied.
    """

    table: pa.Table
    funnel: list[tuple[str, int]]


def mine(data: DataConfig, options: MiningConfig, catalogue: Catalogue, clicks: Path) -> MinedPairs:
    """Mines the pairs among the listings of the train split.

    Args:
      data: column mapping of the click log; name of the train split.
      options: the constraints.
      catalogue: listings; its category paths are the category constraint.
      clicks: the click log.

    Raises:
      ConfigError: for a missing column, a log without events or clicks, or when no pair is left.
    """
    connection = ibis.duckdb.connect()
    log = _events(read_table(connection, clicks), data, clicks)
    rows = catalogue.rows(data.train_split)
    listings = ibis.memtable(
        pa.table(
            {
                "item_id": [catalogue.item_id[row] for row in rows],
                "category": [catalogue.category(row, options.category_level) for row in rows],
            }
        )
    )
    with reading(clicks):
        events = int(log.count().to_pyarrow().as_py())
    if events == 0:
        raise ConfigError(f"{clicks} has no events; mining needs at least one click")
    evidence = connection.create_table(
        "evidence", query_evidence(log, listings).to_pyarrow(), temp=True
    )
    known, clicked = (
        int(value or 0)
        for value in (
            evidence.shown.sum().to_pyarrow().as_py(),
            evidence.clicks.sum().to_pyarrow().as_py(),
        )
    )
    if clicked == 0:
        raise ConfigError(
            f"{clicks} has {events} events but no click on a listing of split "
            f"{data.train_split!r}; check --data.click_columns.clicked and .item_id"
        )
    funnel = [("events in the log", events), ("events on known train listings", known)]
    funnel.append(("clicks", clicked))

    accepted = evidence.filter(_.clicks >= 1)
    funnel.append(("co-clicked under a query", _co_occurrences(accepted, ["query"])))
    accepted = accepted.filter(_.clicks >= options.min_clicks, _.relevance >= options.min_relevance)
    funnel.append(("... both relevant to it", _co_occurrences(accepted, ["query"])))
    accepted = strongest_items(accepted, options.max_items_per_query)
    funnel.append(("... among its strongest listings", _co_occurrences(accepted, ["query"])))
    funnel.append(("... of one category", _co_occurrences(accepted, ["query", "category"])))
    candidates = connection.create_table(
        "candidates", candidate_pairs(accepted).to_pyarrow(), temp=True
    )
    funnel.append(("distinct pairs", int(candidates.count().to_pyarrow().as_py())))
    supported = candidates.filter(_.support >= options.min_support)
    funnel.append(("... with support", int(supported.count().to_pyarrow().as_py())))
    capped = strongest_pairs(supported, options.max_pairs_per_item)
    table = capped.order_by(ibis.desc("weight"), "left_id", "right_id").to_pyarrow()
    funnel.append(("... within the cap a listing", table.num_rows))
    if table.num_rows == 0:
        raise ConfigError(
            "no pair is left: "
            + ", ".join(f"{name} {count}" for name, count in funnel)
            + "; lower mining.min_support or mining.min_relevance"
        )
    return MinedPairs(table, funnel)


def query_evidence(log: ir.Table, listings: ir.Table) -> ir.Table:
    """One row a (query, listing): times shown, clicks, mean relevance over all showings.

    The mean over showings, not over clicks: a single score is noisy, and a click selects the
    scores that were too high.
    """
    return (
        log.filter(_.query != "")
        .inner_join(listings, "item_id")
        .group_by("query", "item_id", "category")
        .agg(shown=_.count(), clicks=_.clicked.sum(), relevance=_.relevance.mean().round(6))
    )


def strongest_items(evidence: ir.Table, limit: int) -> ir.Table:
    """Keeps the `limit` listings of each query with the most clicks; adds `specificity`.

    The cap bounds a query's pairs by limit^2 / 2 however popular it is. Specificity is
    1 / log2(1 + listings): a query that leads to many listings says less about any two of them.
    """
    ranked = evidence.mutate(
        rank=ibis.row_number().over(
            group_by="query", order_by=[ibis.desc("clicks"), ibis.desc("relevance"), "item_id"]
        )
    ).filter(_.rank < limit)
    return ranked.mutate(
        specificity=1.0 / (1 + _.count().over(group_by="query")).cast("float64").log2()
    )


def candidate_pairs(evidence: ir.Table) -> ir.Table:
    """Pairs of one category under one query, gathered over queries.

    Support counts distinct queries, weight sums their specificity, relevance averages the lower
    of the two listings' relevance.
    """
    left = evidence.select(
        "query", "category", left_id="item_id", relevance="relevance", specificity="specificity"
    )
    right = evidence.select("query", "category", right_id="item_id", right_relevance="relevance")
    return (
        left.inner_join(right, ["query", "category"])
        .filter(_.left_id < _.right_id)
        .group_by("left_id", "right_id", "category")
        .agg(
            weight=_.specificity.sum().round(9),
            support=_.count(),
            relevance=ibis.least(_.relevance, _.right_relevance).mean().round(6),
        )
        .select("left_id", "right_id", "weight", "support", "relevance", "category")
    )


def strongest_pairs(pairs: ir.Table, limit: int) -> ir.Table:
    """Keeps pairs that are among the `limit` heaviest of both their listings."""
    ends = pairs.select("left_id", "right_id", "weight", item="left_id").union(
        pairs.select("left_id", "right_id", "weight", item="right_id")
    )
    kept = (
        ends.mutate(
            rank=ibis.row_number().over(
                group_by="item", order_by=[ibis.desc("weight"), "left_id", "right_id"]
            )
        )
        .filter(_.rank < limit)
        .group_by("left_id", "right_id")
        .agg(ends=_.count())
        .filter(_.ends == 2)
    )
    return pairs.semi_join(kept, ["left_id", "right_id"])


def _events(table: ir.Table, data: DataConfig, path: Path) -> ir.Table:
    """The log with our column names and types; a log without relevance counts all as relevant."""
    log = mapped(table, dataclasses.asdict(data.click_columns), path, "data.click_columns")
    spelled: Any = log.clicked.cast("string").lower()
    count: Any = ibis.coalesce(spelled.try_cast("float64"), 0.0)  # a count of 2 is a click too
    clicked = (count > 0) | (spelled == "true") | (spelled == "t") | (spelled == "yes")
    relevance = (
        log.relevance.try_cast("float64") if "relevance" in log.columns else ibis.literal(1.0)
    )
    relevance = relevance.isnan().ifelse(ibis.null("float64"), relevance)
    return log.select(
        query=log["query"].cast("string"),
        item_id=log.item_id.cast("string"),
        clicked=clicked.cast("int64"),
        relevance=relevance,
    )


def _co_occurrences(evidence: ir.Table, keys: list[str]) -> int:
    """Number of (pair, key) combinations, by arithmetic: they are never written out."""
    sizes = evidence.group_by(keys).agg(n=_.count())
    sizes = sizes.mutate(pairs=_.n * (_.n - 1) / 2)
    total = sizes.pairs.sum().to_pyarrow().as_py()
    return int(total or 0)


def write_pairs(mined: MinedPairs, folder: Path) -> None:
    """Writes ``pairs.parquet`` and ``mining.json`` (the funnel) into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(mined.table, folder / "pairs.parquet")
    (folder / "mining.json").write_text(json.dumps({"funnel": mined.funnel}, indent=1) + "\n")


def read_pairs(path: Path) -> pa.Table:
    """Reads pairs written by `write_pairs` or by any program in the same format.

    Raises:
      ConfigError: when the file is missing or lacks a column.
    """
    if not path.is_file():
        raise ConfigError(f"no pairs {path}; run `stylejax mine` with the same --config first")
    table = pq.read_table(path)
    missing = {"left_id", "right_id", "weight"} - set(table.column_names)
    if missing:
        raise ConfigError(f"{path} has no column {', '.join(sorted(missing))}")
    return table
