"""Steps whose loss is no number, or far above the usual, and the listings of their batches."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float32, Int32

from stylejax.batch import PairBatch
from stylejax.config import TrainingConfig
from stylejax.training.hosts import first_host, gathered, wait_for_hosts

FILE = "bad_batches.jsonl"  # in the run's folder
IN_A_ROW = 20  # steps left out one after the other, after which it is no matter of batches
INERTIA = 0.98  # of the running mean that a spike is measured by


def is_bad(
    config: TrainingConfig,
    loss: Float32[Array, ""],
    norm: Float32[Array, ""],
    usual: Float32[Array, ""] | None,
    step: Int32[Array, ""],
) -> Bool[Array, ""]:
    """Whether a step went wrong.

    Args:
      config: `spike` says how far above the usual a loss may be once the rate has warmed up.
      loss: of the step.
      norm: of its gradient.
      usual: running mean of the losses before it, 0 = not known yet; None where no spike is
        looked for.
      step: steps done before it.
    """
    bad = ~(jnp.isfinite(loss) & jnp.isfinite(norm))
    if usual is not None:
        bad |= (step >= config.warmup_steps) & (usual > 0) & (loss > config.spike * usual)
    return bad


def next_usual(
    usual: Float32[Array, ""] | None, loss: Float32[Array, ""]
) -> Float32[Array, ""] | None:
    """The running mean after a step."""
    if usual is None:
        return None
    return jnp.where(usual == 0, loss, INERTIA * usual + (1 - INERTIA) * loss)


class BadSteps:
    """Looks at steps some time after they were taken, so that none is waited for.

    What `training.bad_steps` says happens to the run; in any case the batch is written down.
    """

    def __init__(
        self, run_dir: Path, config: TrainingConfig, item_ids: Sequence[str] | None, *, start: int
    ):
        """Opens the list; lines of later steps than `start` are undone and go.

        Args:
          run_dir: the run's folder.
          config: the policy.
          item_ids: by the numbers that batches have for listings; None: the numbers are written.
          start: steps that are done.
        """
        self._path, self._config, self._ids = run_dir / FILE, config, item_ids
        self._waiting: list[tuple[int, Mapping[str, jax.Array], Any, Any]] = []
        self._in_a_row = 0
        kept = [line for line in read_bad_batches(run_dir) if line["step"] <= start]
        self.skipped = len(kept)
        wait_for_hosts("bad batches")  # all have read them
        if not first_host():
            return
        if kept:
            whole = self._path.with_suffix(".new")
            whole.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")
            whole.replace(self._path)
        else:
            self._path.unlink(missing_ok=True)

    def note(self, step: int, metrics: Mapping[str, jax.Array], batch: PairBatch) -> None:
        """Remembers a step that runs, until `check` looks at it."""
        kept = {name: metrics[name] for name in ("bad", "loss")}
        self._waiting.append((step, kept, batch.left_item, batch.right_item))

    def check(self) -> None:
        """Waits for the steps that were noted and writes down the bad ones.

        Raises:
          FloatingPointError: with the first bad step and the file that names its listings; where
            bad steps are skipped, only after `IN_A_ROW` of them.
        """
        waiting, self._waiting = self._waiting, []
        for step, metrics, left, right in waiting:
            if not float(metrics["bad"]):
                self._in_a_row = 0
                continue
            loss = float(metrics["loss"])
            self._write(step, loss, left, right)
            self.skipped += 1
            self._in_a_row += 1
            if self._config.bad_steps == "stop":
                raise FloatingPointError(
                    f"the loss is {loss:.4g} at step {step}, whose listings are in {self._path}; "
                    "leave such batches out with --resume --training.bad-steps skip, or start anew "
                    "with a lower training.learning_rate or training.clip_norm"
                )
            if self._in_a_row >= IN_A_ROW:
                raise FloatingPointError(
                    f"{IN_A_ROW} steps one after the other were left out, the last one {step} with "
                    f"a loss of {loss:.4g}: it is not their batches ({self._path}); raise "
                    "training.spike, or start anew with a lower training.learning_rate"
                )

    def _write(self, step: int, loss: float, left: Any, right: Any) -> None:
        pairs = zip(self._named(left), self._named(right), strict=True)
        if not first_host():
            return
        # JSON has no word for what is no number.
        told = loss if np.isfinite(loss) else str(loss)
        line = {"step": step, "loss": told, "pairs": [list(pair) for pair in pairs]}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def _named(self, numbers: Any) -> list[Any]:
        """Ids of the listings of the batch."""
        return [int(n) if self._ids is None else self._ids[int(n)] for n in gathered(numbers)]


def read_bad_batches(run_dir: Path) -> list[dict[str, Any]]:
    """Lines ``{"step", "loss", "pairs": [[left id, right id], ...]}``; none where all went well."""
    path = run_dir / FILE
    if not path.is_file():
        return []
    lines = []
    for text in path.read_text(encoding="utf-8").splitlines():
        with contextlib.suppress(json.JSONDecodeError):  # the last one of a run that was killed
            lines.append(json.loads(text))
    return lines
