"""Listings that are alike and different, by listing: they come into a batch together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from input_pipeline.catalogue import Catalogue
from input_pipeline.graph import PairGraph
from stylejax.config import ConfigError

ENDS = ["left_id", "right_id"]


@dataclass(frozen=True)
class Companions:
    """Hard negatives of `graph.left[k]` are `listing[start[k] : start[k + 1]]`."""

    start: NDArray[np.int64]  # [l + 1]
    listing: NDArray[np.int64]  # [2 pairs] places in `graph.left`


def read_negatives(paths: Sequence[str]) -> pa.Table:
    """Reads files of hard negatives, one after another.

    Returns:
      left_id, right_id.

    Raises:
      ConfigError: when a file is missing or damaged, or lacks a column.
    """
    tables = []
    for path in map(Path, paths):
        try:
            table = pq.read_table(path)
        except (pa.ArrowException, OSError) as error:
            raise ConfigError(
                f"sampling.negatives: cannot read {path} ({error}); write it with `stylejax mine "
                "--from-index DIR` or --mining.max-negatives-per-item"
            ) from error
        if not set(ENDS) <= set(table.column_names):
            raise ConfigError(f"sampling.negatives: {path} has no columns {' and '.join(ENDS)}")
        tables.append(table.select(ENDS).cast(pa.schema([(name, pa.string()) for name in ENDS])))
    return pa.concat_tables(tables)


def companions(
    catalogue: Catalogue, graph: PairGraph, negatives: pa.Table, train_split: str
) -> Companions:
    """Joins hard negatives with the graph of pairs.

    A row of a batch is a pair, so listings without a partner are nobody's companions; nor are two
    listings that are known to be the same by now.

    Args:
      catalogue: listings.
      graph: pairs by listing.
      negatives: left_id, right_id, in any order; what is there twice counts once.
      train_split: the split that the pairs are of.

    Raises:
      ConfigError: when a negative names a listing that is not in the train split, or none is left.
    """
    place = np.full(len(catalogue), -1, np.int64)
    place[graph.left] = np.arange(len(graph.left))
    row_of = {catalogue.item_id[row]: int(row) for row in catalogue.rows(train_split)}
    sides = []
    for name in ENDS:
        ids = negatives[name].to_pylist()
        if unknown := [item for item in ids if item not in row_of]:
            raise ConfigError(
                f"sampling.negatives: {len(unknown)} pairs name listings that are not in split "
                f"{train_split!r}, the first {unknown[0]!r}; mine again with this catalogue"
            )
        sides.append(np.array([row_of[item] for item in ids], np.int64))
    left, right = sides
    kept = (place[left] >= 0) & (place[right] >= 0) & (graph.group[left] != graph.group[right])
    one, other = place[left[kept]], place[right[kept]]
    if len(one) == 0:
        raise ConfigError(
            f"sampling.negatives: of {len(left)} pairs none is of two products whose listings both "
            "have a partner; mine negatives again, from these pairs"
        )
    both = np.stack([np.concatenate([one, other]), np.concatenate([other, one])], axis=1)
    both = np.unique(both, axis=0)
    counts = np.bincount(both[:, 0], minlength=len(graph.left))
    return Companions(np.concatenate([[0], np.cumsum(counts)]), both[:, 1])
