"""One shard of an export on disk: its vectors, its list of listings, and a note that it is done.

The note is written last: a shard without one, or whose files are not those that it names, was never
finished.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from stylejax.config import ConfigError
from stylejax.retrieval.export.job import Shard
from stylejax.retrieval.json_file import read_json
from stylejax.retrieval.manifest import require_file, sha256, write_json


def finished(folder: Path, number: int, job: str, digest: Sequence[str]) -> bool:
    """Whether a shard is done: for this job, of listings as they are now, with whole files."""
    note = read_note(folder, number, job)
    if note is None or note["digest"] != _one(digest):
        return False
    try:
        require_file(folder, note["entry"])
        require_file(folder, note["entry"]["listings_file"])
    except ConfigError:
        return False
    return True


def read_note(folder: Path, number: int, job: str) -> dict[str, Any] | None:
    """What is noted of a shard that this job finished: its `entry` in the manifest, its quarantine.

    None where there is no such note.
    """
    path = folder / f"part-{number:05d}.json"
    if not path.is_file():
        return None
    try:
        note = read_json(path, "")
    except ConfigError:  # half of a note that was cut short by a crash of the machine
        return None
    return note if note.get("job") == job else None


def write_shard(
    folder: Path,
    job: str,
    vectors: pa.Table,
    shard: Shard,
    *,
    known: Mapping[str, int],
) -> None:
    """Writes vectors, listings, and then the note.

    Args:
      folder: of the export.
      job: what the shards of an export have in common, as a digest.
      vectors: see `vector_table`.
      shard: its listings; those that have no vector are listed too.
      known: how many of them were encoded, kept, and so on.

    Raises:
      OSError: when the disk is full or the folder takes no files.
    """
    number = shard.number
    # Vectors do not shrink; ids and views do.
    part = _write_table(vectors, folder / f"part-{number:05d}.parquet", ["item_id", "view"])
    # What could not be read is tried again by the next export, though it looks the same.
    digests = ["" if bad else x for x, bad in zip(shard.digest, shard.unreadable, strict=True)]
    columns = {
        "item_id": shard.item_id,
        "category_path": shard.category_path,
        "digest": digests,
    }
    listings = pa.table({name: pa.array(x, pa.string()) for name, x in columns.items()})
    listed = folder / f"listings-{number:05d}.parquet"
    named = _write_table(listings, listed, ["item_id", "category_path"])
    counts = vectors["view"].value_counts().to_pylist()
    entry = {
        **part,
        "listings": len(shard.item_id),
        "vectors": {count["values"]: count["counts"] for count in counts},
        **known,
        "listings_file": named,
    }
    note = {
        "job": job,
        "digest": _one(shard.digest),
        "entry": entry,
        "quarantine": {item: list(what) for item, what in sorted(shard.quarantine.items())},
    }
    write_json(folder / f"part-{number:05d}.json", note)


def remove_others(folder: Path, count: int) -> None:
    """Removes what earlier exports, or this one's drafts, left beside its `count` shards."""
    kept = {
        name
        for number in range(count)
        for name in (
            f"part-{number:05d}.parquet",
            f"part-{number:05d}.json",
            f"listings-{number:05d}.parquet",
        )
    }
    for pattern in ("part-*", "listings-*"):
        for path in folder.glob(pattern):
            if path.name not in kept:
                path.unlink(missing_ok=True)


def _write_table(table: pa.Table, path: Path, compressed: Sequence[str]) -> dict[str, str]:
    draft = path.with_name(path.name + ".partial")
    compression: Any = {
        name: "zstd" if name in compressed else "none" for name in _leaves(table.schema)
    }
    # Parquet has no numbers of one byte, but places in a dictionary of 256 take one each.
    repeated: Any = [
        name
        for name in _leaves(table.schema)
        if name == "view" or (name.startswith("vector") and _is_small(table))
    ]
    pq.write_table(table, draft, compression=compression, use_dictionary=repeated)
    checksum = sha256(draft)
    draft.replace(path)
    return {"file": path.name, "sha256": checksum}


def _is_small(table: pa.Table) -> bool:
    return pa.types.is_int8(table.schema.field("vector").type.value_type)


def _leaves(schema: pa.Schema) -> list[str]:
    """Names of columns as Parquet has them: those of a list's numbers stand below it."""
    return [
        f"{field.name}.list.element" if pa.types.is_fixed_size_list(field.type) else field.name
        for field in schema
    ]


def _one(digests: Sequence[str]) -> str:
    return hashlib.sha256(json.dumps(list(digests)).encode()).hexdigest()
