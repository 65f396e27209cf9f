"""Orbax checkpoints that hold all that resuming and encoding need: weights, config, tokenizer."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from orbax.checkpoint import v1 as ocp

from stylejax.config import Config, ConfigError, from_json, to_json
from stylejax.encoder import Parameters
from stylejax.origin import Origin
from stylejax.training.digest import require_same_data, weights_digest
from stylejax.training.mesh import replicated
from stylejax.training.run_folder import CHECKPOINTS, require_same_config, require_step
from stylejax.training.step import TrainState, exported

NO_DAMAGE = (ConfigError, MemoryError, PermissionError)  # a checkpoint may be whole all the same
UNREADABLE = "unreadable"  # where damaged checkpoints go, in the run's folder


class Checkpoints:
    """The checkpoints of one run, newest kept; saving goes on beside training."""

    def __init__(self, run_dir: str | Path, keep: int = 1, keep_every: int = 0):
        """Opens the folder.

        Args:
          run_dir: the run's folder.
          keep: how many of the newest stay.
          keep_every: those of multiples of so many steps stay as well; 0 = none.
        """
        self.run_dir = Path(run_dir)
        self.folder = self.run_dir.resolve() / CHECKPOINTS
        policies = ocp.training.preservation_policies
        kept: list[Any] = [policies.LatestN(keep)]
        if keep_every:
            kept.append(policies.EveryNSteps(keep_every))
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
    ) -> None:
        """Starts saving; `close` waits for it.

        Args:
          state: written as it is now.
          config: the run's settings.
          tokenizer: JSON definition of the tokenizer.
          vocab_size: its number of ids.
          data: what `data_digest` gave for the pairs and the catalogue; None = is not kept.
        """
        encoder = dict(exported(state))
        self._checkpointer.save_checkpointables_async(
            int(state.step),
            {
                "encoder": encoder,
                "training": _training(state),
            },
            custom_metadata={
                "config": to_json(config),
                "tokenizer": tokenizer,
                "vocab_size": vocab_size,
                "data": dict(data or {}),
                "weights": weights_digest(encoder),
            },
            force=True,
        )

    def restore(
        self, like: TrainState, config: Config, data: Mapping[str, str] | None = None
    ) -> TrainState:
        """The newest checkpoint's state, on the devices of `like`.

        One that is damaged is set aside into ``unreadable/`` in the run's folder, with a message,
        and the one before it is taken.

        Args:
          like: a state of the same shapes.
          config: the run that goes on.
          data: what `data_digest` gives for its pairs and its catalogue; None = is not checked.

        Raises:
          ConfigError: when there is none that can be read, or its config differs in a setting
            that matters, listing the differences, or it was trained on other data, saying on which.
        """
        self._require()
        damaged: dict[int, Exception] = {}
        for step in sorted((kept.step for kept in self._checkpointer.checkpoints), reverse=True):
            try:
                state = self._restored(step, like, config, data)
            except NO_DAMAGE:
                raise
            except Exception as error:  # Orbax and TensorStore raise what they like
                if "RESOURCE_EXHAUSTED" in str(error):  # the devices' memory
                    raise
                damaged[step] = error
                continue
            self._set_aside(damaged, step)
            return state
        told = "; ".join(f"step {step}: {_first_line(e)}" for step, e in damaged.items())
        raise ConfigError(
            f"no checkpoint in {self.folder} can be read ({told}); put copies in their places, or "
            "start anew with --restart, which removes them"
        )

    def _restored(
        self, step: int, like: TrainState, config: Config, data: Mapping[str, str] | None
    ) -> TrainState:
        """One checkpoint's state."""
        metadata: Any = self._checkpointer.checkpointables_metadata(step)
        kept = metadata.custom_metadata
        require_same_config(from_json(kept["config"]), config, self.folder)
        require_same_data(kept.get("data", {}), data or {}, self.folder)
        abstract = jax.tree.map(
            lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding), like
        )
        wanted = {"training": _training(abstract)}
        if abstract.average:
            wanted["encoder"] = abstract.average
        _require_same_names(
            metadata.metadata["training"]["parameters"], like.parameters, self.folder
        )
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

    def _set_aside(self, damaged: Mapping[int, Exception], used: int) -> None:
        """Moves damaged checkpoints out of the way of those that are saved next."""
        for step, error in damaged.items() if jax.process_index() == 0 else ():
            there = self.folder.parent / UNREADABLE / str(step)
            there.parent.mkdir(exist_ok=True)
            if there.exists():
                shutil.rmtree(there)
            (self.folder / str(step)).rename(there)
            print(
                f"the checkpoint of step {step} cannot be read ({_first_line(error)}) and lies in "
                f"{there} now; going on from step {used}",
                file=sys.stderr,
                flush=True,
            )
        if damaged:
            self._checkpointer.reload()

    def config(self) -> Config:
        """The config that the newest checkpoint was made with."""
        return from_json(self._metadata()["config"])

    def tokenizer(self) -> str:
        """JSON definition of the tokenizer that the run's checkpoints were made with."""
        for kept in sorted(self._checkpointer.checkpoints, key=lambda kept: -kept.step):
            with contextlib.suppress(Exception):  # a damaged one: those before it know it too
                return self._metadata(kept.step)["tokenizer"]
        return self._metadata()["tokenizer"]

    def vocab_size(self) -> int:
        """That tokenizer's number of ids."""
        return self._metadata()["vocab_size"]

    def origin(self) -> Origin:
        """What is made of the newest checkpoint keeps this to be known by."""
        metadata = self._metadata()
        trained_on = [metadata["config"], *sorted(metadata.get("data", {}).values())]
        digest = hashlib.sha256("\n".join(trained_on).encode()).hexdigest()
        # A checkpoint of an earlier version says nothing of its weights.
        weights = metadata.get("weights", "")
        return Origin(self.folder.parent.name, self._require(), digest, weights)

    def encoder(self, shapes: Mapping[str, jax.ShapeDtypeStruct], mesh: Mesh) -> Parameters:
        """The newest checkpoint's encoder weights, on every device of the mesh."""
        abstract = {
            name: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=replicated(mesh))
            for name, x in shapes.items()
        }
        step = self._require()
        saved = cast(Any, self._checkpointer.checkpointables_metadata(step).metadata)["encoder"]
        _require_same_names(saved, abstract, self.folder)
        return self._checkpointer.load_checkpointables(step, {"encoder": abstract})["encoder"]

    def loss_parameters(self, mesh: Mesh) -> Parameters:
        """The newest checkpoint's weights of the loss, such as its temperature; maybe none."""
        step = self._require()
        metadata = cast(Any, self._checkpointer.checkpointables_metadata(step).metadata)
        abstract = {
            name: jax.ShapeDtypeStruct((), jnp.float32, sharding=replicated(mesh))
            for name in metadata["training"]["parameters"]
            if name.startswith("loss/")
        }
        if not abstract:
            return {}
        context = ocp.Context()
        context.pytree.loading.partial_load = True
        with context:
            wanted = {"training": {"parameters": abstract}}
            loaded = self._checkpointer.load_checkpointables(step, wanted)
        return loaded["training"]["parameters"]

    def close(self) -> None:
        """Waits until what was saved is on disk."""
        self._checkpointer.close()

    def _require(self) -> int:
        return require_step(self.run_dir, self.latest())

    def _metadata(self, step: int | None = None) -> dict[str, Any]:
        step = self._require() if step is None else step
        metadata = self._checkpointer.checkpointables_metadata(step).custom_metadata
        return cast(dict[str, Any], metadata)


def _require_same_names(saved: Mapping[str, Any], wanted: Mapping[str, Any], folder: Path) -> None:
    """Raises ConfigError when a checkpoint has weights of other names than are wanted."""
    if odd := sorted(set(saved) ^ set(wanted)):
        raise ConfigError(
            f"the checkpoint in {folder} was made by another version: its weights differ in "
            f"{', '.join(odd[:5])}. Train again, or use the version that made it"
        )


def _first_line(error: Exception) -> str:
    """What an error says, as far as one line goes."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def _training(state: TrainState) -> dict[str, Any]:
    """What of a state training alone needs."""
    kept = {"parameters": state.parameters, "optimizer": state.optimizer}
    further = {"memory": state.memory, "usual": state.usual}
    return kept | {name: x for name, x in further.items() if x is not None}
