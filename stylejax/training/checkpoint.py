"""Orbax checkpoints that hold all that resuming and encoding need: written, and gone on from."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from orbax.checkpoint import v1 as ocp

from stylejax.config import Config, ConfigError, from_json, to_json
from stylejax.training.digest import changed_data, require_same_data, weights_digest
from stylejax.training.hosts import all_hosts, first_host, wait_for_hosts
from stylejax.training.run_folder import (
    CHECKPOINTS,
    changed_settings,
    newest_step,
    require_same_config,
    require_step,
    steps,
)
from stylejax.training.snapshot import require_same_shapes, require_same_weights
from stylejax.training.step import TrainState, exported
from stylejax.training.stop import NotSaved

NO_DAMAGE = (ConfigError, MemoryError, PermissionError)  # a checkpoint may be whole all the same
# Settings that decide which arrays a checkpoint holds.
HELD = ("training.optimizer:", "training.rules", "loss.memory:", "loss.form:")
OS_ERROR = re.compile(r"os_error_code='(\d+)'")  # as TensorStore tells it
UNREADABLE = "unreadable"  # where damaged checkpoints go, in the run's folder


class Checkpoints:
    """The checkpoints of one run; saving goes on beside training."""

    def __init__(self, run_dir: str | Path, keep: int = 1, keep_every: int = 0, best: str = ""):
        """Opens the folder.

        Args:
          run_dir: the run's folder.
          keep: how many of the newest stay.
          keep_every: those of multiples of so many steps stay as well; 0 = none.
          best: metric of which the checkpoint with the largest value stays as well; "" = none.
        """
        self.run_dir = Path(run_dir)
        self.folder = self.run_dir.resolve() / CHECKPOINTS
        self._set_unmarked_aside()
        policies = ocp.training.preservation_policies
        kept: list[Any] = [policies.LatestN(keep)]
        if keep_every:
            kept.append(policies.EveryNSteps(keep_every))
        if best:
            kept.append(
                policies.BestN(
                    get_metric_fn=lambda metrics: metrics.get(best, float("-inf")),
                    n=1,
                    keep_checkpoints_without_metrics=False,
                )
            )
        self._checkpointer = ocp.training.Checkpointer(
            str(self.folder),
            preservation_policy=policies.AnyPreservationPolicy(kept),  # pyright: ignore[reportArgumentType]
        )

    def latest(self) -> int | None:
        """The newest complete checkpoint's step, or None."""
        newest = self._checkpointer.latest
        return None if newest is None else newest.step

    def save(
        self,
        state: TrainState,
        config: Config,
        tokenizer: str,
        vocab_size: int,
        data: Mapping[str, str] | None = None,
        metrics: Mapping[str, float] | None = None,
        *,
        measured: Mapping[str, Mapping[str, float]] | None = None,
    ) -> None:
        """Starts saving; `close` waits for it.

        Args:
          state: written as it is now.
          config: the run's settings.
          tokenizer: JSON definition of the tokenizer.
          vocab_size: its number of ids.
          data: what `data_digest` gave for the pairs and the catalogue; None = is not kept.
          metrics: what was measured at this step, for the choice of the best.
          measured: step to what was measured there, of all the run so far; None = nothing ever is.

        Raises:
          NotSaved: when this one, or the one before it, cannot be written.
        """
        encoder = dict(exported(state))
        kept: Any = {
            "config": to_json(config),
            "tokenizer": tokenizer,
            "vocab_size": vocab_size,
            "data": dict(data or {}),
            "weights": weights_digest(encoder),
            "measured": measured and {step: dict(x) for step, x in measured.items()},
        }
        with self._writing():
            self._checkpointer.save_checkpointables_async(
                int(state.step),
                {
                    "encoder": encoder,
                    "training": _training(state),
                },
                custom_metadata=kept,
                metrics=dict(metrics) if metrics else None,
                force=True,
            )

    def restore(
        self,
        like: TrainState,
        config: Config,
        data: Mapping[str, str] | None = None,
        *,
        overriding: bool = False,
    ) -> TrainState:
        """The newest checkpoint's state, on the devices of `like`.

        One that is damaged is set aside into ``unreadable/`` in the run's folder, with a message,
        and the one before it is taken.

        Args:
          like: a state of the same shapes.
          config: the run that goes on.
          data: what `data_digest` gives for its pairs and its catalogue; None = is not checked.
          overriding: take it although its settings or data differ, and print what does.

        Raises:
          ConfigError: when there is none that can be read, or its config differs in a setting
            that matters, listing the differences, or it was trained on other data, saying on
            which; or its arrays are not those of the config.
        """
        self._require()
        damaged: dict[int, Exception] = {}
        for step in sorted((kept.step for kept in self._checkpointer.checkpoints), reverse=True):
            state = None
            try:
                state = self._restored(step, like, config, data, overriding=overriding)
            except NO_DAMAGE:
                raise
            except Exception as error:  # Orbax and TensorStore raise what they like
                if "RESOURCE_EXHAUSTED" in str(error):  # the devices' memory
                    raise
                damaged[step] = error
            if all_hosts(state is not None) and state is not None:
                self._set_aside(damaged, step)
                return state
            damaged.setdefault(step, OSError("another host cannot read it"))
        told = "; ".join(f"step {step}: {_first_line(e)[:200]}" for step, e in damaged.items())
        raise ConfigError(
            f"no checkpoint in {self.folder} can be read ({told}); put copies in their places, or "
            "start anew with --restart, which removes them"
        )

    def _restored(
        self,
        step: int,
        like: TrainState,
        config: Config,
        data: Mapping[str, str] | None,
        *,
        overriding: bool,
    ) -> TrainState:
        """One checkpoint's state."""
        metadata: Any = self._checkpointer.checkpointables_metadata(step)
        kept = metadata.custom_metadata
        saved, trained_on = from_json(kept["config"]), kept.get("data", {})
        if overriding:
            told = [*changed_settings(saved, config)]
            told += [f"other {name}" for name in changed_data(trained_on, data or {})]
            if fixed := [line for line in told if _holds_other_arrays(line)]:
                raise ConfigError(
                    f"the checkpoint in {self.folder} holds what belongs to other settings: "
                    f"{'; '.join(fixed)}. These cannot be overridden; a new run can start from its "
                    "weights (stylejax save-pretrained)"
                )
            if told and first_host():
                print(f"going on with {'; '.join(told)}", file=sys.stderr, flush=True)
        else:
            require_same_config(saved, config, self.folder)
            require_same_data(trained_on, data or {}, self.folder)
        abstract = jax.tree.map(
            lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding), like
        )
        wanted = {"training": _training(abstract)}
        if abstract.average:
            wanted["encoder"] = abstract.average
        require_same_weights(
            metadata.metadata["training"]["parameters"], like.parameters, self.folder
        )
        for name, mine in (("memory", like.memory), ("optimizer", like.optimizer)):
            require_same_shapes(name, metadata.metadata["training"].get(name), mine, self.folder)
        # Whether spikes are looked for may differ from the run that made the checkpoint.
        wanted["training"].pop("usual", None)
        if "usual" in metadata.metadata["training"]:
            where = like.step.sharding
            wanted["training"]["usual"] = jax.ShapeDtypeStruct((), jnp.float32, sharding=where)
        loaded = self._checkpointer.load_checkpointables(step, wanted)
        usual = like.usual
        if usual is not None:
            usual = loaded["training"].get("usual", usual)
        return TrainState(
            jax.device_put(jnp.int32(step), like.step.sharding),
            loaded["training"]["parameters"],
            loaded.get("encoder", {}),
            loaded["training"]["optimizer"],
            loaded["training"].get("memory"),
            usual,
        )

    def _set_unmarked_aside(self) -> None:
        """Moves away checkpoints whose measurements cannot be read: Orbax reads all of them."""
        damaged: dict[int, Exception] = {}
        for step in steps(self.run_dir):
            path = self.folder / str(step) / "metrics" / "metrics"
            try:
                json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
            except ValueError as error:
                damaged[step] = error
        wait_for_hosts("checkpoints are looked at")  # by all, before one of them is moved
        for step, error in damaged.items() if first_host() else ():
            self._move_away(step, error)
        wait_for_hosts("unmarked checkpoints")

    def _set_aside(self, damaged: Mapping[int, Exception], used: int) -> None:
        """Moves damaged checkpoints out of the way of those that are saved next."""
        for step, error in damaged.items() if first_host() else ():
            self._move_away(step, error, f"; going on from step {used}")
        if damaged:
            wait_for_hosts("damaged checkpoints")
            self._checkpointer.reload()

    def _move_away(self, step: int, error: Exception, then: str = "") -> None:
        there = self.folder.parent / UNREADABLE / str(step)
        there.parent.mkdir(exist_ok=True)
        if there.exists():
            shutil.rmtree(there)
        (self.folder / str(step)).rename(there)
        print(
            f"the checkpoint of step {step} cannot be read ({_first_line(error)[:200]}) and lies "
            f"in {there} now{then}",
            file=sys.stderr,
            flush=True,
        )

    def close(self) -> None:
        """Waits until what was saved is on disk.

        Raises:
          NotSaved: when it cannot be written.
        """
        with self._writing():
            self._checkpointer.close()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """Says what a full disk or a folder that takes no files means for the run."""
        try:
            yield
        except Exception as error:  # from Orbax's threads, and TensorStore's C++ in them
            told = OS_ERROR.search(str(error))
            code = error.errno if isinstance(error, OSError) else told and int(told[1])
            if not code:
                raise
            newest = newest_step(self.run_dir)
            before = "there is none before it" if newest is None else f"step {newest} is whole"
            raise NotSaved(
                f"a checkpoint cannot be written into {self.folder}: {os.strerror(code)}; "
                f"{before}. Make room and go on with --resume"
            ) from error

    def _require(self) -> int:
        return require_step(self.run_dir, self.latest())


def _holds_other_arrays(line: str) -> bool:
    """Whether a difference, ``field: old -> new``, is one of which arrays a checkpoint has."""
    averages = line.startswith("training.ema:") and ("0.0 ->" in line or line.endswith("-> 0.0"))
    return averages or line.startswith(HELD)


def _first_line(error: Exception) -> str:
    """What an error says, as far as one line goes."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _training(state: TrainState) -> dict[str, Any]:
    """What of a state training alone needs."""
    kept = {"parameters": state.parameters, "optimizer": state.optimizer}
    further = {"memory": state.memory, "usual": state.usual}
    return kept | {name: x for name, x in further.items() if x is not None}
