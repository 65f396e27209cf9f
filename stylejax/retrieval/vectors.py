"""Exported vectors on disk: Parquet shards ``item_id, view, vector`` and a manifest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Bool, Float32
from numpy.typing import NDArray

from stylejax.config import VIEWS, ConfigError
from stylejax.origin import Origin
from stylejax.retrieval.json_file import read_json

if TYPE_CHECKING:
    from stylejax.encoder.inference import Encoded

MANIFEST = "manifest.json"
SHARD_LISTINGS = 65_536


@dataclass(frozen=True)
class VectorSet:
    """Unit vectors of n listings, aligned by row across views."""

    item_id: list[str]
    vectors: dict[str, Float32[NDArray, "n dim"]]  # by view; zeros where it is absent
    present: dict[str, Bool[NDArray, " n"]]  # by view

    def __len__(self) -> int:
        return len(self.item_id)


def collect(encoded: Iterable[Encoded], item_id: Sequence[str]) -> VectorSet:
    """Gathers encoded batches in memory.

    Args:
      encoded: rows, view to vectors, view to presence.
      item_id: id of every catalogue row.
    """
    batches = list(encoded)
    rows = np.concatenate([rows for rows, _, _ in batches])
    views = list(batches[0][1])
    present = {view: np.concatenate([p[view] for _, _, p in batches]) for view in views}
    vectors = {
        view: np.concatenate([v[view] for _, v, _ in batches]) * present[view][:, None]
        for view in views
    }
    return VectorSet([item_id[int(row)] for row in rows], vectors, present)


def write_vectors(
    encoded: Iterable[Encoded],
    item_id: Sequence[str],
    folder: Path,
    origin: Origin,
    *,
    shard_listings: int = SHARD_LISTINGS,
) -> dict[str, Any]:
    """Writes shards as batches arrive, then the manifest; memory stays at one shard.

    Args:
      encoded: rows, view to vectors, view to presence.
      item_id: id of every catalogue row.
      folder: created; shards of an earlier export there are replaced.
      origin: the checkpoint that made the vectors, kept in the manifest.
      shard_listings: listings a shard.

    Returns:
      The manifest: counts by view, checksums by file, dimension, and the origin.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST).unlink(missing_ok=True)
    for old in folder.glob("part-*.parquet"):
        old.unlink()
    counts: dict[str, int] = {}
    files: list[dict[str, Any]] = []
    listings = dim = 0
    for number, shard in enumerate(_shards(encoded, shard_listings)):
        part = collect(shard, item_id)
        listings += len(part)
        dim = next(iter(part.vectors.values())).shape[1]
        for view in part.vectors:
            counts[view] = counts.get(view, 0) + int(part.present[view].sum())
        path = folder / f"part-{number:05d}.parquet"
        pq.write_table(_table(part), path)
        files.append(
            {
                "file": path.name,
                "listings": len(part),
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            }
        )
    manifest = {
        "listings": listings,
        "vectors": counts,
        "dim": dim,
        "dtype": "float32",
        **asdict(origin),
        "files": files,
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
    return manifest


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of an export.

    Raises:
      ConfigError: when the folder holds no finished export, or its manifest is damaged.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise ConfigError(f"no vectors in {folder} ({MANIFEST} is missing); run `stylejax export`")
    return read_json(path, "export again")


def prefix(vectors: Float32[NDArray, "n dim"], length: int) -> Float32[NDArray, "n {length}"]:
    """The first numbers of unit vectors as unit vectors; rows of zeros stay zeros.

    Raises:
      ConfigError: when the vectors are shorter.
    """
    if not 0 < length <= vectors.shape[1]:
        raise ConfigError(f"a prefix of {length} numbers, but vectors have {vectors.shape[1]}")
    cut = vectors[:, :length]
    return cut / np.maximum(np.linalg.norm(cut, axis=1, keepdims=True), 1e-12)


def identity(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What tells an export from others: its origin, and one checksum over its files."""
    checksums = "".join(entry["sha256"] for entry in manifest["files"])
    origin = {field.name: manifest[field.name] for field in fields(Origin)}
    return origin | {"sha256": hashlib.sha256(checksums.encode()).hexdigest()}


def read_vectors(folder: Path) -> VectorSet:
    """All vectors of an export, in memory.

    Raises:
      ConfigError: when there is no export, or a shard is missing or was changed.
    """
    manifest = read_manifest(folder)
    tables = []
    for entry in manifest["files"]:
        path = folder / entry["file"]
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != entry["sha256"]:
            raise ConfigError(f"{path} is missing or was changed since the export; export again")
        tables.append(pq.read_table(path))
    table = pa.concat_tables(tables)
    ids = table["item_id"].to_pylist()
    item_id = list(dict.fromkeys(ids))
    row_of = {item: row for row, item in enumerate(item_id)}
    rows = np.array([row_of[item] for item in ids], np.int64)
    flat = table["vector"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    matrix = flat.reshape(-1, manifest["dim"])
    names = np.array(table["view"].to_pylist(), dtype=object)
    vectors, present = {}, {}
    for view in (view for view in VIEWS if view in manifest["vectors"]):
        mine = names == view
        vectors[view] = np.zeros((len(item_id), manifest["dim"]), np.float32)
        vectors[view][rows[mine]] = matrix[mine]
        present[view] = np.zeros(len(item_id), bool)
        present[view][rows[mine]] = True
    return VectorSet(item_id, vectors, present)


def _shards(encoded: Iterable[Encoded], size: int) -> Iterator[list[Encoded]]:
    shard: list[Encoded] = []
    count = 0
    for batch in encoded:
        shard.append(batch)
        count += len(batch[0])
        if count >= size:
            yield shard
            shard, count = [], 0
    if shard:
        yield shard


def _table(part: VectorSet) -> pa.Table:
    """One row a (listing, view) that is present."""
    ids = np.array(part.item_id, dtype=object)
    views = list(part.vectors)
    chosen = [np.flatnonzero(part.present[view]) for view in views]
    matrix = np.concatenate([part.vectors[v][rows] for v, rows in zip(views, chosen, strict=True)])
    return pa.table(
        {
            "item_id": pa.array(np.concatenate([ids[rows] for rows in chosen]), pa.string()),
            "view": pa.array(
                [view for view, rows in zip(views, chosen, strict=True) for _ in rows], pa.string()
            ),
            "vector": pa.FixedSizeListArray.from_arrays(
                pa.array(matrix.astype(np.float32).ravel()), matrix.shape[1]
            ),
        }
    )
