"""Listings that are near each other in an index though nothing joins them.

Nearest neighbours make the hardest negatives, and among them hide products that the log has never
joined: trained on as negatives, these would push apart what belongs together. So a pair may be a
negative only where it is clearly less alike than what is known to be the same: its cosine is at
most a share of the cosine of the listings' own positives (positive-aware mining, "TopK-PercPos" of
Moreira et al. 2024, "NV-Retriever", arXiv 2407.15831, who find 0.95 best). A query has one positive
there; here a listing has several mined pairs, whose mean counts, and both ends have to agree.

Neighbours that are as alike as mined pairs may be missing from the log. Its silence says something,
though: of two listings that it knows and never joined, it is that they are different, however alike
they look. So a pair is suspected where the log knows too little of one of the two, and a negative
where it knows both.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int
from numpy.typing import NDArray

from stylejax.config import ConfigError, NearConfig
from stylejax.retrieval.index.index import Index

BLOCK = 8_192  # listings that search, and pairs that are scored, at a time


@dataclass(frozen=True)
class NearPairs:
    """Pairs of places in an index, the lower place first, and their cosines."""

    suspected: Int[NDArray, "s 2"]  # as alike as mined pairs, and the log is silent of one
    suspected_cosine: Float32[NDArray, " s"]
    negatives: Int[NDArray, "n 2"]  # less alike than what is the same, and the log knows both
    negatives_cosine: Float32[NDArray, " n"]
    threshold: float  # cosine from which on two listings are as alike as mined pairs
    counts: list[tuple[str, int]]  # what was looked at, and what each rule took out


def near_pairs(
    index: Index,
    category: Int[NDArray, " n"],
    group: Int[NDArray, " n"],
    mined: Int[NDArray, "p 2"],
    paired: Int[NDArray, " n"],
    options: NearConfig,
) -> NearPairs:
    """Hard negatives and suspected pairs among the nearest neighbours of every listing.

    Categories are gone through one after another, for no pair crosses them: what is in memory is
    the neighbours of one category, its queries a block at a time.

    Args:
      index: of unit vectors.
      category: of each vector; -1 = it is not looked at.
      group: of each vector; two of one group are known to be the same.
      mined: places of pairs that are known to be the same.
      paired: all mined pairs of each vector's listing: what the log knows of it.
      options: how near, and how many.

    Returns:
      The pairs, by place.

    Raises:
      ConfigError: when no mined pair has both its vectors: nothing tells how alike the same is.
    """
    if len(mined) == 0:
        raise ConfigError(
            "no mined pair has both its listings in the index: nothing tells how alike the same "
            "product is; index an export of the recipe's own catalogue"
        )
    low, high = np.sort(mined, axis=1).T
    known = np.unique(low * len(index) + high)
    alike = cosines(index, mined)
    threshold = float(np.quantile(alike, options.suspected_quantile))
    positive = positives(mined, alike, len(index))
    counts = dict.fromkeys(COUNTED, 0)
    kept: list[_Found] = []
    for members in _categories(category):
        pairs, looked_at = _neighbours(index, members, options.neighbours)
        counts["neighbours looked at"] += looked_at
        counts["distinct pairs"] += len(pairs)
        is_mined = _among(pairs[:, 0] * len(index) + pairs[:, 1], known)
        is_one = ~is_mined & (group[pairs[:, 0]] == group[pairs[:, 1]])
        counts["... mined pairs, left out"] += int(is_mined.sum())
        counts["... of one group, left out"] += int(is_one.sum())
        pairs = pairs[~is_mined & ~is_one]
        found = _Found(pairs, cosines(index, pairs))
        least = paired[pairs].min(axis=1, initial=np.iinfo(np.int64).max)
        limit = options.positive_share * positive[pairs].min(axis=1, initial=np.inf)
        as_alike = found.cosine >= threshold
        silent = least <= options.silent_pairs
        suspected = as_alike & silent
        too_near = ~silent & (as_alike | (found.cosine > limit))
        counts["... too near to the positives, left out"] += int(too_near.sum())
        counts["... the log is silent of one, left out"] += int((silent & ~as_alike).sum())
        rest = found.where(~silent & ~too_near)
        nearest = rest.where(_strongest(rest, options.max_negatives_per_item))
        counts["... beyond the cap a listing, left out"] += len(rest.pairs) - len(nearest.pairs)
        kept += [found.where(suspected), nearest]
    suspected, negatives = _joined(kept[::2]), _joined(kept[1::2])
    return NearPairs(
        suspected.pairs,
        suspected.cosine,
        negatives.pairs,
        negatives.cosine,
        threshold,
        [
            ("listings looked at", int((category >= 0).sum())),
            *counts.items(),
            ("suspected pairs", len(suspected.pairs)),
            ("negatives", len(negatives.pairs)),
        ],
    )


# In the order of the rules.
COUNTED = (
    "neighbours looked at",
    "distinct pairs",
    "... mined pairs, left out",
    "... of one group, left out",
    "... the log is silent of one, left out",
    "... too near to the positives, left out",
    "... beyond the cap a listing, left out",
)


def cosines(index: Index, pairs: Int[NDArray, "p 2"]) -> Float32[NDArray, " p"]:
    """Cosines of pairs of places; a block of vectors is in memory at a time."""
    found = np.empty(len(pairs), np.float32)
    for start in range(0, len(pairs), BLOCK):
        left, right = pairs[start : start + BLOCK].T
        found[start : start + BLOCK] = np.einsum("nd,nd->n", index.take(left), index.take(right))
    return found


def positives(
    mined: Int[NDArray, "p 2"], alike: Float32[NDArray, " p"], size: int
) -> Float64[NDArray, " {size}"]:
    """Mean cosine of each listing to those it is paired with; 0 where it has none."""
    ends = mined.T.ravel()
    count = np.bincount(ends, minlength=size)
    total = np.bincount(ends, np.tile(alike, 2), minlength=size)
    return total / np.maximum(count, 1)


@dataclass(frozen=True)
class _Found:
    """Pairs and their cosines."""

    pairs: Int[NDArray, "p 2"]
    cosine: Float32[NDArray, " p"]

    def where(self, chosen: Bool[NDArray, " p"]) -> _Found:
        return _Found(self.pairs[chosen], self.cosine[chosen])


def _joined(parts: list[_Found]) -> _Found:
    none = _Found(np.zeros((0, 2), np.int64), np.zeros(0, np.float32))
    parts = [none, *parts]
    return _Found(
        np.concatenate([part.pairs for part in parts]),
        np.concatenate([part.cosine for part in parts]),
    )


def _categories(category: Int[NDArray, " n"]) -> Iterator[Int[NDArray, " _"]]:
    """Places of each category's listings, in their order."""
    order = np.argsort(category, kind="stable")
    order = order[category[order] >= 0]
    starts = np.flatnonzero(np.diff(category[order], prepend=-1))
    yield from np.split(order, starts[1:]) if len(order) else ()


