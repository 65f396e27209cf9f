"""Progress bars with rate and time left on a terminal, and one closing line elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, runtime_checkable


@runtime_checkable
class Advance(Protocol):
    """Told how far the work has come."""

    def __call__(self, done: int, total: int, note: str = "") -> None:
        """Shows `done` of `total`, and a note beside the bar."""
        ...


@contextmanager
def progress(description: str, unit: str, *, start: int = 0) -> Iterator[Advance]:
    """Shows the progress of one piece of work on standard error.

    Args:
      description: what is being done, e.g. ``"export"``.
      unit: what is counted, e.g. ``"listings"``.
      start: what an earlier run did; it is no part of this one's speed.

    Yields:
      A function to call with (done, total, note) from time to time.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    started, state = time.monotonic(), {"done": start, "note": ""}
    with Progress(
        TextColumn(f"{description:<10}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn(f"{unit}  {{task.fields[rate]}}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bars:
        task = bars.add_task(description, total=None, note="", rate="")

        def advance(done: int, total: int, note: str = "") -> None:
            state.update(done=done, note=note)
            rate = (done - start) / max(time.monotonic() - started, 1e-6)
            bars.update(task, completed=done, total=total, note=note, rate=f"{rate:,.1f}/s")

        yield advance
    seconds = time.monotonic() - started
    rate = (state["done"] - start) / max(seconds, 1e-6)
    print(
        f"{description:<10} {state['done'] - start:,} {unit} in {seconds:.1f} s ({rate:,.1f}/s)"
        + (f"  {state['note']}" if state["note"] else ""),
        file=sys.stderr,
        flush=True,
    )
