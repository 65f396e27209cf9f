"""Ranking metrics from the positions of the relevant listings; exact, and fair about ties."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float32, Int
from numpy.typing import NDArray

CUTOFFS = (1, 5, 10, 20)
BLOCK = 512  # queries scored at a time: memory is BLOCK x gallery floats


@dataclass(frozen=True)
class Ranking:
    """One query's ranking of the gallery; it is sorted only when it is asked for."""

    query: int  # number of the query
    scores: Float32[NDArray, " g"]  # in the order that decides among equals; the query's own last
    relevant: Bool[NDArray, " g"]  # likewise
    gallery: Int[NDArray, " g"]  # likewise: which gallery listing it is
    ranked: int  # gallery listings that take part: all but the query itself

    @cached_property
    def order(self) -> Int[NDArray, " ranked"]:
        """Places in `scores`, `relevant` and `gallery`, the best first."""
        return np.argsort(-self.scores, kind="stable")[: self.ranked]

    @cached_property
    def positions(self) -> Int[NDArray, " r"]:
        """1-based ranks of the relevant listings, ascending."""
        if not self.relevant.any():
            return np.zeros(0, np.int64)  # without sorting
        return np.flatnonzero(self.relevant[self.order]) + 1


def rank_gallery(
    queries: Float32[NDArray, "q d"],
    gallery: Float32[NDArray, "g d"],
    query_groups: Int[NDArray, " q"],
    gallery_groups: Int[NDArray, " g"],
    excluded: Int[NDArray, " q"],
    *,
    seed: int = 0,
) -> Iterator[Ranking]:
    """Ranks the gallery for every query by cosine.

    Listings with equal scores stand in one random order for all queries, so a constant encoder
    scores what chance scores.

    Args:
      queries: unit vectors.
      gallery: unit vectors.
      query_groups: true product of each query.
      gallery_groups: true product of each gallery listing.
      excluded: gallery index of the query itself, not to be ranked; -1 = none.
      seed: of the order among equals.

    Yields:
      One ranking a query; the listings of the query's product are the relevant ones. It is only
      cheap to keep what is taken out of it: a block of rankings shares its scores.
    """
    shuffled = np.random.default_rng(seed).permutation(len(gallery))
    place = np.empty_like(shuffled)
    place[shuffled] = np.arange(len(gallery))
    vectors, groups = gallery[shuffled].T.copy(), gallery_groups[shuffled]
    for start in range(0, len(queries), BLOCK):
        scores = queries[start : start + BLOCK] @ vectors
        for offset, row in enumerate(scores):
            query = start + offset
            relevant = groups == query_groups[query]
            own = excluded[query]
            if own >= 0:
                relevant[place[own]] = False
                row[place[own]] = -np.inf
            yield Ranking(query, row, relevant, shuffled, len(row) - int(own >= 0))


def ranking_metrics(positions: Int[NDArray, " r"]) -> dict[str, float]:
    """Metrics of one query.

    - ``mrr``: 1 / rank of the first relevant listing.
    - ``recall@k``: 1 when a relevant listing is among the first k (the reference system's
      definition: share of queries answered).
    - ``map``: mean over relevant listings of the precision at their rank.
    - ``map@r``: the same counting only ranks up to R, the number of relevant listings
      (Musgrave et al. 2020).
    - ``ndcg@10``: discounted gain with gain 1 for relevant listings, over the best possible.

    Args:
      positions: 1-based ranks of all r >= 1 relevant listings, ascending.
    """
    count = len(positions)
    precision = np.arange(1, count + 1) / positions
    gain = 1.0 / np.log2(positions[positions <= 10] + 1.0)
    best = 1.0 / np.log2(np.arange(1, min(count, 10) + 1) + 1.0)
    return {
        "mrr": 1.0 / positions[0],
        **{f"recall@{k}": float(positions[0] <= k) for k in CUTOFFS},
        "map": float(precision.mean()),
        "map@r": float(precision[positions <= count].sum() / count),
        "ndcg@10": float(gain.sum() / best.sum()),
    }


def mean_metrics(rankings: list[dict[str, float]]) -> dict[str, float]:
    """Mean over queries of each metric, and ``queries``, their number; empty for no query."""
    if not rankings:
        return {"queries": 0}
    means = {name: float(np.mean([r[name] for r in rankings])) for name in rankings[0]}
    return means | {"queries": len(rankings)}
