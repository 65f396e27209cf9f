"""The groups of two or more at a threshold, with the score of every member."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from stylejax.retrieval.duplicates.dendrogram import Dendrogram
from stylejax.retrieval.duplicates.linkage import Rows


@dataclass(frozen=True)
class Groups:
    """Members of all groups, group by group and the one that stands for it first."""

    group: Int[NDArray, " m"]  # 1, 2, ... in the order of the groups' lowest listings
    listing: Int[NDArray, " m"]
    score: Float[NDArray, " m"]  # mean score to the others of the group
    cosine: Float[NDArray, " m"]  # mean cosine to them
    whole_to: Float[
        NDArray, " m"
    ]  # of the group: the highest threshold at which it is in one piece

    def __len__(self) -> int:
        return len(self.group)

    @property
    def count(self) -> int:
        """How many groups there are."""
        return int(self.group[-1]) if len(self) else 0

    def bounds(self) -> Int[NDArray, " g"]:
        """Where each group starts, and the end."""
        starts = np.flatnonzero(np.diff(self.group, prepend=0))
        return np.append(starts, len(self))


def groups_at(
    dendrogram: Dendrogram, threshold: float, rows: Rows, crowding: Float[NDArray, " n"]
) -> Groups:
    """Cuts a dendrogram; listings alone are left out.

    The mean score of all pairs of a group is at least the threshold: each pair stands across one
    merge, and the mean over each merge is.

    Args:
      dendrogram: of n listings.
      threshold: mean score that two groups had to have to be merged.
      rows: from numbers of listings to their unit vectors; asked for one group at a time.
      crowding: see `average_linkage`.
    """
    group = dendrogram.groups(threshold)
    sizes = np.bincount(group, minlength=1)
    place = np.flatnonzero(sizes[group[dendrogram.order]] > 1)
    if not len(place):
        none = np.zeros(0)
        return Groups(none.astype(np.int64), none.astype(np.int64), none, none, none)
    starts = np.append(place[dendrogram.gap[place] < threshold], -1)
    cells: list[tuple[NDArray, ...]] = []
    for start in starts[:-1]:
        size = int(sizes[group[dendrogram.order[start]]])
        members = np.sort(dendrogram.order[start : start + size])
        score, cosine = _to_others(rows(members), crowding[members])
        best = np.argsort(-score, kind="stable")
        whole = np.full(size, dendrogram.gap[start + 1 : start + size].min())
        cells.append((members[best], score[best], cosine[best], whole))
    cells.sort(key=lambda cell: int(cell[0].min()))
    number = np.repeat(np.arange(1, len(cells) + 1), [len(cell[0]) for cell in cells])
    listing, score, cosine, whole = (np.concatenate(column) for column in zip(*cells, strict=True))
    return Groups(number, listing, score, cosine, whole)


def _to_others(
    vectors: Float[NDArray, "m d"], crowding: Float[NDArray, " m"]
) -> tuple[Float[NDArray, " m"], Float[NDArray, " m"]]:
    """Mean score and mean cosine of each to the others."""
    x, crowded, others = vectors.astype(np.float64), crowding.astype(np.float64), len(vectors) - 1
    cosine = (x @ x.sum(axis=0) - (x * x).sum(axis=1)) / others
    theirs = (crowded.sum() - crowded) / others
    return np.round(cosine - (crowded + theirs) / 2, 6), np.round(cosine, 6)
