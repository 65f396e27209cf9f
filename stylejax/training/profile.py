"""A window of steps recorded by JAX's profiler."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import jax

from stylejax.config import ConfigError


class ProfileWindow:
    """Steps that are looked at closely, from the beginning of the first to the end of the last."""

    def __init__(self, steps: str, run_dir: Path):
        """Nothing is recorded yet.

        Args:
          steps: as ``20:25``, both of them recorded; "" = none.
          run_dir: the run's folder; TensorBoard and Perfetto find the record below its
            ``tensorboard``.

        Raises:
          ConfigError: when it is no such window.
        """
        self.first = self.last = 0
        self.folder = run_dir / "tensorboard"
        self._running = False
        if steps:
            found = re.fullmatch(r"(\d+):(\d+)", steps)
            if found is None or not 1 <= int(found[1]) <= int(found[2]):
                raise ConfigError(
                    f"--profile {steps} is no window of steps; name its first and last one, such "
                    "as 20:25"
                )
            self.first, self.last = int(found[1]), int(found[2])

    def require_ahead(self, done: int) -> None:
        """Raises ConfigError when the window begins before what is still to be trained."""
        if self.first and self.first <= done:
            raise ConfigError(
                f"--profile {self.first}:{self.last} begins before step {done + 1}, where this run "
                "goes on; name later steps"
            )

    def before(self, step: int) -> None:
        """Starts to record when this is the first step of the window."""
        if step == self.first:
            jax.profiler.start_trace(str(self.folder), create_perfetto_trace=True)
            self._running = True

    def after(self, step: int, metrics: Mapping[str, jax.Array]) -> None:
        """Waits for the last step of the window and writes what was recorded."""
        if self._running and step >= self.last:
            jax.block_until_ready(dict(metrics))
            self.close()

    def close(self) -> None:
        """Writes what was recorded, where a window was begun."""
        if self._running:
            self._running = False
            jax.profiler.stop_trace()
            found = self.folder.glob("plugins/profile/*/perfetto_trace.json.gz")
            newest = max(found, key=lambda path: path.stat().st_mtime, default=self.folder)
            print(f"profile    steps {self.first} to {self.last}: {newest}")
