"""Ranking metrics of one query, from the ranks of its right answers."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

CUTOFFS = (1, 5, 10, 20)
PATIENCE = 0.8  # of RBP: how likely a shopper looks at the next result


def ranking_metrics(positions: Int[NDArray, " r"]) -> dict[str, float]:
    """Metrics of one query.

    - ``mrr``: 1 / rank of the first right listing.
    - ``recall@k``: 1 when a right listing is among the first k (the reference system's definition:
      share of queries answered).
    - ``map``: mean over right listings of the precision at their rank.
    - ``map@r``: the same counting only ranks up to R, the number of right listings
      (Musgrave et al. 2020).
    - ``ndcg@10``: discounted gain with gain 1 for right listings, over the best possible.

    Args:
      positions: 1-based ranks of all r >= 1 right listings, ascending.
    """
    count = len(positions)
    precision, gains = np.arange(1, count + 1) / positions, np.ones(count)
    return {
        "mrr": 1.0 / positions[0],
        **{f"recall@{k}": float(positions[0] <= k) for k in CUTOFFS},
        "map": float(precision.mean()),
        "map@r": float(precision[positions <= count].sum() / count),
        "ndcg@10": ndcg(positions, gains, gains),
    }


def graded_metrics(
    positions: Int[NDArray, " r"], gains: Float[NDArray, " r"], most: float
) -> dict[str, float]:
    """Metrics of one query whose right answers are right to a degree.

    - ``ndcg@10``: discounted gain over the best possible (Järvelin & Kekäläinen 2002), the gain
      itself and not 2^gain, as `trec_eval` has it.
    - ``err``: expected reciprocal rank of the answer that ends the search, which one of gain g does
      with probability (2^g - 1) / 2^most (Chapelle et al. 2009).
    - ``rbp``: rank-biased precision with patience 0.8, gains divided by the highest (Moffat & Zobel
      2008).

    Args:
      positions: 1-based ranks of all r >= 1 answers with a gain, ascending.
      gains: of each, more than 0.
      most: the highest gain that there is.
    """
    stops = 2.0 ** (gains - most) - 2.0**-most  # however large gains are
    reached = np.cumprod(np.concatenate([[1.0], 1 - stops[:-1]]))
    discount = (1 - PATIENCE) * PATIENCE ** (positions - 1.0)
    return {
        "ndcg@10": ndcg(positions, gains, gains),
        "err": float((reached * stops / positions).sum()),
        "rbp": float((discount * gains / most).sum()),
    }


def ndcg(
    positions: Int[NDArray, " l"], gains: Float[NDArray, " l"], all_gains: Float[NDArray, " r"]
) -> float:
    """Discounted gain of the first ten answers, over the best possible.

    Args:
      positions: 1-based ranks of answers with a gain.
      gains: of each.
      all_gains: of every answer that there is, found or not.
    """
    seen = positions <= 10
    best = np.sort(all_gains)[::-1][:10]
    ideal = best / np.log2(np.arange(1, len(best) + 1) + 1.0)
    return float((gains[seen] / np.log2(positions[seen] + 1.0)).sum() / ideal.sum())
