"""An index on disk; one part after another is written.

index.json            what it is, who made it, and the parts
part-00000/vectors.npy, listings.parquet (item_id, category_path), scann/
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stylejax.config import ConfigError
from stylejax.origin import Origin
from stylejax.retrieval.index.index import Index
from stylejax.retrieval.index.part import Part
from stylejax.retrieval.index.tree import Effort, ScannTree
from stylejax.retrieval.index.tuning import Tuning
from stylejax.retrieval.json_file import read_json
from stylejax.retrieval.manifest import write_json

DESCRIPTION = "index.json"
UNFINISHED = "unfinished"  # folder in the index's own: parts of one that is being made


def save_index(
    folder: Path,
    parts: Iterable[Part],
    view: str,
    target: float,
    origin: Origin | None,
) -> None:
    """Writes an index; one that is there is replaced as soon as this one is whole.

    Args:
      folder: created if need be.
      parts: taken one at a time; a part may be let go when the next one is asked for.
      view: m, t or i.
      target: recall@10 that was asked for.
      origin: the checkpoint that made the vectors; None = unknown.

    Raises:
      ConfigError: when there is no vector.
    """
    new = folder / UNFINISHED
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    written: list[dict[str, Any]] = []
    dim = 0
    for number, part in enumerate(parts):
        name = f"part-{number:05d}"
        (new / name).mkdir()
        np.save(new / name / "vectors.npy", part.vectors, allow_pickle=False)
        listings = {"item_id": list(part.item_id), "category_path": list(part.category_path)}
        pq.write_table(pa.table(listings), new / name / "listings.parquet")
        if part.tree is not None:
            part.tree.save(new / name / "scann")
        dim = part.vectors.shape[1]
        tree = None if part.tree is None else {"leaves": part.tree.leaves}
        tuning = None if part.tuning is None else asdict(part.tuning)
        how = {"tree": tree, "tuning": tuning, "recall": part.recall}
        written.append({"folder": name, "vectors": len(part), **how})
    if not written:
        raise ConfigError(f"no listing has a vector of view {view!r}; nothing to index")
    description = {
        "view": view,
        "vectors": sum(part["vectors"] for part in written),
        "dim": dim,
        "target": target,
        "origin": None if origin is None else asdict(origin),
        "parts": written,
    }
    # An index that is there serves until this one is whole.
    (folder / DESCRIPTION).unlink(missing_ok=True)
    for old in folder.glob("part-*"):
        shutil.rmtree(old)
    for part in written:
        (new / part["folder"]).rename(folder / part["folder"])
    new.rmdir()
    write_json(folder / DESCRIPTION, description)


def load_index(folder: Path) -> Index:
    """Reads an index that `save_index` wrote; vectors stay in their files until they are asked for.

    Raises:
      ConfigError: when there is none, it is damaged or of another version, or it needs ScaNN and
        ScaNN is not installed.
    """
    path = folder / DESCRIPTION
    if not path.is_file():
        raise ConfigError(
            f"no index in {folder}; make one with `stylejax index --vectors VECTORS`, of an export"
        )
    description = read_json(path, "run `stylejax index` again")
    try:
        origin = description["origin"]
        return Index(
            [_part(folder, part) for part in description["parts"]],
            description["view"],
            description["target"],
            None if origin is None else Origin.read(origin, path),
        )
    except (KeyError, TypeError) as error:  # what is described has other fields
        raise ConfigError(
            f"the index in {folder} was made by another version of stylejax ({error}); run "
            "`stylejax index` again"
        ) from error
    except (OSError, ValueError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"{folder} is damaged ({error}); run `stylejax index` again") from error


def _part(folder: Path, described: dict[str, Any]) -> Part:
    here, tree, tuning = folder / described["folder"], described["tree"], described["tuning"]
    listings = pq.read_table(here / "listings.parquet")
    return Part(
        listings["item_id"].to_pylist(),
        listings["category_path"].to_pylist(),
        np.load(here / "vectors.npy", mmap_mode="r", allow_pickle=False),
        tree and ScannTree.load(here / "scann", described["vectors"], tree["leaves"]),
        tuning and Tuning(**{**tuning, "effort": Effort(**tuning["effort"])}),
        described["recall"],
    )
