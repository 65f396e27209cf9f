"""The threshold of a wanted precision, chosen by labelled pairs.

What counts is the precision of the groups: of all pairs of listings in one group, the share that is
one product. It depends on the mix of pairs, so it is estimated from pairs as the groups make them.
A threshold is as good as the lower end of its interval: the lowest of many thresholds whose
estimate happens to reach what is wanted would miss it about every other time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from stylejax.config import ConfigError
from stylejax.retrieval.duplicates.labelled import Labelled
from stylejax.retrieval.evaluation.significance import LEVEL, wilson

STEPS = 200  # thresholds that are looked at


@dataclass(frozen=True)
class Point:
    """What a threshold gives."""

    threshold: float
    precision: float | None  # None = no labelled pair is in one group, or they are not such pairs
    low: float  # of the interval of the precision
    high: float
    recall: float | None  # share of the labelled pairs of one product that are in one group;
    # None = no labelled pair is one product, or they are not such as the groups make
    pairs: int  # labelled pairs in one group


def curve(labelled: Labelled, *, level: float = LEVEL) -> list[Point]:
    """Precision and recall over the threshold, from the highest down.

    Args:
      labelled: pairs, and where they are joined.
      level: of the intervals, in [0, 1); 0 = both ends are the estimate.

    Returns:
      Up to `STEPS` points, at steps of equal recall; none where no labelled pair is ever joined.
    """
    joined = np.isfinite(labelled.joined)
    if not joined.any():
        return []
    right = joined & labelled.same
    judged = joined & (labelled.joined >= labelled.floor)
    values = labelled.joined[judged & right if (judged & right).any() else judged]
    cuts = np.unique(np.quantile(values, np.linspace(0, 1, STEPS), method="lower"))[::-1]
    units = _Units.of(labelled.units)
    return [_point(labelled, units, float(cut), level) for cut in cuts]


def point(labelled: Labelled, threshold: float, *, level: float = LEVEL) -> Point:
    """Precision with its interval, and recall, of one threshold."""
    return _point(labelled, _Units.of(labelled.units), threshold, level)


def _point(labelled: Labelled, units: _Units, threshold: float, level: float) -> Point:
    together = labelled.joined >= threshold
    if threshold < labelled.floor:
        return Point(threshold, None, 0.0, 1.0, None, 0)
    if not together.any():
        return Point(threshold, None, 0.0, 1.0, 0.0 if labelled.wanted else None, 0)
    same, weight = labelled.same[together], labelled.weight[together]
    precision = float(weight @ same / weight.sum())
    told = _effective(same, weight, units.among(together))
    low, high = wilson(precision, told, level)
    recall = float(weight @ same / labelled.wanted) if labelled.wanted else None
    return Point(threshold, precision, low, high, recall, int(together.sum()))


def effective_pairs(
    same: Bool[NDArray, " p"], weight: Float[NDArray, " p"], units: Int[NDArray, "p 2"]
) -> float:
    """As how many independent pairs these tell of their mean.

    Pairs that share a listing, or a product, are right or wrong together. The variance of the mean
    adds up what pairs with a common unit have in common (Fafchamps and Gubert 2007, "The formation
    of risk sharing networks"); the binomial variance over it is the number of pairs (Korn and
    Graubard 1998). Where all are right or all are wrong nothing can be seen of that, and all pairs
    of a unit count as one.

    Args:
      same: labels.
      weight: of each pair.
      units: two of each pair, maybe the same twice.
    """
    return _effective(same, weight, _Units.of(units))


def _effective(same: Bool[NDArray, " p"], weight: Float[NDArray, " p"], units: _Units) -> float:
    share = weight / weight.sum()
    most, least = 1 / float(share @ share), 1 / units.variance(share)
    mean = float(share @ same)
    variance = units.variance(share * (same - mean))
    if same.all() or not same.any() or variance <= 0:
        return least
    return float(np.clip(mean * (1 - mean) / variance, min(least, most), most))


@dataclass(frozen=True)
class _Units:
    """The units of pairs, numbered once for all thresholds."""

    one: Int[NDArray, " p"]
    other: Int[NDArray, " p"]
    both: Int[NDArray, " p"]  # pairs with the same two units share a number

    @classmethod
    def of(cls, units: Int[NDArray, "p 2"]) -> _Units:
        named = np.unique(units, return_inverse=True)[1].reshape(units.shape)
        one, other = named.min(axis=1), named.max(axis=1)
        both = np.unique(one * (int(named.max(initial=0)) + 1) + other, return_inverse=True)[1]
        return cls(one, other, both.reshape(-1))

    def among(self, pairs: Bool[NDArray, " p"]) -> _Units:
        return _Units(self.one[pairs], self.other[pairs], self.both[pairs])

    def variance(self, parts: Float[NDArray, " p"]) -> float:
        """Sum over all pairs of pairs that share a unit of the products of their parts."""
        two, size = self.one != self.other, int(self.other.max()) + 1
        sums = np.bincount(self.one, parts, size) + np.bincount(self.other, parts * two, size)
        # Pairs that share both units were counted at each of them.
        twice = np.bincount(self.both, parts * two)
        return float((sums**2).sum() - (twice**2).sum())


def choose(points: Sequence[Point], precision: float) -> Point:
    """The lowest threshold, which has the largest recall, that keeps a promise.

    Args:
      points: see `curve`.
      precision: that the lower end of the interval has to reach.

    Raises:
      ConfigError: when none does, with the best there is.
    """
    if not points:
        raise ConfigError(
            "no labelled pair is ever in one group: label pairs that are candidates, such as those "
            "in to_label.csv"
        )
    kept = [point for point in points if point.low >= precision]
    if kept:
        return min(kept, key=lambda point: point.threshold)
    best = max(points, key=lambda point: (point.low, -point.threshold))
    raise ConfigError(
        f"no threshold is sure to have a precision of {precision:g}: the best is "
        f"{best.precision or 0:.3f} [{best.low:.3f}, {best.high:.3f}] at {best.threshold:z.3f}, "
        f"with a recall of {best.recall or 0:.3f} ({best.pairs:,} labelled pairs); ask for "
        f"--precision {np.floor(100 * best.low) / 100:g}, label more pairs, or give --confidence 0 "
        "to go by the estimate alone"
    )
