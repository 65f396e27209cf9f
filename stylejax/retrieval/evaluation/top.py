"""The first answers of some queries, in the order that their ranks are counted in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int
from numpy.typing import NDArray

from stylejax.retrieval.evaluation.ranks import EQUAL, lots
from stylejax.retrieval.evaluation.truth import Truth
from stylejax.retrieval.vectors import Vectors

SPARE = 32  # answers kept beyond those that are wanted, that equals at the end find their order


@dataclass(frozen=True)
class Top:
    """The first answers of q queries, best first."""

    found: Int[NDArray, "q k"]  # number in the gallery; -1 = there are fewer
    score: Float32[NDArray, "q k"]


def top_answers(
    asking: Vectors,
    found: Vectors,
    direction: str,
    truth: Truth,
    queries: Int[NDArray, " q"],
    k: int,
    *,
    seed: int = 0,
) -> Top:
    """Finds the first k answers of a few queries over the whole gallery, exactly.

    Args:
      asking: vectors that search.
      found: vectors that are found.
      direction: query view - gallery view, both exported.
      truth: who searches whom; the query itself is left out.
      queries: numbers in `truth.queries` of those that are wanted; all have the view.
      k: answers of each.
      seed: as of `rank_right`.
    """
    ask, answer = direction.split("-")
    there = np.flatnonzero(found.present[answer][truth.gallery])
    lot = lots(len(there), seed)
    vectors, own = asking.take(ask, truth.queries[queries]), truth.left_out[queries][:, None]
    kept = k + SPARE
    best = np.full((len(queries), kept), -1), np.full((len(queries), kept), -np.inf, np.float32)
    order = np.full((len(queries), kept), len(there))
    for start, block in found.blocks(answer, truth.gallery[there]):
        numbers = np.broadcast_to(there[start : start + len(block)], (len(queries), len(block)))
        scores = np.where(numbers == own, -np.inf, vectors @ block.T).astype(np.float32)
        mine = np.broadcast_to(lot[start : start + len(block)], numbers.shape)
        joined = [
            np.concatenate(pair, axis=1) for pair in zip(best, (numbers, scores), strict=True)
        ]
        order = np.concatenate([order, mine], axis=1)
        first = np.lexsort((order, -np.round(joined[1], 6)), axis=1)[:, :kept]
        best = tuple(np.take_along_axis(part, first, axis=1) for part in joined)
        order = np.take_along_axis(order, first, axis=1)
    first = np.argsort(_ahead(best[1], order), axis=1, kind="stable")[:, :k]
    found_, scores = (np.take_along_axis(part, first, axis=1) for part in best)
    return Top(np.where(np.isfinite(scores), found_, -1), scores)


def _ahead(scores: Float32[NDArray, "q n"], order: Int[NDArray, "q n"]) -> Int[NDArray, "q n"]:
    """How many of the others are ahead of each, as `rank_right` counts."""
    earlier = order[:, None, :] < order[:, :, None]
    with np.errstate(invalid="ignore"):  # places that nobody took are as far as can be
        apart = scores[:, None, :] - scores[:, :, None]
        ahead = (apart > EQUAL) | ((np.abs(apart) <= EQUAL) & earlier)
    ahead |= np.isfinite(scores)[:, None, :] & ~np.isfinite(scores)[:, :, None]
    return ahead.sum(axis=2)
