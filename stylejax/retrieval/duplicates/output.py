"""What `stylejax dedupe` leaves in its folder; nobody ever sees half of it.

groups.parquet    group, item_id, rank, score, cosine, whole_to: a row for each listing of a group
dedupe.json       threshold, precision, counts, settings, and the vectors that it is of
review.html       groups to look at
to_label.csv      pairs to label, where the true products are unknown
"""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stylejax.retrieval.duplicates.find import Duplicates
from stylejax.retrieval.manifest import write_json

GROUPS, REVIEW, RESULT = "groups.parquet", "review.html", "dedupe.json"
UNFINISHED = "unfinished"  # folder in the output's own: what is being made


@contextlib.contextmanager
def draft(folder: Path) -> Iterator[Path]:
    """A folder to write to; what is in it in the end takes the place of what was there before.

    The result comes last: a folder without one was interrupted. Where an error ends the writing,
    what was there stays.

    Args:
      folder: created if need be.
    """
    new = folder / UNFINISHED
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    try:
        yield new
        (folder / RESULT).unlink(missing_ok=True)
        for path in sorted(new.iterdir(), key=lambda path: path.name == RESULT):
            path.replace(folder / path.name)
    finally:
        shutil.rmtree(new, ignore_errors=True)
        with contextlib.suppress(OSError):  # nothing is left behind where nothing was
            folder.rmdir()


def groups_table(found: Duplicates) -> pa.Table:
    """One row a listing of a group, group by group, the one that stands for it first."""
    groups, ids = found.groups, found.space.item_id
    sizes = np.diff(groups.bounds())
    rank = np.arange(len(groups)) - np.repeat(groups.bounds()[:-1], sizes) + 1
    return pa.table(
        {
            "group": groups.group,
            "item_id": pa.array([ids[number] for number in groups.listing], pa.string()),
            "rank": rank,
            "score": groups.score,
            "cosine": groups.cosine,
            "whole_to": groups.whole_to,
        }
    )


def write_groups(folder: Path, found: Duplicates) -> None:
    """Writes `groups_table`."""
    pq.write_table(groups_table(found), folder / GROUPS, compression="zstd")


def counts(found: Duplicates) -> dict[str, int]:
    """Listings, groups, listings in groups, and the size of the largest."""
    sizes = np.diff(found.groups.bounds())
    return {
        "listings": len(found.space),
        "groups": found.groups.count,
        "in_groups": len(found.groups),
        "largest": int(sizes.max(initial=0)),
    }


def write_result(folder: Path, found: Duplicates, told: dict[str, Any]) -> None:
    """Writes the threshold, what it gives, and all that is told beside."""
    estimate = found.estimate
    values = {
        "threshold": found.threshold,
        "estimate": None if estimate is None else dataclasses.asdict(estimate),
        "counts": counts(found),
        **told,
        "judged_from": found.floor if np.isfinite(found.floor) else None,
        "curve": [dataclasses.asdict(point) for point in found.points],
    }
    write_json(folder / RESULT, values)
