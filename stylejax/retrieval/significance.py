"""How far a mean over queries is from chance: the bootstrap, by products."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float64, Int
from numpy.typing import NDArray

LEVEL = 0.95
RESAMPLES = 1_000
AT_ONCE = 100  # resamples: memory is so many times the number of products


def bootstrap_interval(
    values: Float[NDArray, "q m"],
    clusters: Int[NDArray, " q"],
    *,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[Float64[NDArray, " m"], Float64[NDArray, " m"]]:
    """Percentile intervals of the means of m metrics (Efron 1979).

    Whole products are drawn with replacement, with all of their queries: the listings of one
    product are found or missed together, so to draw queries one by one would make the interval too
    narrow.

    Args:
      values: of q >= 1 queries.
      clusters: product of each query.
      level: share of resamples within the interval.
      resamples: how often as many products are drawn as there are.
      seed: of the draws.

    Returns:
      Lower and upper ends; the mean itself where there is one product only.
    """
    _, number = np.unique(clusters, return_inverse=True)
    count = int(number.max()) + 1
    sums = np.zeros((count, values.shape[1]))
    np.add.at(sums, number, values)
    queries = np.bincount(number, minlength=count).astype(np.float64)
    rng, means = np.random.default_rng(seed), []
    for _ in range(0, resamples, AT_ONCE):
        times = rng.multinomial(count, np.full(count, 1 / count), size=AT_ONCE).astype(np.float64)
        means.append((times @ sums) / (times @ queries)[:, None])
    outside = (1 - level) / 2
    low, high = np.quantile(np.concatenate(means), (outside, 1 - outside), axis=0)
    return low, high
