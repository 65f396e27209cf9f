"""The manifest of an export: what it holds, who made it, and checksums of its files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from stylejax.config import ConfigError
from stylejax.origin import Origin
from stylejax.retrieval.json_file import read_json, require_keys

MANIFEST = "manifest.json"
NEEDED = ("dim", "vectors", "files")


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a finished export.

    Raises:
      ConfigError: when the folder holds none, or its manifest is damaged or of another version.
    """
    path = folder / MANIFEST
    if not path.is_file() and (done := len(list(folder.glob("part-*.json")))):
        raise ConfigError(
            f"the export in {folder} is not finished ({done} shards are done); go on with the "
            "`stylejax export` that began it"
        )
    if not path.is_file():
        raise ConfigError(f"no vectors in {folder} ({MANIFEST} is missing); run `stylejax export`")
    return require_keys(read_json(path, "export again"), NEEDED, path, "export again")


def identity(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What tells an export from others: its origin, and one checksum over its files."""
    checksums = "".join(entry["sha256"] for entry in manifest["files"])
    origin = {field.name: manifest[field.name] for field in fields(Origin)}
    return origin | {"sha256": hashlib.sha256(checksums.encode()).hexdigest()}


def require_file(folder: Path, entry: Mapping[str, Any]) -> Path:
    """A file of an export, unchanged since it was written.

    Args:
      folder: of the export.
      entry: has its name as `file`, and its `sha256`.

    Raises:
      ConfigError: when it is missing or was changed.
    """
    path = folder / entry["file"]
    if not path.is_file() or sha256(path) != entry["sha256"]:
        raise ConfigError(f"{path} is missing or was changed since the export; export again")
    return path


def sha256(path: Path) -> str:
    """SHA-256 of a file, as hex digits; memory stays small however large it is."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_json(path: Path, values: Any) -> None:
    """Writes a JSON file in one move: whoever reads it finds all of it or nothing."""
    draft = path.with_name(path.name + ".partial")
    draft.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
    draft.replace(path)
