"""Who merged with whom and how near they were, kept as one row of listings with gaps between them.

Listings are laid in a row so that every group that ever was is a run of neighbours. Between two
neighbours stands the score at which their groups merged; minus infinity where they never did. The
groups at a threshold are then the runs without a smaller gap, and two listings are joined at the
smallest gap between them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int
from numpy.typing import NDArray

APART = -np.inf


@dataclass(frozen=True)
class Dendrogram:
    """A row of n listings; at any threshold it falls into groups."""

    order: Int[NDArray, " n"]  # the listing at each place
    gap: Float64[NDArray, " n"]  # at which a place merged with the one before; APART first

    def __len__(self) -> int:
        return len(self.order)

    def groups(self, threshold: float) -> Int[NDArray, " n"]:
        """Group id of every listing: 0, 1, ... in the order of the groups' lowest listings.

        Args:
          threshold: mean score that two groups had to have to be merged.
        """
        run = np.cumsum(self.gap < threshold) - 1
        named = np.empty(len(self), np.int64)
        named[self.order] = run
        _, first, number = np.unique(named, return_index=True, return_inverse=True)
        place = np.empty(len(first), np.int64)
        place[np.argsort(first)] = np.arange(len(first))
        return place[number]

    def pairs_at(self, thresholds: Float64[NDArray, " t"]) -> Int[NDArray, " t"]:
        """How many pairs of listings are in one group at each threshold."""
        counts = np.empty(len(thresholds), np.int64)
        for n, threshold in enumerate(thresholds.tolist()):
            size = np.diff(np.append(np.flatnonzero(self.gap < threshold), len(self)))
            counts[n] = (size * (size - 1) // 2).sum()
        return counts

    def reach(self) -> Int[NDArray, " n"]:
        """With how many others each listing is joined at the lowest threshold."""
        run = np.cumsum(self.gap == APART) - 1
        others = np.empty(len(self), np.int64)
        others[self.order] = np.bincount(run, minlength=1)[run] - 1
        return others

    def joined_at(
        self, left: Int[NDArray, " pairs"], right: Int[NDArray, " pairs"]
    ) -> Float64[NDArray, " pairs"]:
        """The highest threshold at which both ends are in one group; APART = none has them so."""
        place = np.empty(len(self), np.int64)
        place[self.order] = np.arange(len(self))
        low = np.minimum(place[left], place[right])
        high = np.maximum(place[left], place[right])
        whole = np.cumsum(self.gap == APART)
        found = np.full(len(low), APART)
        for n in np.flatnonzero(whole[low] == whole[high]):
            found[n] = self.gap[low[n] + 1 : high[n] + 1].min(initial=np.inf)
        return found

    def partners(
        self, listings: Int[NDArray, " asked"]
    ) -> Iterator[tuple[Int[NDArray, " m"], Float64[NDArray, " m"]]]:
        """For each listing all others that it ever joins, and the threshold of each."""
        place = np.empty(len(self), np.int64)
        place[self.order] = np.arange(len(self))
        starts = np.flatnonzero(self.gap == APART)
        ends = np.append(starts[1:], len(self))
        run = np.searchsorted(starts, place[listings], side="right") - 1
        for at, start, end in zip(place[listings], starts[run], ends[run], strict=True):
            before = np.minimum.accumulate(self.gap[start + 1 : at + 1][::-1])[::-1]
            after = np.minimum.accumulate(self.gap[at + 1 : end])
            others = np.concatenate([self.order[start:at], self.order[at + 1 : end]])
            yield others, np.concatenate([before, after])


class Growing:
    """A dendrogram in the making: each group is a chain of its listings."""

    def __init__(self, size: int):
        self._next = np.full(size, -1, np.int64)
        self._gap = np.full(size, APART)  # before each listing in its chain
        self._tail = np.arange(size)
        self._height = np.full(size, np.inf)  # of the last merge of each group
        self._head = np.ones(size, bool)

    def merge(
        self,
        into: Int[NDArray, " merges"],
        gone: Int[NDArray, " merges"],
        score: Float64[NDArray, " merges"],
    ) -> None:
        """Appends the chains of groups to others.

        Where candidates are missing, a merge may be nearer than those before it; it counts as no
        nearer, so that a group falls apart in the order in which it grew.

        Args:
          into: the first listing of each group that stays; all groups named are different ones.
          gone: of each group that is appended.
          score: of each merge.
        """
        height = np.minimum(score, np.minimum(self._height[into], self._height[gone]))
        self._next[self._tail[into]] = gone
        self._gap[gone] = height
        self._tail[into] = self._tail[gone]
        self._height[into] = height
        self._head[gone] = False

    def finished(self) -> Dendrogram:
        """The chains one after another, in the order of their first listings."""
        order, following = np.empty(len(self._next), np.int64), self._next.tolist()
        n = 0
        for head in np.flatnonzero(self._head).tolist():
            at = head
            while at >= 0:
                order[n] = at
                n, at = n + 1, following[at]
        return Dendrogram(order, self._gap[order])
