"""Metrics of a run: JSON lines for programs, TensorBoard and Weights & Biases for people."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stylejax.config import MARKS, Config, ConfigError

WANDB = "wandb_run"  # file in the run's folder: the id that Weights & Biases knows the run by


class Record:
    """Appends to ``metrics.jsonl`` and to TensorBoard events below the run's folder."""

    def __init__(
        self,
        run_dir: Path,
        *,
        start_step: int = 0,
        writing: bool = True,
        config: Config | None = None,
    ):
        """Opens the record; what is there of later steps than `start_step` is undone and goes.

        Args:
          run_dir: the run's folder.
          start_step: steps that are done; 0 = nothing of an earlier run stays.
          writing: False on hosts that leave the record to another.
          config: of the run; its `training.wandb` names a project to write to as well.

        Raises:
          ConfigError: when that project is named, but its program is not installed.
        """
        self._events = None
        self._board: Any = None
        if not writing:
            return
        from tensorboardX import SummaryWriter

        self.path = run_dir / "metrics.jsonl"
        kept = [line for line in read_record(run_dir) if line["step"] <= start_step]
        self.path.write_text("".join(json.dumps(line) + "\n" for line in kept if start_step))
        events = run_dir / "tensorboard"
        # TensorBoard drops what earlier files have from purge_step on. A file's name ends in the
        # second it was opened: the number keeps two of one second apart.
        self._events = SummaryWriter(
            str(events),
            purge_step=start_step + 1,
            filename_suffix=f".{len(list(events.glob('events.*')))}",
        )
        if config is not None and config.training.wandb:
            self._board = _board(run_dir, config, anew=start_step == 0)

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """One line ``{"step": ..., name: value, ...}`` and one event a value."""
        if self._events is None:
            return
        line = {"step": step} | {name: float(value) for name, value in values.items()}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        for name, value in values.items():
            self._events.add_scalar(name, float(value), step)
        if self._board is not None:
            self._board.log(line)

    def close(self) -> None:
        """Writes out what is buffered."""
        if self._events is not None:
            self._events.close()
        if self._board is not None:
            self._board.finish()


def require_board(config: Config) -> None:
    """Raises ConfigError when a run is to be written to Weights & Biases, which is not there."""
    if not config.training.wandb:
        return
    try:
        import wandb  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            f'training.wandb is "{config.training.wandb}", but Weights & Biases is not installed; '
            "install it with: pip install 'stylejax[wandb]', or leave the setting empty"
        ) from error


def _board(run_dir: Path, config: Config, *, anew: bool) -> Any:
    """The run at Weights & Biases; one that goes on does so in the same place."""
    require_board(config)
    import wandb

    path = run_dir / WANDB
    if anew or not path.is_file():
        path.write_text(uuid.uuid4().hex, encoding="utf-8")
    run = wandb.init(
        project=config.training.wandb,
        name=run_dir.resolve().name,
        id=path.read_text(encoding="utf-8"),
        resume="allow",
        dir=str(run_dir),
        config=dataclasses.asdict(config),
    )
    # Steps count what a person looks along, also where a run goes on from an earlier one.
    run.define_metric("*", step_metric="step")
    return run


def read_record(run_dir: Path) -> list[dict[str, float]]:
    """The lines of ``metrics.jsonl`` in order; none when there is no record."""
    path = run_dir / "metrics.jsonl"
    if not path.is_file():
        return []
    lines = []
    for text in path.read_text(encoding="utf-8").splitlines():
        with contextlib.suppress(json.JSONDecodeError):
            lines.append(json.loads(text))
    return lines


def read_marks(run_dir: Path) -> dict[int, dict[str, float]]:
    """Step to what the evaluation on the way measured there, as far as the record has it."""
    found: dict[int, dict[str, float]] = {}
    for line in read_record(run_dir):
        if marks := {name: line[name] for name in MARKS if name in line}:
            found[int(line["step"])] = marks
    return found
