"""The device mesh and where arrays live on it."""

from __future__ import annotations

from typing import TypeVar

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from stylejax.config import ConfigError

Tree = TypeVar("Tree")


def make_mesh(devices: int = 0) -> Mesh:
    """A mesh with one axis `data` over the first `devices` devices; 0 = all of them.

    Raises:
      ConfigError: when there are fewer devices than asked for.
    """
    available = jax.devices()
    count = devices or len(available)
    if count > len(available):
        raise ConfigError(
            f"training.devices is {count} but there are {len(available)}; lower it, or set 0"
        )
    return jax.make_mesh(
        (count,), ("data",), axis_types=(AxisType.Auto,), devices=available[:count]
    )


def replicated(mesh: Mesh) -> NamedSharding:
    """The same array on every device."""
    return NamedSharding(mesh, PartitionSpec())


def by_row(mesh: Mesh) -> NamedSharding:
    """Axis 0 divided over the mesh's `data` axis."""
    return NamedSharding(mesh, PartitionSpec("data"))


def by_memory_row(mesh: Mesh) -> NamedSharding:
    """Axis 2 divided over the mesh's `data` axis: the rows of remembered batches."""
    return NamedSharding(mesh, PartitionSpec(None, None, "data"))


def require_divisible(rows: int, mesh: Mesh, setting: str) -> None:
    """Raises ConfigError when a batch cannot be divided over the mesh, with both numbers."""
    if rows % mesh.size:
        raise ConfigError(
            f"{setting} {rows} cannot be divided over {mesh.size} devices; make it a multiple, or "
            "set training.devices"
        )


def place(mesh: Mesh, batch: Tree) -> Tree:
    """Puts this host's rows of a batch onto its devices, divided by row.

    Raises:
      ConfigError: when the rows do not divide by the devices, with both numbers.
    """
    local = len(mesh.local_devices)

    def put(rows: np.ndarray) -> jax.Array:
        if rows.shape[0] % local:
            raise ConfigError(
                f"a batch of {rows.shape[0]} rows cannot be divided over {local} devices; make "
                "training.batch_size a multiple, or lower training.devices"
            )
        return jax.make_array_from_process_local_data(by_row(mesh), rows)

    return jax.tree.map(put, batch)
