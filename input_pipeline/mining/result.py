"""What mining gives, and its files."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from input_pipeline.mining.near import NEGATIVES, SUSPECTED, TOLD
from input_pipeline.pairs_file import require_pairs
from stylejax.config import ConfigError


@dataclass(frozen=True)
class Finding:
    """Something wrong with the log."""

    name: str  # what
    count: int  # values or events, see `name`
    treatment: str  # what was done about it


@dataclass(frozen=True)
class MinedPairs:
    """Same-style pairs and how many candidates each constraint left.

    `table` has left_id, right_id (left_id < right_id), weight, support, relevance, category, by
    descending weight. `funnel` lists (constraint, count) in the order they were applied.
    `negatives` has left_id, right_id, shown_together, category, by descending shown_together.
    `later` is like `table`, of the events from `mining.split_at` on.
    """

    table: pa.Table
    funnel: list[tuple[str, int]]
    findings: list[Finding] = field(default_factory=list)
    negatives: pa.Table | None = None  # None where none were asked for
    later: pa.Table | None = None  # None without a time split

    def confirmed(self) -> float | None:
        """Share of the pairs that what came after the time split gives again; None without it."""
        if self.later is None:
            return None
        ends = ["left_id", "right_id"]
        found, later = self.table.select(ends), self.later.select(ends)
        return found.join(later, ends, join_type="left semi").num_rows / found.num_rows


def write_pairs(mined: MinedPairs, folder: Path) -> None:
    """Writes what was mined into a folder.

    ``pairs.parquet``, ``mining.json`` (the funnel, and what was wrong with the log), and where
    they were asked for ``negatives.parquet`` and ``pairs_later.parquet``. What an earlier run left
    of the last two, its ``audit.html``, and what an index added (see `near`) is removed: they
    belong to other pairs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("audit.html", SUSPECTED, NEGATIVES, TOLD):
        (folder / name).unlink(missing_ok=True)
    pq.write_table(mined.table, folder / "pairs.parquet")
    for name, table in (("negatives", mined.negatives), ("pairs_later", mined.later)):
        path = folder / f"{name}.parquet"
        if table is None:
            path.unlink(missing_ok=True)
        else:
            pq.write_table(table, path)
    told = {
        "funnel": mined.funnel,
        "findings": {found.name: found.count for found in mined.findings},
        "treatment": {found.name: found.treatment for found in mined.findings if found.count},
    }
    if mined.later is not None:
        told |= {"later pairs": mined.later.num_rows, "confirmed later": mined.confirmed()}
    (folder / "mining.json").write_text(json.dumps(told, indent=1) + "\n")


def read_pairs(path: Path) -> pa.Table:
    """Reads pairs written by `write_pairs` or by any program in the same format.

    Raises:
      ConfigError: when the file is missing, damaged, or lacks a column.
    """
    require_pairs(path)
    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise ConfigError(f"cannot read {path}: {error}; run `stylejax mine` again") from error
    missing = {"left_id", "right_id", "weight"} - set(table.column_names)
    if missing:
        raise ConfigError(f"{path} has no column {', '.join(sorted(missing))}")
    return table