def _neighbours(
    index: Index, members: Int[NDArray, " m"], k: int
) -> tuple[Int[NDArray, "p 2"], int]:
    """Distinct pairs of each listing and its k nearest of them, and how many were looked at."""
    allowed = np.zeros(len(index), bool)
    allowed[members] = True
    ends, looked_at = [np.zeros((0, 2), np.int64)], 0
    for start in range(0, len(members), BLOCK):
        mine = members[start : start + BLOCK]
        found, _ = index.search(index.take(mine), k + 1, allowed)
        others = (found >= 0) & (found != mine[:, None])
        others &= np.cumsum(others, axis=1) <= k  # of more twins than k it may not find itself
        pairs = np.stack([np.repeat(mine, others.sum(axis=1)), found[others]], axis=1)
        looked_at += len(pairs)
        ends.append(np.sort(pairs, axis=1))
    return np.unique(np.concatenate(ends), axis=0), looked_at


def _among(keys: Int[NDArray, " p"], known: Int[NDArray, " k"]) -> Bool[NDArray, " p"]:
    """Which keys are among some that are sorted."""
    places = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    return known[places] == keys


def _strongest(found: _Found, limit: int) -> Bool[NDArray, " p"]:
    """Which pairs are among the `limit` nearest of both their listings."""
    pairs, count = found.pairs, len(found.pairs)
    item, number = pairs.T.ravel(), np.tile(np.arange(count), 2)
    order = np.lexsort((pairs[number, 1], pairs[number, 0], -found.cosine[number], item))
    first = np.flatnonzero(np.diff(item[order], prepend=-1))
    rank = np.arange(2 * count) - np.repeat(first, np.diff(first, append=2 * count))
    return np.bincount(number[order][rank < limit], minlength=count) == 2
