"""What approximate search loses: the same queries answered exactly and by ScaNN."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float32, Int
from numpy.typing import NDArray

from stylejax.config import ConfigError
from stylejax.retrieval.evaluation.metrics import CUTOFFS, ndcg
from stylejax.retrieval.evaluation.ranks import Ranks, rank_right
from stylejax.retrieval.evaluation.truth import Truth
from stylejax.retrieval.index.build import SAMPLED
from stylejax.retrieval.index.tree import ScannTree
from stylejax.retrieval.index.tuning import Tuning, tuned
from stylejax.retrieval.vectors import Vectors

LISTED = 100  # answers of each query that are looked at
FEWEST = 100  # vectors that a tree is built over


def ann_loss(
    vectors: Vectors, truth: Truth, directions: Sequence[str], recall: float
) -> dict[str, Any]:
    """The metrics of the first 100 answers, by exact search and by a tree over the gallery.

    A tree is built and tuned as an index's is, however few vectors there are; all vectors of the
    found view lie in memory.

    Args:
      vectors: the listings.
      truth: who searches whom.
      directions: query view - gallery view; those that were not exported are left out.
      recall: recall@10 that the trees are tuned for.

    Returns:
      ``{"target": recall, "trees": {view: {"leaves", "searched", "rescored", "recall@10"}},
      "directions": {direction: {"exact": {...}, "scann": {...}}}}`` with ``mrr``, ``recall@k`` and
      ``ndcg@10`` of the first 100.

    Raises:
      ConfigError: when fewer than 100 listings are found, or ScaNN is not installed.
    """
    wanted = [d for d in directions if set(d.split("-")) <= set(vectors.present)]
    trees: dict[str, dict[str, Any]] = {}
    found: dict[str, dict[str, Any]] = {}
    for answer in dict.fromkeys(direction[2] for direction in wanted):
        there = np.flatnonzero(vectors.present[answer][truth.gallery])
        if len(there) < FEWEST:
            raise ConfigError(
                f"a tree over {len(there)} vectors would say nothing of approximate search; leave "
                f"out --ann, or judge a gallery of {FEWEST} listings or more"
            )
        gallery = vectors.take(answer, truth.gallery[there])
        tree = ScannTree.build(gallery)
        asked = {d: rank_right(vectors, vectors, d, truth) for d in wanted if d[2] == answer}
        queries = {d: vectors.take(d[0], truth.queries[ranks.query]) for d, ranks in asked.items()}
        place = np.full(len(truth.gallery) + 1, -1)  # the last stands for a query that is not there
        place[there] = np.arange(len(there))
        own = {d: place[truth.left_out[ranks.query]] for d, ranks in asked.items()}
        tuning = _tuned(tree, gallery, queries, own, recall)
        trees[answer] = {
            "leaves": tree.leaves,
            "searched": tuning.effort.leaves,
            "rescored": tuning.effort.rescored,
            "recall@10": tuning.recall,
        }
        for direction, ranks in asked.items():
            if len(ranks.query):
                k = min(LISTED + 1, len(there))
                listed = tree.search(queries[direction], k, tuning.effort)[0]
                exact = [ranks.rank[a:b] for a, b in _bounds(ranks)]
                approximate = [
                    _ranks_in(row, mine, place[ranks.found[a:b]])
                    for row, mine, (a, b) in zip(
                        listed, own[direction].tolist(), _bounds(ranks), strict=True
                    )
                ]
                counts = np.diff(ranks.starts).tolist()
                found[direction] = {
                    "exact": _mean(exact, counts),
                    "scann": _mean(approximate, counts),
                    "queries": len(ranks.query),
                }
    ordered = {direction: found[direction] for direction in wanted if direction in found}
    return {"target": recall, "trees": trees, "directions": ordered}


def _bounds(ranks: Ranks) -> list[tuple[int, int]]:
    return list(zip(ranks.starts[:-1].tolist(), ranks.starts[1:].tolist(), strict=True))


def _tuned(
    tree: ScannTree,
    gallery: Float32[NDArray, "g d"],
    queries: dict[str, Float32[NDArray, "_ d"]],
    own: dict[str, Int[NDArray, " _"]],
    recall: float,
) -> Tuning:
    """Tuned with queries of all views alike, as an index is."""
    everyone = np.concatenate([gallery[:0], *queries.values()])
    theirs = np.concatenate([np.zeros(0, np.int64), *own.values()])
    if not len(everyone):
        everyone, theirs = gallery, np.arange(len(gallery))
    some = np.random.default_rng(0).permutation(len(everyone))[:SAMPLED]
    return tuned(tree, gallery, everyone[some], theirs[some], recall)


def _ranks_in(
    listed: Int[NDArray, " k"], own: int, right: Int[NDArray, " r"]
) -> Int[NDArray, " _"]:
    """Ranks of the right answers that were listed, ascending; without the query itself."""
    others = listed[listed != own][:LISTED]
    return np.flatnonzero(np.isin(others, right)) + 1


def _mean(ranks: Sequence[Int[NDArray, " _"]], counts: Sequence[int]) -> dict[str, float]:
    """Means over queries of what the first 100 answers tell.

    Args:
      ranks: of each query's right answers.
      counts: how many right answers each query has.
    """
    rows = []
    for all_ranks, count in zip(ranks, counts, strict=True):
        mine = all_ranks[all_ranks <= LISTED]
        first = mine[0] if len(mine) else np.inf
        gains = np.ones(count)
        rows.append(
            [1 / first, *(first <= k for k in CUTOFFS), ndcg(mine, gains[: len(mine)], gains)]
        )
    names = ("mrr", *(f"recall@{k}" for k in CUTOFFS), "ndcg@10")
    return dict(zip(names, np.mean(rows, axis=0).tolist(), strict=True))
