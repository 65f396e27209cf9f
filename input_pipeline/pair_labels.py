"""Pairs of listings that somebody labelled: one product, or two."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import ibis
import numpy as np
from jaxtyping import Bool
from numpy.typing import NDArray

from input_pipeline.tables import read_table, reading
from stylejax.config import ConfigError

COLUMNS = ("left_id", "right_id", "label")
SAME = {"1": True, "1.0": True, "true": True, "0": False, "0.0": False, "false": False}


@dataclass(frozen=True)
class PairLabels:
    """Labelled pairs, in the order of the table."""

    left_id: list[str]
    right_id: list[str]
    same: Bool[NDArray, " n"]
    unlabelled: int  # rows of the table that have no label yet

    def __len__(self) -> int:
        return len(self.left_id)


def load_pair_labels(path: Path) -> PairLabels:
    """Reads a table with columns left_id, right_id and label: 1 = one product, 0 = two.

    Args:
      path: Parquet, CSV or JSON lines; further columns do not matter, rows without a label are
        counted only, and a pair that is there twice counts once.

    Raises:
      ConfigError: when the file or a column is missing, a label is something else, a pair is of one
        listing, or is labelled 0 and 1; also when no pair has a label.
    """
    if not path.exists():
        raise ConfigError(f"no table of labelled pairs {path}")
    table = read_table(ibis.duckdb.connect(), path)
    if missing := [name for name in COLUMNS if name not in table.columns]:
        raise ConfigError(
            f"{path} has no column {', '.join(missing)}; labelled pairs have {', '.join(COLUMNS)}"
        )
    with reading(path):
        rows = table.select(*COLUMNS).to_pyarrow().to_pylist()
    found: dict[tuple[str, str], bool] = {}
    unlabelled = 0
    for number, row in enumerate(rows, 1):
        left, right = sorted(str(row[name]) for name in COLUMNS[:2])
        label = "" if row["label"] is None else str(row["label"]).strip().lower()
        if not label:
            unlabelled += 1
            continue
        if label not in SAME:
            raise ConfigError(f"{path} row {number} has label {row['label']!r}; write 1, 0 or none")
        if left == right:
            raise ConfigError(f"{path} row {number} pairs {left!r} with itself; leave it out")
        if found.setdefault((left, right), SAME[label]) != SAME[label]:
            raise ConfigError(f"{path} labels {left!r} and {right!r} 0 and 1; decide for one")
    if not found:
        waiting = f"; {unlabelled:,} wait for a 1 or a 0" if unlabelled else ""
        raise ConfigError(f"{path} has no labelled pair{waiting}")
    same = np.fromiter(found.values(), bool, len(found))
    return PairLabels([a for a, _ in found], [b for _, b in found], same, unlabelled)
