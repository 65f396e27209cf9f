"""Groups of listings known to be the same product, from the graph of mined pairs.

Two listings of one group are never each other's negatives. Connected components would not do: one
wrong pair would merge two products. Average linkage (Sokal & Michener 1958) merges the two groups
with the largest share of their possible pairs, again and again, until no two groups have a given
share. All pairs of groups that are each other's best are merged at once, which gives what one merge
at a time would (Murtagh 1983, "A survey of recent advances in hierarchical clustering algorithms").
Counts are whole numbers: every machine finds the same groups.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sparse
from jaxtyping import Int, Int32
from numpy.typing import NDArray

from input_pipeline.stateless import mixed

_CHUNK = 100_000  # pairs whose ends' neighbours are compared at a time


def same_style_groups(
    left: Int[NDArray, " pairs"],
    right: Int[NDArray, " pairs"],
    size: int,
    *,
    min_density: float = 0.1,
) -> Int32[NDArray, " size"]:
    """Group id of every listing.

    Args:
      left: row of one end of each pair.
      right: row of the other end.
      size: number of listings.
      min_density: share of the possible pairs between two groups that must be there to merge them.
        At 0.1, one stray pair joins no two groups of four or more.

    Returns:
      0-based ids in the order of the groups' first listings; a listing without a pair has a group
      of its own.
    """
    group, members = np.arange(size), np.ones(size)
    pairs = np.unique(np.sort(np.stack([left, right], axis=1), axis=1), axis=0)
    low, high = pairs[pairs[:, 0] < pairs[:, 1]].T
    count, priority = np.ones(len(low)), _priority(low, high, size)
    while True:
        density = count / (members[low] * members[high])
        # A mean is no larger than the largest: a group with no neighbour that is close enough now
        # will never have one, and its pairs say nothing more.
        close = density >= min_density
        growing = np.zeros(size, bool)
        growing[low[close]] = growing[high[close]] = True
        kept = growing[low] & growing[high]
        if not kept.any():
            return np.unique(group, return_inverse=True)[1].astype(np.int32)
        low, high, count, priority = low[kept], high[kept], count[kept], priority[kept]
        rank = _order(density[kept], priority)
        best = np.zeros(size, np.int64)
        np.maximum.at(best, low, rank)
        np.maximum.at(best, high, rank)
        merged = (best[low] == rank) & (best[high] == rank) & close[kept]
        into = np.arange(size)
        into[high[merged]] = low[merged]
        members[low[merged]] += members[high[merged]]
        group = into[group]
        low, high, count, priority = _joined(into[low], into[high], count, priority, size)


def _priority(low: NDArray, high: NDArray, size: int) -> NDArray[np.int64]:
    """A number for each pair, distinct: of equally dense merges, that of the highest comes first.

    Pairs whose ends have more neighbours in common come before: a wrong pair has few. Further ties
    are broken by lot, or a large clique would grow by one listing at a time.
    """
    ends = (
        np.concatenate([low, high, np.arange(size)]),
        np.concatenate([high, low, np.arange(size)]),
    )
    graph = sparse.csr_array((np.ones(len(ends[0])), ends), shape=(size, size))
    degree = np.diff(graph.indptr)
    common = [
        graph[low[n : n + _CHUNK]].multiply(graph[high[n : n + _CHUNK]]).sum(axis=1)
        for n in range(0, len(low), _CHUNK)
    ]
    shared = np.concatenate([np.zeros(0), *common]) / np.sqrt(degree[low] * degree[high])
    return _order(shared, mixed(0, low, high))


def _order(first: NDArray, then: NDArray) -> NDArray[np.int64]:
    """The place of each in ascending order of the first, and where equal of the second."""
    place = np.empty(len(first), np.int64)
    place[np.lexsort((then, first))] = np.arange(len(first))
    return place


def _joined(
    one: NDArray, other: NDArray, count: NDArray, priority: NDArray, size: int
) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Pairs of groups, each once, after merging: counts added, the lowest priority.

    The lowest, for large groups are then nobody's first choice, and few rounds of merging suffice.
    """
    apart = one != other
    low, high = np.minimum(one, other)[apart], np.maximum(one, other)[apart]
    key, place = np.unique(low * size + high, return_inverse=True)
    lowest = np.full(len(key), np.iinfo(np.int64).max)
    np.minimum.at(lowest, place, priority[apart])
    return key // size, key % size, np.bincount(place, count[apart], len(key)), lowest
