"""An earlier export: vectors of listings that did not change since are taken over from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from stylejax.config import ConfigError
from stylejax.retrieval.manifest import identity, read_manifest, require_file


@dataclass(frozen=True)
class EarlierExport:
    """A finished export, looked up by item id; memory stays at what is asked for."""

    folder: Path
    manifest: Mapping[str, Any]
    _checked: set[str] = field(default_factory=set)

    @classmethod
    def open(cls, folder: Path, wanted: Mapping[str, Any]) -> EarlierExport:
        """Opens an export whose vectors are like those that are wanted.

        Args:
          folder: of the export.
          wanted: what its manifest has to say: encoder, views, dtype, length of a vector.

        Raises:
          ConfigError: when there is none, or it says otherwise, naming what.
        """
        manifest = read_manifest(folder)
        for name, value in wanted.items():
            found = manifest.get(name)
            if found != value:
                raise ConfigError(
                    f"--since {folder} has {name} {found!r}, but this export {value!r}: its "
                    "vectors cannot stand beside new ones; export without --since"
                )
        return cls(folder, manifest)

    @property
    def identity(self) -> str:
        """A checksum over its vectors."""
        return identity(self.manifest)["sha256"]

    def digests(self, item_id: Sequence[str]) -> dict[str, tuple[str, str]]:
        """Of those of the listings that it has: id to digest, and the file of its vectors.

        Raises:
          ConfigError: when a file is missing or was changed.
        """
        vectors_of = {
            str(self._file(entry["listings_file"])): entry["file"]
            for entry in self.manifest["files"]
        }
        lists: Any = ds.dataset(list(vectors_of), format="parquet")
        found: pa.Table = lists.to_table(
            columns=["item_id", "digest", "__filename"],
            filter=ds.field("item_id").isin(pa.array(item_id, pa.string())),
        )
        return {
            item: (digest, vectors_of[file])
            for item, digest, file in zip(*(c.to_pylist() for c in found.columns), strict=True)
        }

    def vectors(self, file_of: Mapping[str, str]) -> pa.Table | None:
        """Stored rows of listings, by the files they lie in; None for no listings.

        Raises:
          ConfigError: when a file is missing or was changed.
        """
        tables = []
        for entry in self.manifest["files"]:
            items = [item for item, file in file_of.items() if file == entry["file"]]
            if items:
                path = self._file(entry)
                tables.append(pq.read_table(path, filters=[("item_id", "in", items)]))
        return pa.concat_tables(tables) if tables else None

    def _file(self, entry: Mapping[str, Any]) -> Path:
        if entry["file"] not in self._checked:
            require_file(self.folder, entry)
            self._checked.add(entry["file"])
        return self.folder / entry["file"]
