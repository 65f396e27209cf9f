"""Where vectors come from: whatever is made of a checkpoint says of which one."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stylejax.config import ConfigError


@dataclass(frozen=True)
class Origin:
    """A checkpoint, as manifests of exports, indexes and metrics name it."""

    run: str  # name of the run's folder; for people, folders may be renamed
    step: int  # optimizer steps it was trained for
    config: str  # SHA-256, as hex digits, of the run's settings and training data
    weights: str  # likewise of the encoder's weights: other pictures or programs show there alone

    @classmethod
    def read(cls, values: Any, path: Path) -> Origin:
        """Takes an origin out of a JSON object that holds it, maybe beside other things.

        Args:
          values: the object.
          path: its file, for the error.

        Raises:
          ConfigError: when a part of it is missing.
        """
        names = [field.name for field in dataclasses.fields(cls)]
        if not isinstance(values, Mapping) or not set(names) <= set(values):
            raise ConfigError(f"{path} does not say which checkpoint made it; make it again")
        return cls(**{name: values[name] for name in names})

    def require(self, now: Origin, what: str, fix: str) -> None:
        """Checks that what was made of this checkpoint still belongs to a run.

        Args:
          now: the checkpoint that stands for the run.
          what: was made, e.g. ``"the index in runs/demo/index"``.
          fix: what to do about it, e.g. ``"export and index again"``.

        Raises:
          ConfigError: when step, config or weights differ, naming the steps and what differs.
        """
        if dataclasses.replace(self, run=now.run) == now:
            return
        made, checkpoint = f"step {self.step} of {self.run!r}", f"step {now.step} of {now.run!r}"
        why = "" if self.step != now.step else ", trained anew: its weights are others"
        if self.config != now.config:
            why = ", trained with other settings or data"
        raise ConfigError(f"{what}: made at {made}, but the checkpoint is {checkpoint}{why}; {fix}")
