"""One checkpoint of a run, opened to be read: what encoding needs, and what it is known by."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from typing import Any, cast

import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from orbax.checkpoint import v1 as ocp

from stylejax.config import Config, ConfigError, from_json
from stylejax.encoder import Parameters
from stylejax.origin import Origin
from stylejax.training.mesh import replicated
from stylejax.training.run_folder import CHECKPOINTS, chosen_step, require_step, steps


class Snapshot:
    """What a run was at one step."""

    def __init__(self, run_dir: str | Path, step: int | None = None):
        """Opens a checkpoint; nothing is created.

        Args:
          run_dir: the run's folder.
          step: which; None = the one that stands for the run, see `chosen_step`.

        Raises:
          ConfigError: when there is none.
        """
        self.run = Path(run_dir).resolve()
        self.step = require_step(run_dir, chosen_step(run_dir) if step is None else step)
        self.folder = self.run / CHECKPOINTS / str(self.step)

    @cached_property
    def config(self) -> Config:
        """The settings that it was made with."""
        return from_json(self._kept["config"])

    @property
    def tokenizer(self) -> str:
        """JSON definition of the tokenizer."""
        return self._kept["tokenizer"]

    @property
    def vocab_size(self) -> int:
        """The tokenizer's number of ids."""
        return self._kept["vocab_size"]

    def origin(self) -> Origin:
        """What is made of it keeps this to be known by."""
        trained_on = [self._kept["config"], *sorted(self._kept.get("data", {}).values())]
        digest = hashlib.sha256("\n".join(trained_on).encode()).hexdigest()
        # A checkpoint of an earlier version says nothing of its weights.
        return Origin(self.run.name, self.step, digest, self._kept.get("weights", ""))

    def encoder(self, shapes: Mapping[str, jax.ShapeDtypeStruct], mesh: Mesh) -> Parameters:
        """The encoder's weights, on every device of the mesh.

        Raises:
          ConfigError: when they have other names or shapes.
        """
        require_same_weights(self._metadata.metadata["encoder"], shapes, self.folder)
        abstract = {
            name: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=replicated(mesh))
            for name, x in shapes.items()
        }
        loaded: Any = ocp.load_checkpointables(str(self.folder), {"encoder": abstract})
        return loaded["encoder"]

    def loss_parameters(self, mesh: Mesh) -> Parameters:
        """The weights of the loss, such as its temperature; maybe none."""
        abstract = {
            name: jax.ShapeDtypeStruct((), jnp.float32, sharding=replicated(mesh))
            for name in self._metadata.metadata["training"]["parameters"]
            if name.startswith("loss/")
        }
        if not abstract:
            return {}
        context = ocp.Context()
        context.pytree.loading.partial_load = True
        with context:
            wanted: Any = {"training": {"parameters": abstract}}
            loaded: Any = ocp.load_checkpointables(str(self.folder), wanted)
        return loaded["training"]["parameters"]

    @cached_property
    def _metadata(self) -> Any:
        return ocp.checkpointables_metadata(str(self.folder))

    @property
    def _kept(self) -> Mapping[str, Any]:
        return cast(Mapping[str, Any], self._metadata.custom_metadata)


def require_same_shapes(name: str, saved: Any, wanted: Any, folder: object) -> None:
    """Checks that arrays of a checkpoint are those that training goes on with.

    Args:
      name: of the arrays: memory or optimizer.
      saved: tree of what has a shape; None = there is none.
      wanted: likewise; the order of its leaves may be another.
      folder: of the checkpoint, for the error.

    Raises:
      ConfigError: when they have other shapes.
    """
    had, asked = (sorted(tuple(x.shape) for x in jax.tree.leaves(t)) for t in (saved, wanted))
    if had != asked:
        odd = next((a, b) for a, b in zip_longest(had, asked, fillvalue="none") if a != b)
        raise ConfigError(
            f"the {name} of the checkpoint in {folder} has other shapes than these settings make, "
            f"such as {odd[0]} for {odd[1]}; go on with its settings. A new run can start from its "
            "weights (stylejax save-pretrained)"
        )


def kept_tokenizer(run_dir: str | Path) -> str:
    """JSON definition of the tokenizer of a run's checkpoints, of which some may be damaged.

    Raises:
      ConfigError: when there is none.
    """
    for step in sorted(steps(run_dir), reverse=True):
        with contextlib.suppress(Exception):  # Orbax raises what it likes
            return Snapshot(run_dir, step).tokenizer
    return Snapshot(run_dir, max(steps(run_dir), default=None)).tokenizer


def require_same_weights(saved: Mapping[str, Any], wanted: Mapping[str, Any], folder: Path) -> None:
    """Raises ConfigError when a checkpoint has weights of other names or shapes than are wanted."""
    if odd := sorted(set(saved) ^ set(wanted)):
        raise ConfigError(
            f"the checkpoint in {folder} was made by another version or encoder: its weights "
            f"differ in {', '.join(odd[:5])}. Train again, or use the version that made it"
        )
    for name, x in wanted.items():
        if tuple(saved[name].shape) != tuple(x.shape):
            raise ConfigError(
                f"the checkpoint in {folder} is of another encoder: {name} is "
                f"{tuple(saved[name].shape)}, and here {tuple(x.shape)}; use its settings"
            )
