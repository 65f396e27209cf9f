"""Pairs to be labelled by people: drawn from all that the groups make, each as likely."""

from __future__ import annotations

import csv
import random
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from stylejax.retrieval.duplicates.find import Duplicates

TO_LABEL = "to_label.csv"
PAIRS = 300  # with so many right, precision is known to 0.01 or so


def drawn_pairs(
    found: Duplicates, count: int = PAIRS
) -> tuple[Int[NDArray, "p 2"], Float[NDArray, " p"]]:
    """Pairs of listings of one group, drawn by lot; all where there are no more.

    A pair of the groups at a higher threshold is among them as often as any other such pair, so the
    labels choose among all thresholds above the one that was given.

    Args:
      found: the groups.
      count: pairs wanted.

    Returns:
      Both numbers of each pair, and the threshold up to which it is joined.
    """
    bounds = found.groups.bounds()
    sizes = np.diff(bounds)
    ends = np.cumsum(sizes * (sizes - 1) // 2)
    total = int(ends[-1]) if len(ends) else 0
    # Drawn from all in their order, so that an equal catalogue gives equal pairs; without a list of
    # all, which may be more than fit into memory.
    drawn = random.Random(0).sample(range(total), min(total, count))
    lots = np.sort(np.array(drawn, np.int64))
    group = np.searchsorted(ends, lots, side="right")
    within = lots - np.where(group > 0, ends[group - 1], 0)
    # The number of a pair (a < b) among those of its group: b (b - 1) / 2 + a.
    b = ((1 + np.sqrt(1 + 8 * within)) / 2).astype(np.int64)
    a = within - b * (b - 1) // 2
    one, other = (found.groups.listing[bounds[group] + place] for place in (a, b))
    pairs = np.stack([np.minimum(one, other), np.maximum(one, other)], axis=1)
    return pairs, found.dendrogram.joined_at(pairs[:, 0], pairs[:, 1])


def write_pairs(
    path: Path, found: Duplicates, pairs: Int[NDArray, "p 2"], joined: Float[NDArray, " p"]
) -> None:
    """Writes them with an empty column `label`."""
    ids = found.space.item_id
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["pair", "left_id", "right_id", "score", "label"])
        for number, ((left, right), score) in enumerate(zip(pairs, joined, strict=True), 1):
            writer.writerow([number, ids[left], ids[right], f"{score:z.6f}", ""])
