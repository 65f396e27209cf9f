"""One more column of a catalogue, such as the supplier, which nothing else reads."""

from __future__ import annotations

from pathlib import Path

import ibis

from input_pipeline.tables import read_table, reading
from stylejax.config import ConfigError


def listing_values(path: Path, id_column: str, column: str, setting: str) -> dict[str, str]:
    """Item id to what a column says; "" where it says nothing.

    Args:
      path: the catalogue: Parquet, CSV or JSON lines.
      id_column: its column of item ids.
      column: to read.
      setting: what named the column, for the error.

    Raises:
      ConfigError: when the catalogue cannot be read or lacks the column.
    """
    table = read_table(ibis.duckdb.connect(), path)
    if column not in table.columns:
        raise ConfigError(
            f"{path} has no column {column!r} for {setting}; it has {', '.join(table.columns)}"
        )
    with reading(path):
        rows = table.select(item_id=table[id_column], value=table[column]).to_pyarrow()
    values = ("" if value is None else str(value).strip() for value in rows["value"].to_pylist())
    return dict(zip(map(str, rows["item_id"].to_pylist()), values, strict=True))
