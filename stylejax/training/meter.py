"""How fast a training goes, from one line of its record to the next."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from statistics import fmean

# Of a record's values those that depend on the machine's speed.
TIMED = ("pairs_per_second", "data_wait", "mfu")


class Meter:
    """Counts pairs and their FLOPs against the clock."""

    def __init__(self, waited: Callable[[], float], peak: float | None):
        """Starts the clock.

        Args:
          waited: share of the time since its last call that the devices waited for data.
          peak: FLOPs a second of all devices; None = not known, and no utilisation is told.
        """
        self._waited, self._peak = waited, peak
        self.restart()

    def restart(self) -> None:
        """Leaves out what was since the last reading: compiling, or judging."""
        self._since, self._pairs, self._flops = time.monotonic(), 0, 0.0
        self._waited()

    def count(self, pairs: int, flops: float) -> None:
        """One more step."""
        self._pairs += pairs
        self._flops += flops

    def read(self) -> dict[str, float]:
        """Speed since the last reading: `TIMED`, as far as it is known. It begins the next."""
        seconds = max(time.monotonic() - self._since, 1e-9)
        values: dict[str, float] = {}
        if self._pairs:
            values["pairs_per_second"] = self._pairs / seconds
            if self._peak is not None:
                values["mfu"] = self._flops / seconds / self._peak
            values["data_wait"] = self._waited()
        self.restart()
        return values


def summary(values: Mapping[str, float], skipped: int) -> str:
    """A line of the record in a few words: the loss, its parts, and the speed.

    Of several kinds of parts the mean of each is told, of one kind each direction.

    Args:
      values: of the line.
      skipped: bad steps that were left out so far.
    """
    told = f"loss {values.get('loss', float('nan')):.4f}"
    parts: dict[str, dict[str, float]] = {kind: {} for kind in ("ppm", "pdc", "plc")}
    for name, x in values.items():
        kind, _, direction = name.partition("/")
        if kind in parts and "@" not in direction:
            parts[kind][direction] = x
    shown = {kind: fmean(xs.values()) for kind, xs in parts.items() if xs}
    if len(shown) == 1:
        (shown,) = (parts[kind] for kind in shown)
    if len(shown) > 1:
        told += f" ({', '.join(f'{name} {x:.2f}' for name, x in shown.items())})"
    if "pairs_per_second" in values:
        told += f"  {values['pairs_per_second']:,.0f} pairs/s"
    if "mfu" in values:
        told += f"  MFU {values['mfu']:.0%}"
    if "data_wait" in values:
        told += f"  data wait {values['data_wait']:.1%}"
    return f"{told}  {skipped} skipped" if skipped else told


def judgement(step: int, marks: Mapping[str, float]) -> str:
    """What an evaluation on the way found, in a line for people."""
    told = ", ".join(f"{name.removeprefix('retrieval/')} {x:.3f}" for name, x in marks.items())
    return f"evaluated  step {step:,}: {told}"
