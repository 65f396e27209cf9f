"""The rules as one SQL query, for a warehouse that holds the log and is not reached from here."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import ibis
import ibis.backends.sql.compilers as compilers
import ibis.expr.types as ir
import pyarrow as pa

from input_pipeline.mining.engines import Engine
from input_pipeline.mining.log import click_log
from input_pipeline.mining.miner import Miner, within_window
from stylejax.config import ConfigError, DataConfig, MiningConfig

LISTINGS = {
    "item_id": "string",
    "category": "int32",
    "category_name": "string",
    "train": "boolean",
    "item": "int32",
}
TITLES = {"item": "int32", "title": "string"}
EVENTS = {
    "query": "string",
    "item_id": "string",
    "clicked": "int64",
    "relevance": "float64",
    "session_id": "string",
    "timestamp": "timestamp('UTC')",
    "trigger_id": "string",
}


class _Written(Engine):
    """Computes nothing: every table stays the expression that it is, and the last one is SQL."""

    def __init__(self, dialect: str):
        super().__init__(None, Path())
        self.compiler = getattr(compilers, dialect).compiler
        self.sql = ""

    def keep(self, name: str, rows: ir.Table) -> ir.Table:
        return rows

    def row(self, table: ir.Table) -> dict[str, Any]:
        return dict.fromkeys(table.columns, 0)

    def rows(self, table: ir.Table) -> pa.Table:
        query = self.compiler.to_sqlglot(table)
        sql = query.sql(self.compiler.dialect, pretty=True) + "\n"
        names: dict[str, str] = {}  # Ibis names unnested columns at random; equal rules, equal SQL
        self.sql = re.sub(
            r"\bibis_table_unnest_\w+",
            lambda name: names.setdefault(name[0], f"unnested_{len(names) + 1}"),
            sql,
        )
        return pa.table({})


def pairs_sql(data: DataConfig, options: MiningConfig, dialect: str) -> str:
    """The query whose rows are those of ``pairs.parquet``.

    It reads the tables `events` (the log, under its own column names), `listings`
    (`miner.numbered_listings`) and, for relevance from words, `titles` (`miner.item_titles`).
    Nothing is checked: a malformed value is a missing one there, a duplicate counts twice.

    Args:
      data: schema and column mapping of the log.
      options: the constraints.
      dialect: an SQL backend of Ibis, such as bigquery or snowflake.

    Raises:
      ConfigError: for an unknown dialect, the UBI schema, whose columns are not known here, and
        settings that ask for more than the pairs.
    """
    if not hasattr(getattr(compilers, dialect, None), "compiler"):
        raise ConfigError(f"no SQL dialect {dialect!r}; use bigquery, or another backend of Ibis")
    if data.click_schema != "columns":
        raise ConfigError("SQL is written for --data.click-schema columns; map the log's columns")
    for name in ("max_negatives_per_item", "split_at"):
        value = getattr(options, name)
        if value:
            raise ConfigError(
                f"mining.{name} is {value!r}, but the SQL is one query and gives pairs.parquet "
                f"only; leave mining.{name} out"
                + ("; --mining.until bounds the time" if name == "split_at" else "")
            )
    names = {ours: getattr(data.click_columns, ours) for ours in EVENTS}
    schema = {theirs: EVENTS[ours] for ours, theirs in names.items() if theirs}
    log = click_log(ibis.table(schema, name="events"), data, "events")
    engine = _Written(dialect)
    titles = ibis.table(TITLES, name="titles") if options.relevance != "column" else None
    listings = ibis.table(LISTINGS, name="listings")
    miner = Miner(engine, log, options, listings, titles)
    found = miner.found(within_window(log, log.events, options), [])
    miner.strongest(miner.supported(found, []), [])
    return engine.sql
