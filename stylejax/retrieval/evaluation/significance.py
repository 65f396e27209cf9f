"""How sure a mean over queries is, and a difference of two: by products, not by queries."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import NormalDist

import numpy as np
from jaxtyping import Float, Float64, Int, Num
from numpy.typing import NDArray

LEVEL = 0.95
RESAMPLES = 1_000
AT_ONCE, NUMBERS = 100, 20_000_000  # resamples, and numbers of them for all products, at a time
FLIPS = 10_000  # of a randomisation test: p is known to about a hundredth of .01


def bootstrap_interval(
    values: Float[NDArray, "q m"],
    clusters: Int[NDArray, " q"],
    *,
    shares: bool = False,
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
      shares: values are in [0, 1], see `ratio_interval`.
      level: share of resamples within the interval.
      resamples: how often as many products are drawn as there are.
      seed: of the draws.

    Returns:
      Lower and upper ends; the mean itself where there is one product only.
    """
    return ratio_interval(
        values,
        np.ones(values.shape),
        clusters,
        shares=shares,
        level=level,
        resamples=resamples,
        seed=seed,
    )


def ratio_interval(
    parts: Num[NDArray, "q m"],
    wholes: Num[NDArray, "q m"],
    clusters: Int[NDArray, " q"],
    *,
    shares: bool = False,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[Float64[NDArray, " m"], Float64[NDArray, " m"]]:
    """`bootstrap_interval` for sum of parts / sum of wholes, such as shares of pairs.

    Where all of every product is right, or nothing of any, every resample is the same, and the
    interval would have no width however few products there are. With `shares` it is Wilson's there,
    with as many cases as there are products.

    Args:
      parts: of q >= 1 listings.
      wholes: likewise, what each part is of; a resample whose wholes are all 0 does not count.
      clusters: product of each listing.
      shares: every part is from 0 to its whole.
      level: share of resamples within the interval.
      resamples: how often as many products are drawn as there are.
      seed: of the draws.

    Returns:
      Lower and upper ends; not a number where no resample counts.
    """
    sums = _by_cluster(parts, clusters), _by_cluster(wholes, clusters)
    count = len(sums[0])
    rng, means = np.random.default_rng(seed), []
    for size in _parts(resamples, count):
        times = rng.multinomial(count, np.full(count, 1 / count), size=size).astype(np.float64)
        part, whole = times @ sums[0], times @ sums[1]
        means.append(np.divide(part, whole, out=np.full_like(part, np.nan), where=whole > 0))
    outside = (1 - level) / 2
    drawn = np.concatenate(means)
    ends = np.full((2, drawn.shape[1]), np.nan)
    counted = ~np.isnan(drawn).all(axis=0)
    ends[:, counted] = np.nanquantile(drawn[:, counted], (outside, 1 - outside), axis=0)
    for n in np.flatnonzero(counted) if shares else []:
        of = sums[1][:, n] > 0
        part, whole = sums[0][of, n], sums[1][of, n]
        if not part.any() or (part == whole).all():
            ends[:, n] = wilson(float(part.any()), int(of.sum()), level)
    return ends[0], ends[1]


def wilson(share: float, count: float, level: float) -> tuple[float, float]:
    """The interval of a share of independent cases (Wilson 1927).

    Args:
      share: that was found.
      count: of cases; need not be whole.
      level: in [0, 1).
    """
    z = NormalDist().inv_cdf((1 + level) / 2)
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    reach = z / (1 + z**2 / count) * np.sqrt(share * (1 - share) / count + (z / (2 * count)) ** 2)
    # The share lies within; rounding must not leave it out where it is an end.
    return float(min(share, max(0.0, middle - reach))), float(max(share, min(1.0, middle + reach)))


def paired_test(
    differences: Float[NDArray, "q m"], clusters: Int[NDArray, " q"], *, seed: int = 0
) -> Float64[NDArray, " m"]:
    """How likely two systems that are alike differ so much on average: two-sided p of m metrics.

    A randomisation test (Fisher 1935; Smucker et al. 2007 for retrieval): if the systems are alike,
    which of the two gave which result is by chance, so the sign of each difference is. Whole
    products are flipped, as their queries go together.

    Args:
      differences: of q >= 1 queries, one system's metrics less the other's.
      clusters: product of each query.
      seed: of the flips.

    Returns:
      Share of 10,000 flips with a mean at least as far from zero, itself counted in.
    """
    sums = _by_cluster(differences, clusters)
    own = np.abs(sums.sum(axis=0))
    rng, beyond = np.random.default_rng(seed), np.ones(differences.shape[1])
    for size in _parts(FLIPS, len(sums)):
        signs = rng.integers(0, 2, (size, len(sums))) * 2.0 - 1.0
        beyond += (np.abs(signs @ sums) >= own - 1e-9).sum(axis=0)
    return beyond / (FLIPS + 1)


def holm(p: Float[NDArray, " m"]) -> Float64[NDArray, " m"]:
    """p-values of several tests that are looked at together (Holm 1979).

    Whoever calls those below .05 significant is wrong about any of them in at most one of twenty
    comparisons.
    """
    order = np.argsort(p, kind="stable")
    raised = p[order] * np.arange(len(p), 0, -1)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(raised))
    return adjusted


def _parts(total: int, clusters: int) -> Iterator[int]:
    """How many draws to make at a time."""
    most = max(1, min(AT_ONCE, NUMBERS // clusters))
    for start in range(0, total, most):
        yield min(most, total - start)


def _by_cluster(
    values: Num[NDArray, "q m"], clusters: Int[NDArray, " q"]
) -> Float64[NDArray, "c m"]:
    """Sums over the queries of each cluster."""
    _, number = np.unique(clusters, return_inverse=True)
    sums = np.zeros((int(number.max()) + 1, values.shape[1]))
    np.add.at(sums, number, values)
    return sums
