"""Settings that change on the way: what begins after which share of the steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from stylejax.config.error import require


def require_starts(starts: Sequence[float], later: Sequence[int], names: tuple[str, str]) -> None:
    """Checks that each later value has a start.

    Args:
      starts: shares of the steps.
      later: the values.
      names: of the settings, starts first.

    Raises:
      ConfigError: when they are not as many, or do not rise between 0 and 1.
    """
    require(
        len(starts) == len(later)
        and all(before < after for before, after in pairwise((0.0, *starts, 1.0))),
        f"{names[0]} is {tuple(starts)}; give one share of the steps for each of {names[1]} "
        f"{tuple(later)}, rising and between 0 and 1",
    )


def phases(
    first: int, later: Sequence[int], starts: Sequence[float], steps: int
) -> list[tuple[int, int]]:
    """First step and value of each part of a training of `steps` steps."""
    begins = [0, *(math.ceil(share * steps) for share in starts)]
    return list(zip(begins, (first, *later), strict=True))


def phase_at(parts: Sequence[tuple[int, int]], step: int) -> int:
    """Which of those parts a step belongs to."""
    return max(n for n, (first, _) in enumerate(parts) if first <= step)
