"""An export checked against its manifest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from stylejax.config import ConfigError
from stylejax.retrieval.json_file import read_json
from stylejax.retrieval.manifest import read_manifest, require_file
from stylejax.retrieval.vector_table import unit_vectors

LENGTH = 1e-3  # how far the length of a unit vector may be from 1


def verified(folder: Path) -> dict[str, Any]:
    """Reads every file of an export again, a shard at a time.

    Args:
      folder: of the export.

    Returns:
      Its manifest.

    Raises:
      ConfigError: when a file is missing or was changed, counts differ, the note of a shard is not
        that of its files, or a vector is no unit vector; all such files are named.
    """
    manifest = read_manifest(folder)
    faults = [fault for entry in manifest["files"] for fault in _faults(folder, entry, manifest)]
    if faults:
        raise ConfigError("\n".join([f"{folder} has {len(faults)} fault(s):", *faults]))
    return manifest


def _faults(folder: Path, entry: dict[str, Any], manifest: dict[str, Any]) -> Iterator[str]:
    note = (folder / entry["file"]).with_suffix(".json")
    if not _is_noted(note, entry):
        yield f"{note} is missing or does not fit the manifest; export again"
    try:
        path = require_file(folder, entry)
        listed = require_file(folder, entry["listings_file"])
    except ConfigError as error:
        yield str(error)
        return
    table, listings = pq.read_table(path), pq.read_table(listed)
    if len(listings) != entry["listings"]:
        yield f"{listed} has {len(listings)} listings, not {entry['listings']}"
    counts = {
        count["values"]: count["counts"] for count in table["view"].value_counts().to_pylist()
    }
    if counts != entry["vectors"]:
        yield f"{path} has vectors {counts}, not {entry['vectors']}"
    vectors = unit_vectors(table)
    if vectors.shape[1] != manifest["dim"]:
        yield f"{path} has vectors of {vectors.shape[1]} numbers, not {manifest['dim']}"
    odd = np.flatnonzero(~(np.abs(np.linalg.norm(vectors, axis=1) - 1) < LENGTH))
    if len(odd):
        item, view = (table[name][int(odd[0])].as_py() for name in ("item_id", "view"))
        yield f"{path} has {len(odd)} vectors of another length than 1, one is {view} of {item}"


def _is_noted(note: Path, entry: dict[str, Any]) -> bool:
    """Whether a shard's note says what the manifest says of it."""
    try:
        return note.is_file() and read_json(note, "export again").get("entry") == entry
    except ConfigError:
        return False
