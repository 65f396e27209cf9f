"""What a run's folder says of its checkpoints before anything heavy is imported."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stylejax.config import Config, ConfigError, differences, from_json

CHECKPOINTS = "checkpoints"  # the folder in the run's
# May differ between a checkpoint and the run that resumes it: they do not change what is computed.
RESUMABLE = (
    "run_dir:",
    "training.save_every:",
    "training.keep:",
    "training.keep_every:",
    "training.bad_steps:",
    "training.spike:",
    "training.data_timeout:",
    "training.evaluate_every:",
    "training.log_every:",
    "mesh.",
    "training.micro_batches:",
    "encoder.remat:",
    "encoder.attention:",
    "mining.engine:",
    "mining.memory_limit:",
    "mining.spill_dir:",
    "evaluation.",
    "data.root:",
    "data.note:",
)


def newest_step(run_dir: str | Path) -> int | None:
    """Step of the newest complete checkpoint; None where there is none.

    Orbax writes into a folder of another name and renames it last.
    """
    folder = Path(run_dir) / CHECKPOINTS
    if not folder.is_dir():
        return None
    return max((int(path.name) for path in folder.iterdir() if path.name.isdigit()), default=None)


def require_step(run_dir: str | Path, step: int | None) -> int:
    """The step, when there is one.

    Raises:
      ConfigError: when it is None, with the command that makes a checkpoint.
    """
    if step is None:
        raise ConfigError(
            f"no checkpoint in {run_dir}; train first: stylejax train --config RECIPE, where "
            f"RECIPE is the file whose run_dir is {run_dir}"
        )
    return step


def require_not_trained(run_dir: str | Path, step: int | None) -> None:
    """Checks that a run can begin at its first step.

    Raises:
      ConfigError: when it has a checkpoint.
    """
    if step is not None:
        raise ConfigError(
            f"{Path(run_dir) / CHECKPOINTS} already holds step {step}; go on with --resume, start "
            "anew with --restart, or choose another --run-dir"
        )


def require_same_config(saved: Config, now: Config, folder: object) -> None:
    """Checks that a run goes on with the settings of its checkpoint.

    Args:
      saved: of the checkpoint.
      now: of the run that goes on; what `RESUMABLE` names may differ.
      folder: of the checkpoint, for the error.

    Raises:
      ConfigError: listing the differences.
    """
    changed = [line for line in differences(saved, now) if not line.startswith(RESUMABLE)]
    if changed:
        raise ConfigError(
            f"the checkpoint in {folder} is of another config: {'; '.join(changed)}. "
            "Use its settings, or another --run-dir"
        )


def saved_config(run_dir: str | Path, step: int) -> Config | None:
    """The settings that a checkpoint keeps; None where Orbax alone can read them.

    Raises:
      ConfigError: when they do not fit this version.
    """
    path = Path(run_dir) / CHECKPOINTS / str(step) / "_CHECKPOINT_METADATA"
    try:
        values: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    kept = values.get("custom_metadata") if isinstance(values, Mapping) else None
    return from_json(kept["config"]) if isinstance(kept, Mapping) and "config" in kept else None
