"""From the listings of an index to groups of them, at a threshold that is chosen or given."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from stylejax.config import ConfigError
from stylejax.retrieval.duplicates.dendrogram import APART, Dendrogram
from stylejax.retrieval.duplicates.groups import Groups, groups_at
from stylejax.retrieval.duplicates.labelled import Judge, floor_of
from stylejax.retrieval.duplicates.linkage import average_linkage
from stylejax.retrieval.duplicates.neighbours import Neighbours
from stylejax.retrieval.duplicates.space import Space
from stylejax.retrieval.duplicates.threshold import Point, choose, curve, point
from stylejax.retrieval.evaluation.significance import LEVEL


@dataclass(frozen=True)
class Wanted:
    """What is asked of a threshold."""

    precision: float = 0.95  # of the pairs in one group
    confidence: float = LEVEL  # of the interval whose lower end has to reach it; 0 = the estimate

    def __post_init__(self) -> None:
        if not 0 < self.precision < 1:
            raise ConfigError(
                f"--precision is {self.precision}; use a share between 0 and 1, such as 0.95"
            )
        if not 0 <= self.confidence < 1:
            raise ConfigError(
                f"--confidence is {self.confidence}; use 0 (go by the estimate) up to below 1"
            )


@dataclass(frozen=True)
class Duplicates:
    """All that was found."""

    space: Space
    near: Neighbours
    dendrogram: Dendrogram
    threshold: float
    points: list[Point]  # precision and recall over the threshold; none without labels
    estimate: Point | None  # those of the threshold; None without labels
    floor: float = APART  # the labelled pairs say nothing of thresholds below

    @cached_property
    def groups(self) -> Groups:
        """Groups of two or more."""
        return groups_at(self.dendrogram, self.threshold, self.space.rows, self.near.crowding)


def find_duplicates(
    space: Space,
    near: Neighbours,
    judge: Judge | None,
    wanted: Wanted,
    threshold: float | None = None,
) -> Duplicates:
    """Groups of listings, and how precise they are.

    Args:
      space: the listings.
      near: their neighbours.
      judge: has labelled pairs; None = there are none, then a threshold must be given.
      wanted: of the threshold that is chosen.
      threshold: given; None = it is chosen by the labelled pairs.

    Raises:
      ConfigError: when there are no labelled pairs to choose by, or no threshold is precise enough.
    """
    if judge is None:
        assert threshold is not None, "give labelled pairs or a threshold"
        dendrogram = _linked(space, near, threshold)
        return Duplicates(space, near, dendrogram, threshold, [], None)
    if threshold is not None:
        dendrogram = _linked(space, near, threshold)
        labelled = judge.labelled(dendrogram)
        estimate = point(labelled, threshold)
        points = curve(labelled)
        return Duplicates(space, near, dendrogram, threshold, points, estimate, labelled.floor)
    score, same = judge.scores()
    if not len(score):
        raise ConfigError(
            "there is no labelled pair to choose a threshold by; give --labels, --threshold, or a "
            "--split whose true products are known"
        )
    if not same.any():
        raise ConfigError(
            f"none of the {len(same):,} labelled pairs is one product, so they cannot choose a "
            "threshold; give --threshold, or other labels"
        )
    dendrogram = _linked(space, near, floor_of(score, same, wanted.precision))
    labelled = judge.labelled(dendrogram)
    best = choose(curve(labelled, level=wanted.confidence), wanted.precision)
    # An interval is always shown, also where the estimate alone has chosen.
    level = wanted.confidence or LEVEL
    estimate, points = point(labelled, best.threshold, level=level), curve(labelled, level=level)
    return Duplicates(space, near, dendrogram, best.threshold, points, estimate, labelled.floor)


def _linked(space: Space, near: Neighbours, floor: float) -> Dendrogram:
    return average_linkage(space.rows, near.crowding, *near.pairs(floor), floor)
