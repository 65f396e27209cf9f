"""What each constraint of mining left, as bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

NARROWS = "... "  # begins the name of a line that is a part of the line before


@dataclass(frozen=True)
class Bar:
    """One line of the funnel."""

    name: str
    count: int
    share: float  # of the first line of its stage, which counts the same kind of thing
    kept: float | None  # share of the line before; None = it starts a stage, or there was nothing
    starts: bool  # whether it starts a stage: it counts something new


def bars(funnel: Sequence[tuple[str, int]]) -> list[Bar]:
    """A funnel of (name, count) as bars, each stage on a scale of its own."""
    found: list[Bar] = []
    first = before = 0
    for name, count in funnel:
        starts = not found or not name.startswith(NARROWS)
        if starts:
            first = count
        kept = None if starts or not before else count / before
        share = count / first if first else 0.0
        found.append(Bar(name.removeprefix(NARROWS), count, share, kept, starts))
        before = count
    return found
