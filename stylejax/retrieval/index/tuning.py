"""How much of a tree to search for a wanted recall, measured against exact search."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int
from numpy.typing import NDArray

from stylejax.retrieval.index.exact import exact_top_k
from stylejax.retrieval.index.tree import Effort, ScannTree

K = 10  # neighbours that recall is measured by
RESCORED = (30, 50, 70, 100, 150, 200, 400, 800)
TIMED = 5  # times that an effort is timed; the least counts: what else the machine does adds to it
SURE = 1.0  # standard errors that the choosing queries' recall has to be above the wanted one
WORSE = 1.5  # times the quickest so far: what rescores still fewer is not tried any more


@dataclass(frozen=True)
class Tuning:
    """An effort, and the recall it was measured to have."""

    effort: Effort
    recall: float  # share of the true 10 nearest that were found, for queries it was not chosen by
    queries: int  # that it was measured with


def tuned(
    tree: ScannTree,
    vectors: Float32[NDArray, "n d"],
    queries: Float32[NDArray, "q d"],
    own: Int[NDArray, " q"],
    recall: float,
) -> Tuning:
    """The fastest effort that reaches a recall@10.

    It is chosen by every other query and measured with the rest. The choosing queries are a sample:
    their mean has to be a standard error above what is wanted, or the quickest that seems enough
    would be too little half of the time. Where no effort is enough, the largest is taken, as the
    measurement shows.

    Args:
      tree: over the vectors.
      vectors: unit vectors.
      queries: unit vectors, a sample of what will be searched for.
      own: row of each query in `vectors`, left out of its neighbours; -1 = it has none.
      recall: wanted, in (0, 1].
    """
    truth = exact_top_k(queries, vectors, min(K + 1, len(vectors)))[0]
    true = [set(row[row != me][:K].tolist()) for row, me in zip(truth, own, strict=True)]

    def shares(effort: Effort, part: slice) -> NDArray[np.float64]:
        found = tree.search(queries[part], min(K + 1, len(vectors)), effort)[0]
        return np.array(
            [
                len(set(row[row != me][:K].tolist()) & nearest) / len(nearest)
                for row, me, nearest in zip(found, own[part], true[part], strict=True)
            ]
        )

    choosing, judging = slice(0, None, 2), slice(1, None, 2)

    def enough(leaves: int, rescored: int) -> bool:
        share = shares(Effort(leaves, rescored), choosing)
        return float(share.mean() - SURE * share.std() / len(share) ** 0.5) >= recall

    best, quickest, leaves = Effort(tree.leaves, RESCORED[-1]), np.inf, 1
    # The fewer are rescored the more leaves it takes: each search begins where the last one ended.
    for rescored in reversed(RESCORED):
        leaves = _fewest(tree.leaves, lambda n, r=rescored: enough(n, r), leaves)
        if leaves is None:
            break
        effort = Effort(leaves, rescored)
        seconds = _seconds(lambda e=effort: tree.search(queries, K, e))
        if seconds < quickest:
            best, quickest = effort, seconds
        elif seconds > WORSE * quickest:
            break
    return Tuning(best, float(shares(best, judging).mean()), len(queries[judging]))


def _fewest(most: int, enough: Callable[[int], bool], least: int = 1) -> int | None:
    """About the least number from `least` to `most` that is enough; None = not even the most is."""
    low, high = least - 1, least
    while not enough(high):
        if high >= most:
            return None
        low, high = high, min(most, 2 * high)
    while high - low > max(1, low // 16):  # finer steps change nothing that can be measured
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _seconds(search: Callable[[], object]) -> float:
    taken = []
    for _ in range(TIMED):
        began = time.perf_counter()
        search()
        taken.append(time.perf_counter() - began)
    return min(taken)
