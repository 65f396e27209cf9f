"""Which words shoppers have searched for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from input_pipeline.mining.engines import open_engine
from input_pipeline.mining.log import click_log, folded
from stylejax.config import DataConfig, MiningConfig


def searched(
    data: DataConfig, options: MiningConfig, clicks: Path | str, words: Sequence[str]
) -> set[str]:
    """Those of some words that are a query of the click log, as mining compares queries.

    Args:
      data: schema and column mapping of the click log.
      options: of mining; its engine reads the log.
      clicks: the log: a file, or the URL of a database.
      words: to look for.

    Raises:
      ConfigError: when the log cannot be read.
    """
    with open_engine(options) as engine:
        log = click_log(engine.open(clicks, data.clicks_table), data, clicks)
        asked = engine.load("words", pa.table({"words": list(dict.fromkeys(words))}))
        asked = asked.mutate(query=folded(asked.words))
        found = engine.rows(asked.semi_join(log.events, "query").select("words"))
        return set(found["words"].to_pylist())
