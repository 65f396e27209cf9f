"""Progress: a bar with rate and time left on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from rich.progress import Progress

PERIOD = 30.0  # seconds between plain lines


@runtime_checkable
class Advance(Protocol):
    """Told how far the work has come."""

    def __call__(self, done: int, total: int, note: str = "") -> None:
        """Shows `done` of `total`, and a note beside the bar."""
        ...


class Pace:
    """How fast work goes; its first piece is left out, which a program may be compiled for."""

    def __init__(self, unit: str):
        """Starts the clock."""
        self.unit, self._began = unit, time.monotonic()
        self._first: tuple[float, int] | None = None  # when the first piece was done, and how much
        self._newest: tuple[float, int] = (self._began, 0)
        self._total = 0

    def seconds(self) -> float:
        """Time gone."""
        return time.monotonic() - self._began

    def told(self, done: int, total: int, *, start: int) -> None:
        """Notes how far the work has come, from `start`."""
        self._newest, self._total = (time.monotonic(), done), total
        if self._first is None and done > start:
            self._first = self._newest

    def __str__(self) -> str:
        """As ``55.6 steps/s, 0:12 gone, 0:36 left``, as far as it is known."""
        gone = f"{clock(self.seconds())} gone"
        if self._first is None or self._newest[1] <= self._first[1]:
            return gone
        rate = (self._newest[1] - self._first[1]) / max(self._newest[0] - self._first[0], 1e-6)
        left = (self._total - self._newest[1]) / rate - (time.monotonic() - self._newest[0])
        speed = f"{rate:,.1f}" if rate >= 1 else f"{rate:.2g}"
        return f"{speed} {self.unit}/s, {gone}, {clock(max(0.0, left))} left"


def clock(seconds: float) -> str:
    """Minutes and seconds, and hours where there are any."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


@contextmanager
def progress(
    description: str, unit: str, *, start: int = 0, shown: bool = True
) -> Iterator[Advance]:
    """Shows the progress of one piece of work on standard error.

    Args:
      description: what is being done, e.g. ``"export"``.
      unit: what is counted, e.g. ``"listings"``.
      start: what an earlier run did; it is no part of this one's speed.
      shown: False = nothing is, as another process shows it.

    Yields:
      A function to call with (done, total, note) from time to time.
    """
    if not shown:
        yield lambda done, total, note="": None
        return
    pace, state = Pace(unit), {"done": start, "note": ""}
    spoken = time.monotonic()
    with _bars(description, pace) as bars:
        task = bars.add_task(description, total=None, note="")

        def advance(done: int, total: int, note: str = "") -> None:
            nonlocal spoken
            state.update(done=done, note=note)
            pace.told(done, total, start=start)
            bars.update(task, completed=done, total=total, note=note)
            if bars.disable and time.monotonic() - spoken >= PERIOD:
                spoken = time.monotonic()
                parts = [f"{description:<10} {done:,}/{total:,} {unit}", str(pace), note]
                print("  ".join(filter(None, parts)), file=sys.stderr, flush=True)

        yield advance
    seconds = pace.seconds()
    rate = (state["done"] - start) / max(seconds, 1e-6)
    print(
        f"{description:<10} {state['done'] - start:,} {unit} in {seconds:.1f} s ({rate:,.1f}/s)"
        + (f"  {state['note']}" if state["note"] else ""),
        file=sys.stderr,
        flush=True,
    )


def _bars(description: str, pace: Pace) -> Progress:
    """A bar, its count, the pace and the note; off where standard error is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
    from rich.text import Text

    class Count(ProgressColumn):
        def render(self, task: Task) -> Text:
            if task.total is None:
                return Text("starting")
            return Text(f"{task.completed:,.0f} of {task.total:,.0f} {pace.unit}")

    class Speed(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(str(pace))

    console = Console(stderr=True)
    return Progress(
        TextColumn(f"{description:<10}"),
        BarColumn(bar_width=24),
        Count(),
        Speed(),
        TextColumn("{task.fields[note]}"),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
