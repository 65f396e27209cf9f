"""The vectors of an export, left on disk and read shard by shard."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
from jaxtyping import Bool, Float32, Int
from numpy.typing import NDArray

from stylejax.config import VIEWS
from stylejax.retrieval.manifest import read_manifest, require_file
from stylejax.retrieval.vector_table import rows_by_item, unit_vectors


class StoredVectors:
    """Unit vectors of the n listings of an export; see `Vectors`.

    Memory holds the ids, which listing has which view, and one shard at a time.
    """

    def __init__(self, folder: Path):
        """Reads ids and views, and checks every shard against its checksum.

        Raises:
          ConfigError: when there is no export, or a shard is missing or was changed.
        """
        manifest = read_manifest(folder)
        self.dim: int = manifest["dim"]
        self.item_id: list[str] = []
        views = [view for view in VIEWS if view in manifest["vectors"]]
        present: dict[str, list[NDArray[np.bool_]]] = {view: [] for view in views}
        self._shards: list[Path] = []
        starts = [0]
        for entry in manifest["files"]:
            path = require_file(folder, entry)
            table = pq.read_table(path, columns=["item_id", "view"])
            ids = pc.unique(table["item_id"]).to_pylist()
            rows = rows_by_item(table, ids)
            for view in views:
                there = np.zeros(len(ids), bool)
                there[rows[pc.equal(table["view"], view).to_numpy()]] = True
                present[view].append(there)
            self.item_id += ids
            self._shards.append(path)
            starts.append(len(self.item_id))
        self._starts = np.array(starts)
        self.present: dict[str, Bool[NDArray, " n"]] = {
            view: np.concatenate(parts) for view, parts in present.items()
        }

    def __len__(self) -> int:
        return len(self.item_id)

    def take(self, view: str, rows: Int[NDArray, " k"]) -> Float32[NDArray, "k dim"]:
        """The vectors of some listings, in memory; zeros where the view is absent."""
        distinct, place = np.unique(rows, return_inverse=True)
        found = np.zeros((len(distinct), self.dim), np.float32)
        for start, block in self.blocks(view, distinct):
            found[start : start + len(block)] = block
        return found[place]

    def blocks(
        self, view: str, rows: Int[NDArray, " k"]
    ) -> Iterator[tuple[int, Float32[NDArray, "b dim"]]]:
        """The vectors of ascending rows, a shard at a time, and the place in `rows` of the first.

        Shards without any of the rows are not read.
        """
        bounds = np.searchsorted(rows, self._starts)
        for number, (first, last) in enumerate(itertools.pairwise(bounds)):
            if first < last:
                whole = self._shard(number, view)
                yield int(first), whole[rows[first:last] - self._starts[number]]

    def _shard(self, number: int, view: str) -> Float32[NDArray, "b dim"]:
        ids = self.item_id[self._starts[number] : self._starts[number + 1]]
        table = pq.read_table(self._shards[number], filters=[("view", "==", view)])
        whole = np.zeros((len(ids), self.dim), np.float32)
        whole[rows_by_item(table, ids)] = unit_vectors(table)
        return whole
