"""The first answers of some queries, in the order that their ranks are counted in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int
from numpy.typing import NDArray

from stylejax.retrieval.evaluation.ranks import lots
from stylejax.retrieval.evaluation.truth import Truth
from stylejax.retrieval.vectors import Vectors

DIGITS = 6  # of a cosine; those that differ later are equal, see `ranks.EQUAL`


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
    best = np.full((len(queries), k), -1), np.full((len(queries), k), -np.inf, np.float32)
    order = np.full((len(queries), k), len(there))
    for start, block in found.blocks(answer, truth.gallery[there]):
        numbers = np.broadcast_to(there[start : start + len(block)], (len(queries), len(block)))
        scores = np.where(numbers == own, -np.inf, vectors @ block.T).astype(np.float32)
        mine = np.broadcast_to(lot[start : start + len(block)], numbers.shape)
        joined = [
            np.concatenate(pair, axis=1) for pair in zip(best, (numbers, scores), strict=True)
        ]
        order = np.concatenate([order, mine], axis=1)
        first = np.lexsort((order, -np.round(joined[1], DIGITS)), axis=1)[:, :k]
        best = tuple(np.take_along_axis(part, first, axis=1) for part in joined)
        order = np.take_along_axis(order, first, axis=1)
    return Top(np.where(np.isfinite(best[1]), best[0], -1), best[1])
