"""Pairs of listings of which it is known whether they are one product."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from stylejax.retrieval.duplicates.dendrogram import APART, Dendrogram
from stylejax.retrieval.duplicates.neighbours import Neighbours
from stylejax.retrieval.duplicates.space import Space

MOST = 5_000_000  # pairs that are judged, about
LOOKS = 200  # thresholds at which pairs are held to the groups
KOLMOGOROV = 1.63  # over the root of their number: between a lot's pairs and all, 1 time in 100
# Pairs that share listings or products are no lot; up to here they pass however many they are.
ALIKE = 0.25


@dataclass(frozen=True)
class Labelled:
    """Labelled pairs, and the threshold up to which the groups join each."""

    joined: Float[NDArray, " p"]  # see `Dendrogram.joined_at`
    same: Bool[NDArray, " p"]  # whether they are one product
    weight: Float[NDArray, " p"]  # how much each counts
    units: Int[NDArray, "p 2"]  # pairs that share a unit are right or wrong together
    wanted: float  # weight of all pairs that are one product: what recall is a share of
    floor: float = APART  # no threshold below is judged by these pairs

    def __len__(self) -> int:
        return len(self.joined)


@dataclass(frozen=True)
class Truth:
    """The true product of every listing of a `Space`, by number."""

    product: Int[NDArray, " n"]  # negative = unknown
    cell: Int[NDArray, " n"]  # only pairs within a cell are duplicates; zeros = all are one

    def known(self) -> Bool[NDArray, " n"]:
        """Which listings can be judged."""
        return (self.product >= 0) & (self.cell >= 0)

    def classes(self) -> Int[NDArray, " n"]:
        """A number for each product in each cell: what a group should be."""
        both = np.stack([self.product, self.cell], axis=1)
        return np.unique(both, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)


@runtime_checkable
class Judge(Protocol):
    """Whoever knows of some pairs whether they are one product."""

    def scores(self) -> tuple[Float[NDArray, " p"], Bool[NDArray, " p"]]:
        """Score and label of pairs before any group is made."""
        ...

    def labelled(self, dendrogram: Dendrogram) -> Labelled:
        """The pairs that the groups are judged by."""
        ...


@dataclass(frozen=True)
class ByTable:
    """Pairs that somebody labelled, by number; those that share a listing go together."""

    space: Space
    near: Neighbours
    left: Int[NDArray, " p"]
    right: Int[NDArray, " p"]
    same: Bool[NDArray, " p"]

    def scores(self) -> tuple[Float[NDArray, " p"], Bool[NDArray, " p"]]:
        """Score and label of each pair."""
        left, right, crowding = self.left, self.right, self.near.crowding
        cosine = np.einsum("pd,pd->p", self.space.rows(left), self.space.rows(right))
        return cosine - (crowding[left] + crowding[right]) / 2, self.same

    def labelled(self, dendrogram: Dendrogram) -> Labelled:
        """All of them, for the thresholds whose groups make such pairs."""
        joined = dendrogram.joined_at(self.left, self.right)
        return Labelled(
            joined=joined,
            same=self.same,
            weight=np.ones(len(self.left)),
            units=np.stack([self.left, self.right], axis=1).astype(np.int64),
            wanted=float(self.same.sum()),
            floor=covered_from(joined, dendrogram),
        )


@dataclass(frozen=True)
class ByTruth:
    """All pairs of some listings, with each other and with the rest of the catalogue.

    Each listing asked stands for many like it, and is asked for its pairs: one with another listing
    that is asked counts from both ends, and one with the rest of the catalogue from one, which is
    half as much. Pairs among the asked alone would lack most of the wrong ones: a listing's own
    product is of its split, the strangers beside it are of any.
    """

    near: Neighbours
    truth: Truth
    asked: Int[NDArray, " asked"]  # listings; those without a known product say nothing

    def scores(self) -> tuple[Float[NDArray, " p"], Bool[NDArray, " p"]]:
        """Score and label of their neighbours."""
        known, classes = self.truth.known(), self.truth.classes()
        asked = self._drawn(np.full(len(known), self.near.found.shape[1]))
        others, score = self.near.found[asked], self.near.scores(asked)
        counted = (others >= 0) & known[others]
        return score[counted], (classes[asked][:, None] == classes[others])[counted]

    def labelled(self, dendrogram: Dendrogram) -> Labelled:
        """All pairs that the groups make of them, each once."""
        known, classes = self.truth.known(), self.truth.classes()
        asked = self._drawn(dendrogram.reach())
        is_asked = np.zeros(len(known), bool)
        is_asked[asked] = True
        none = np.zeros(0, np.int64)
        left, right, joined = [none], [none], [np.zeros(0)]
        for me, (others, score) in zip(asked, dendrogram.partners(asked), strict=True):
            kept = known[others] & (~is_asked[others] | (others > me))
            left.append(np.full(int(kept.sum()), me))
            right.append(others[kept])
            joined.append(score[kept])
        ends = np.stack([np.concatenate(left), np.concatenate(right)], axis=1)
        sizes = np.bincount(classes[known], minlength=1)
        return Labelled(
            joined=np.concatenate(joined),
            same=classes[ends[:, 0]] == classes[ends[:, 1]],
            weight=np.where(is_asked[ends[:, 1]], 1.0, 0.5),
            units=self.truth.product[ends].astype(np.int64),
            # From each end half a pair: a product may go on among listings that are not asked.
            wanted=float((sizes[classes[asked]] - 1).sum() / 2),
        )

    def _drawn(self, cost: Int[NDArray, " n"]) -> Int[NDArray, " few"]:
        """Those with a known product; where all would cost too much, some products, by lot.

        Args:
          cost: pairs of each listing.
        """
        asked = np.unique(self.asked[self.truth.known()[self.asked]])
        if cost[asked].sum() <= MOST:
            return asked
        products, of = np.unique(self.truth.product[asked], return_inverse=True)
        order = np.random.default_rng(0).permutation(len(products))
        spent = np.cumsum(np.bincount(of, cost[asked])[order])
        some = max(1, int(np.searchsorted(spent, MOST, side="right")))
        return asked[np.isin(of, order[:some])]


def covered_from(joined: Float[NDArray, " p"], dendrogram: Dendrogram) -> float:
    """The lowest threshold at which some pairs look as if drawn from all that its groups make.

    Precision is a share of the pairs that groups make. Pairs that somebody picked, such as good
    ones, say little of it: at a threshold far below theirs nearly all are in one group, and they
    are still the same good ones. Where the groups grow as much faster than the pairs within them as
    no lot would have it (Kolmogorov-Smirnov), the pairs are not judged by.

    Args:
      joined: the highest threshold at which each pair is in one group.
      dendrogram: of the groups.

    Returns:
      One of `joined`; `APART` where no pair is ever joined.
    """
    found = np.sort(joined[np.isfinite(joined)])[::-1]
    if not len(found):
        return APART
    cuts = np.unique(found[np.linspace(0, len(found) - 1, LOOKS).astype(int)])[::-1]
    given = np.searchsorted(-found, -cuts, side="right")
    made = dendrogram.pairs_at(cuts)
    for last in range(len(cuts), 0, -1):
        apart = np.abs(given[:last] / given[last - 1] - made[:last] / made[last - 1]).max()
        if apart <= max(ALIKE, KOLMOGOROV / given[last - 1] ** 0.5):
            return float(cuts[last - 1])
    return float(cuts[0])  # a single pair is like any other


def floor_of(score: Float[NDArray, " p"], same: Bool[NDArray, " p"], precision: float) -> float:
    """Where linking may stop: among labelled pairs above it half of the wanted precision is left.

    No threshold that is wanted lies below, and far below everything is one group.

    Args:
      score: of labelled pairs.
      same: their labels.
      precision: that is wanted of the groups.
    """
    order = np.argsort(-score, kind="stable")
    right = np.cumsum(same[order]) / np.arange(1, len(order) + 1)
    enough = np.flatnonzero(right >= precision / 2)
    if not len(order) or not len(enough):
        return float(score.max(initial=APART)) if len(score) else 0.0
    return float(score[order[enough[-1]]])
