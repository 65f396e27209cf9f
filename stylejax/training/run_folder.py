"""What a run's folder says of its checkpoints before anything heavy is imported."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stylejax.config import Config, ConfigError, differences, from_json
from stylejax.training.record import read_marks

CHECKPOINTS = "checkpoints"  # the folder in the run's
# May differ between a checkpoint and the run that resumes it: they do not change what is computed.
RESUMABLE = (
    "run_dir:",
    "training.save_every:",
    "training.keep:",
    "training.keep_every:",
    "training.best:",
    "training.bad_steps:",
    "training.spike:",
    "training.data_timeout:",
    "training.evaluate_every:",
    "training.log_every:",
    "training.wandb:",
    "mesh.",
    "training.micro_batches:",
    "encoder.remat:",
    "encoder.attention:",
    "mining.engine:",
    "mining.memory_limit:",
    "mining.near.",
    "mining.spill_dir:",
    "evaluation.",
    "data.root:",
    "data.note:",
)


def steps(run_dir: str | Path) -> list[int]:
    """Steps of the complete checkpoints.

    Orbax writes into a folder of another name and renames it last.
    """
    folder = Path(run_dir) / CHECKPOINTS
    if not folder.is_dir():
        return []
    return sorted(int(path.name) for path in folder.iterdir() if path.name.isdigit())


def newest_step(run_dir: str | Path) -> int | None:
    """Step of the newest complete checkpoint; None where there is none."""
    return max(steps(run_dir), default=None)


def chosen_step(run_dir: str | Path) -> int | None:
    """Step of the checkpoint that stands for a run when it is exported or searched with.

    That is the best by the metric that `training.best` of its newest checkpoint names, of equal
    ones the later; the newest where none is named, or none was judged.
    """
    newest = newest_step(run_dir)
    config = None if newest is None else saved_config(run_dir, newest)
    if config is None or not config.training.best:
        return newest
    judged = _marks(run_dir)
    name = config.training.best
    marks = [(values[name], step) for step, values in judged.items() if name in values]
    return max(marks)[1] if marks else newest


def waits_for_marks(run_dir: str | Path, step: int) -> bool:
    """Whether a run is evaluated, but was not at its last step, of a complete checkpoint."""
    measured = _kept(run_dir, step).get("measured")
    return measured is not None and not _marks(run_dir).get(step)


def _marks(run_dir: str | Path) -> dict[int, dict[str, float]]:
    """What was measured at the steps of the checkpoints, as far as they or the record know."""
    found: dict[int, dict[str, float]] = {step: {} for step in steps(run_dir)}
    for step in list(found):
        for earlier, marks in (_kept(run_dir, step).get("measured") or {}).items():
            if int(earlier) in found:
                found[int(earlier)] |= marks
    for step, marks in read_marks(Path(run_dir)).items():
        if step in found:
            found[step] |= marks
    return found


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


def changed_settings(saved: Config, now: Config) -> list[str]:
    """Lines ``field: old -> new`` for every setting that differs and matters to the result."""
    return [line for line in differences(saved, now) if not line.startswith(RESUMABLE)]


def require_same_config(saved: Config, now: Config, folder: object) -> None:
    """Checks that a run goes on with the settings of its checkpoint.

    Args:
      saved: of the checkpoint.
      now: of the run that goes on; what `RESUMABLE` names may differ.
      folder: of the checkpoint, for the error.

    Raises:
      ConfigError: listing the differences.
    """
    if changed := changed_settings(saved, now):
        raise ConfigError(
            f"the checkpoint in {folder} is of another config: {'; '.join(changed)}. "
            "Use its settings, another --run-dir, or --override to go on with these"
        )


def require_nothing_overridden(saved: Config, now: Config, step: int) -> None:
    """Checks that a run that is finished is not asked to go on with other settings.

    Args:
      saved: of its checkpoint.
      now: of the run that would go on; what `RESUMABLE` names may differ.
      step: of the checkpoint, the last one.

    Raises:
      ConfigError: listing the differences.
    """
    if changed := changed_settings(saved, now):
        raise ConfigError(
            f"the run in {now.run_dir} is finished: after step {step:,} nothing goes on with "
            f"{'; '.join(changed)}. Raise --training.steps, or choose another --run-dir"
        )


def saved_config(run_dir: str | Path, step: int) -> Config | None:
    """The settings that a checkpoint keeps; None where Orbax alone can read them.

    Raises:
      ConfigError: when they do not fit this version.
    """
    kept = _kept(run_dir, step)
    return from_json(kept["config"]) if "config" in kept else None


def _kept(run_dir: str | Path, step: int) -> Mapping[str, Any]:
    """What a checkpoint keeps beside its arrays; nothing where Orbax alone can read it."""
    path = Path(run_dir) / CHECKPOINTS / str(step) / "_CHECKPOINT_METADATA"
    try:
        values: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    kept = values.get("custom_metadata") if isinstance(values, Mapping) else None
    return kept if isinstance(kept, Mapping) else {}
