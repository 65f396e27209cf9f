"""Groups of similar listings: average linkage over candidate pairs, with exact means.

Two groups are as near as the mean score of all pairs between them (Sokal & Michener 1958). The
score of a pair is an inner product less the crowding of both ends, so that this mean is known from
the sums of the two groups alone, also where most pairs between them were never candidates:

    mean over a in A, b in B of  a.b - (c(a) + c(b)) / 2
        = sum(A).sum(B) / (|A| |B|) - (mean c over A + mean c over B) / 2

Of connected components one wrong pair would join two products, and so on without end; here a stray
pair counts for what it is, one of |A| |B|. All pairs of groups that are each other's best merge at
once, which gives what one merge at a time would (Murtagh 1983, "A survey of recent advances in
hierarchical clustering algorithms").
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import scipy.sparse as sparse
from jaxtyping import Float, Float32, Float64, Int
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from stylejax.retrieval.duplicates.dendrogram import Dendrogram, Growing

DIGITS = 6  # scores are compared to so many digits: float32 has no more
AT_ONCE = 16_384  # pairs of groups whose score is computed at a time
BATCH = 200_000  # listings whose vectors are in memory at a time; a larger component all the same

Rows = Callable[[Int[NDArray, " m"]], Float32[NDArray, "m d"]]


def average_linkage(
    rows: Rows,
    crowding: Float[NDArray, " n"],
    left: Int[NDArray, " pairs"],
    right: Int[NDArray, " pairs"],
    floor: float,
) -> Dendrogram:
    """Merges the nearest groups, again and again, until no two have a mean score of the floor.

    It is what average linkage of all pairs gives, as long as every pair with a score of the floor
    is among the candidates. Listings are numbered in an order of their own, such as that of their
    ids: of equal scores, a lot drawn from the numbers decides.

    Args:
      rows: from numbers of listings to their unit vectors.
      crowding: what is taken off a listing's scores; zeros = the score is the cosine.
      left: one end of each candidate pair.
      right: the other end.
      floor: lowest mean score that merges two groups.

    Returns:
      Who merged with whom, and how near they were.
    """
    size = len(crowding)
    grown = Growing(size)
    low, high = unique_pairs(left, right, size)
    for members, one, other in _batches(low, high, size):
        _link(rows(members), crowding[members], one, other, floor, members, grown)
    return grown.finished()


def unique_pairs(
    left: Int[NDArray, " pairs"], right: Int[NDArray, " pairs"], size: int
) -> tuple[Int[NDArray, " u"], Int[NDArray, " u"]]:
    """Each pair once, the lower number first; pairs of a listing with itself are left out."""
    apart = left != right
    low, high = np.minimum(left, right)[apart], np.maximum(left, right)[apart]
    key = np.unique(low.astype(np.int64) * size + high)
    return key // size, key % size


def _batches(
    low: Int[NDArray, " pairs"], high: Int[NDArray, " pairs"], size: int
) -> Iterator[tuple[Int[NDArray, " m"], Int[NDArray, " p"], Int[NDArray, " p"]]]:
    """Whole components of the candidate graph, which never meet: members, and pairs among them."""
    if not len(low):
        return
    graph = sparse.coo_array((np.ones(len(low), bool), (low, high)), shape=(size, size))
    component = connected_components(graph, directed=False)[1]
    sizes = np.bincount(component)
    linked = sizes[component] > 1
    # Components in their order fill a batch until it is full.
    filled = np.cumsum(np.where(sizes > 1, sizes, 0)) - 1
    batch = (filled // BATCH)[component]
    by_batch = np.argsort(batch[low], kind="stable")
    for number in np.unique(batch[linked]):
        members = np.flatnonzero(linked & (batch == number))
        start, stop = np.searchsorted(batch[low][by_batch], (number, number + 1))
        mine = by_batch[start:stop]
        yield members, np.searchsorted(members, low[mine]), np.searchsorted(members, high[mine])


def _link(
    sums: Float32[NDArray, "m d"],
    crowding: Float[NDArray, " m"],
    low: Int[NDArray, " p"],
    high: Int[NDArray, " p"],
    floor: float,
    members: Int[NDArray, " m"],
    grown: Growing,
) -> None:
    """Links the members of some components; `grown` hears of every merge."""
    count, crowded = np.ones(len(sums)), crowding.astype(np.float64)
    sums = np.array(sums, np.float64)
    score = _means(sums, crowded, count, low, high)
    while True:
        close = score >= floor  # a mean is no larger than the largest: the others never will be
        low, high, score = low[close], high[close], score[close]
        if not len(low):
            return
        rank = _order(score, _lots(members[low], members[high]))
        best = np.full(len(sums), -1, np.int64)
        np.maximum.at(best, low, rank)
        np.maximum.at(best, high, rank)
        merged = (best[low] == rank) & (best[high] == rank)
        into, gone = low[merged], high[merged]
        grown.merge(members[into], members[gone], score[merged])
        sums[into] += sums[gone]
        crowded[into] += crowded[gone]
        count[into] += count[gone]
        name, changed = np.arange(len(sums)), np.zeros(len(sums), bool)
        name[gone], changed[into] = into, True
        low, high, score = _joined(name[low], name[high], score, len(sums))
        anew = changed[low] | changed[high]
        score[anew] = _means(sums, crowded, count, low[anew], high[anew])


def _means(
    sums: Float64[NDArray, "m d"],
    crowded: Float64[NDArray, " m"],
    count: Float64[NDArray, " m"],
    low: Int[NDArray, " p"],
    high: Int[NDArray, " p"],
) -> Float64[NDArray, " p"]:
    """Mean score of all pairs between two groups; rounded, so that equal ones are equal."""
    found = np.empty(len(low))
    for n in range(0, len(low), AT_ONCE):
        a, b = low[n : n + AT_ONCE], high[n : n + AT_ONCE]
        found[n : n + AT_ONCE] = np.einsum("pd,pd->p", sums[a], sums[b]) / (count[a] * count[b])
    each = crowded / count
    return np.round(found - (each[low] + each[high]) / 2, DIGITS)


def _joined(
    one: Int[NDArray, " p"], other: Int[NDArray, " p"], score: Float64[NDArray, " p"], size: int
) -> tuple[Int[NDArray, " q"], Int[NDArray, " q"], Float64[NDArray, " q"]]:
    """Pairs of groups after merging, each once; the score of one that was twice is stale."""
    apart = one != other
    low, high = np.minimum(one, other)[apart], np.maximum(one, other)[apart]
    key, first = np.unique(low * size + high, return_index=True)
    return key // size, key % size, score[apart][first]


def _order(first: Float64[NDArray, " p"], then: NDArray) -> Int[NDArray, " p"]:
    """The place of each in ascending order of the first, and where equal of the second."""
    place = np.empty(len(first), np.int64)
    place[np.lexsort((then, first))] = np.arange(len(first))
    return place


def _lots(low: Int[NDArray, " p"], high: Int[NDArray, " p"]) -> NDArray[np.uint64]:
    """A number for each pair that looks drawn by lot (the finaliser of splitmix64, Steele 2014).

    By number alone, a hundred equal listings would merge one after another, a round for each.
    """
    x = low.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + high.astype(np.uint64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        x = (x ^ (x >> np.uint64(shift))) * np.uint64(factor)
    return x ^ (x >> np.uint64(31))
