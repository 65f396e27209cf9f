"""From an export to the parts of an index, a part in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
from jaxtyping import Float32, Int
from numpy.typing import NDArray

from stylejax.config import ConfigError
from stylejax.retrieval.index.part import FEW, Engine, Part
from stylejax.retrieval.index.tree import ScannTree, require_scann, scann_is_here
from stylejax.retrieval.index.tuning import tuned
from stylejax.retrieval.manifest import read_manifest, require_file
from stylejax.retrieval.vector_table import rows_by_item, unit_vectors

SAMPLED = 1_000  # queries that a tree is tuned with, and judged by


def engine_of(wanted: str) -> Engine:
    """The engine that is meant: scann, exact, approx, or auto = ScaNN where it is installed.

    Raises:
      ConfigError: when ScaNN is asked for and not installed.
    """
    if wanted == "approx":
        return "approx"
    if wanted == "scann":
        require_scann()
    return "scann" if wanted != "exact" and scann_is_here() else "exact"


def make_part(
    item_id: Sequence[str],
    category_path: Sequence[str],
    vectors: Float32[NDArray, "n d"],
    engine: Engine,
    recall: float,
    *,
    queries: Float32[NDArray, "q d"] | None = None,
) -> Part:
    """One part of an index; few vectors get no tree: see `FEW`.

    Args:
      item_id: of each vector.
      category_path: of each vector; "" = unknown.
      vectors: unit vectors.
      engine: ``scann``, ``exact``, or ``approx``, exact but on TPUs.
      recall: that a tree is tuned for (recall@10), or that approximate search is asked for.
      queries: further unit vectors like those that will be searched for, beside a sample of the
        vectors themselves.
    """
    if engine == "approx":
        return Part(item_id, category_path, vectors, recall=recall)
    if engine == "exact" or len(vectors) <= FEW:
        return Part(item_id, category_path, vectors)
    tree = ScannTree.build(vectors)
    own = _sample(len(vectors))
    asked, places = vectors[own], own
    if queries is not None and len(queries):
        more = queries[_sample(len(queries))]
        asked = np.concatenate([asked, more])
        places = np.concatenate([own, np.full(len(more), -1)])
        mixed = np.random.default_rng(0).permutation(len(asked))
        asked, places = asked[mixed], places[mixed]
    return Part(item_id, category_path, vectors, tree, tuned(tree, vectors, asked, places, recall))


def parts_of(
    folder: Path,
    view: str,
    engine: Engine,
    recall: float,
    part_vectors: int,
) -> Iterator[Part]:
    """The listings of an export that have a view, in parts.

    A tree is tuned by queries of every view that was exported: a photo alone is farther from what
    it searches than a photo with its title.

    Args:
      folder: of the export.
      view: to index.
      engine: see `make_part`.
      recall: likewise.
      part_vectors: about as many vectors a part: parts end where shards of the export do.

    Raises:
      ConfigError: when there is no export, it lacks the view, or a shard is missing or was changed.
    """
    manifest = read_manifest(folder)
    if view not in manifest["vectors"]:
        raise ConfigError(f"the export has views {sorted(manifest['vectors'])}, not {view!r}")
    waiting: list[_Shard] = []
    for entry in manifest["files"]:
        waiting.append(_Shard(folder, entry, view))
        if sum(len(shard.item_id) for shard in waiting) >= part_vectors:
            yield _joined(waiting, engine, recall)
            waiting = []
    if any(len(shard.item_id) for shard in waiting):
        yield _joined(waiting, engine, recall)


class _Shard:
    """What an index takes from a shard of an export."""

    def __init__(self, folder: Path, entry: dict[str, Any], view: str):
        table = pq.read_table(require_file(folder, entry))
        listings = pq.read_table(require_file(folder, entry["listings_file"]))
        is_view = pc.equal(table["view"], view)
        mine, others = table.filter(is_view), table.filter(pc.invert(is_view))
        self.item_id: list[str] = mine["item_id"].to_pylist()
        places = rows_by_item(mine, listings["item_id"].to_pylist())
        self.category_path = listings["category_path"].take(places).to_pylist()
        self.vectors = unit_vectors(mine)
        self.queries = unit_vectors(others.take(_sample(len(others))))


def _joined(shards: Sequence[_Shard], engine: Engine, recall: float) -> Part:
    return make_part(
        [item for shard in shards for item in shard.item_id],
        [category for shard in shards for category in shard.category_path],
        np.concatenate([shard.vectors for shard in shards]),
        engine,
        recall,
        queries=np.concatenate([shard.queries for shard in shards]),
    )


def _sample(count: int) -> Int[NDArray, " s"]:
    """Rows drawn without repetition, in their order."""
    drawn = np.random.default_rng(0).permutation(count)[: SAMPLED // 2]
    return np.sort(drawn)
