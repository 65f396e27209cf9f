"""The end of an export: the manifest of all its shards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stylejax.config import ConfigError
from stylejax.retrieval.export.files import read_note, remove_others
from stylejax.retrieval.export.job import ExportJob
from stylejax.retrieval.manifest import MANIFEST, read_manifest, write_json

KNOWN = ("encoded", "kept", "changed", "added")  # counts of listings that shards add up


def finish(
    job: ExportJob, folder: Path
) -> tuple[dict[str, Any], dict[str, tuple[str, str]]] | None:
    """Writes the manifest once all shards are there, whichever host wrote them.

    Args:
      job: of the export.
      folder: that all hosts write to.

    Returns:
      The manifest; and item id to path and reason of every picture that could not be read. None
      while other hosts' shards are missing.

    Raises:
      ConfigError: when no listing has a vector: what is not there is no export.
    """
    notes = [read_note(folder, number, job.identity) for number in range(job.shards)]
    whole = [note for note in notes if note is not None]
    if len(whole) < job.shards:
        return None
    entries = [note["entry"] for note in whole]
    quarantine = {
        item: (path, reason)
        for note in whole
        for item, (path, reason) in note["quarantine"].items()
    }
    known = {name: sum(entry.get(name, 0) for entry in entries) for name in KNOWN}
    manifest: dict[str, Any] = {
        "listings": sum(entry["listings"] for entry in entries),
        "vectors": {v: sum(e["vectors"].get(v, 0) for e in entries) for v in job.views},
        **job.described(),
        "unreadable_pictures": len(quarantine),
        "encoded": known["encoded"],
    }
    if not any(manifest["vectors"].values()):
        raise ConfigError(
            f"none of {manifest['listings']:,} listings has anything to encode for the views "
            f"{', '.join(job.views)}, and {len(quarantine):,} of their pictures could not be read: "
            "check the columns of titles and pictures (--data.columns), and --images"
        )
    if job.earlier is not None:
        gone = job.earlier.manifest["listings"] - known["kept"] - known["changed"]
        manifest["since"] = {**{name: known[name] for name in KNOWN[1:]}, "gone": gone}
    manifest["files"] = entries
    remove_others(folder, job.shards)
    if not _has(folder, manifest):
        write_json(folder / MANIFEST, manifest)
    return manifest, quarantine


def _has(folder: Path, manifest: dict[str, Any]) -> bool:
    """Whether a folder has this manifest already, whole."""
    try:
        return read_manifest(folder) == manifest
    except ConfigError:  # there is none, or it is damaged
        return False
