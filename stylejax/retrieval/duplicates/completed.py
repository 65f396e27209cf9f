"""What a tree's search has missed, as far as the other listings know of it.

A tree misses a few neighbours of most listings, and most neighbours of a few. Such a listing would
seem less crowded than it is, and whatever it did find would seem near: among the surest pairs most
would be wrong. But its neighbours have found it, and they know each other.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, Int, Int32
from numpy.typing import NDArray

from stylejax.retrieval.duplicates.space import Space

RANGE = 1_000_000  # listings whose finders are looked up at a time
NUMBERS = 25_000_000  # of the vectors that are compared at a time


def completed(
    space: Space, found: Int32[NDArray, "n k"], cosine: Float32[NDArray, "n k"]
) -> tuple[Int32[NDArray, "n k"], Float32[NDArray, "n k"]]:
    """Neighbours as they would be if less had been missed; exact ones stay as they are.

    Whoever was found by a listing that it did not find itself, though it is near enough, has missed
    something: the neighbours of its neighbours are looked at (Dong et al., WWW 2011, "Efficient
    k-nearest neighbor graph construction for generic similarity measures").

    Args:
      space: the listings.
      found: numbers of the others that each has found, best first; -1 = there is no further one.
      cosine: of each.
    """
    best, value = mutual(found, cosine)
    missed = np.flatnonzero((np.sort(best, axis=1) != np.sort(found, axis=1)).any(axis=1))
    near, near_value = best.copy(), value.copy()
    # Each listing is compared with its k neighbours and k times as many of theirs.
    block = max(1, NUMBERS // (found.shape[1] * (found.shape[1] + 1) * space.index.dim))
    for first in range(0, len(missed), block):
        rows = missed[first : first + block]
        near[rows], near_value[rows] = _looked_further(space, best, rows)
    return mutual(near, near_value)


def mutual(
    found: Int32[NDArray, "n k"], cosine: Float32[NDArray, "n k"]
) -> tuple[Int32[NDArray, "n k"], Float32[NDArray, "n k"]]:
    """The best k of those that a listing has found and those that have found it."""
    size, k = found.shape
    best, best_cosine = np.full_like(found, -1), np.full_like(cosine, -np.inf)
    for first in range(0, size, RANGE):
        last = min(first + RANGE, size)
        finder, place = np.nonzero((found >= first) & (found < last))
        own, mine = np.nonzero(found[first:last] >= 0)
        row = np.concatenate([own, found[finder, place] - first]).astype(np.int64)
        other = np.concatenate([found[first:last][own, mine], finder]).astype(np.int64)
        value = np.concatenate([cosine[first:last][own, mine], cosine[finder, place]])
        once = np.unique(row * size + other, return_index=True)[1]
        row, other, value = row[once], other[once], value[once]
        order = np.lexsort((-value, row))
        row, other, value = row[order], other[order], value[order]
        rank = np.arange(len(row)) - np.searchsorted(row, row)
        kept = rank < k
        best[first + row[kept], rank[kept]] = other[kept]
        best_cosine[first + row[kept], rank[kept]] = value[kept]
    return best, best_cosine


def _looked_further(
    space: Space, found: Int32[NDArray, "n k"], rows: Int[NDArray, " m"]
) -> tuple[Int32[NDArray, "m k"], Float32[NDArray, "m k"]]:
    """The best k of the neighbours of some listings and the neighbours of those."""
    own = found[rows]
    further = np.where(own[:, :, None] >= 0, found[own], -1).reshape(len(rows), -1)
    others = np.sort(np.concatenate([own, further], axis=1), axis=1)
    twice = np.pad(others[:, 1:] == others[:, :-1], [(0, 0), (1, 0)])
    some, place = np.unique(others, return_inverse=True)
    vectors = space.rows(np.maximum(some, 0).astype(np.int64))[place.reshape(others.shape)]
    value = np.einsum("md,mcd->mc", space.rows(rows), vectors)
    value[twice | (others < 0) | (others == rows[:, None])] = -np.inf
    order = np.argsort(-value, axis=1, kind="stable")[:, : found.shape[1]]
    value = np.take_along_axis(value, order, axis=1)
    others = np.take_along_axis(others, order, axis=1)
    return np.where(np.isfinite(value), others, -1).astype(np.int32), value
