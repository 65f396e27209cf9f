"""The device mesh, and how the rows of a batch lie on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from stylejax.config import Config, ConfigError

Tree = TypeVar("Tree")
AXES = ("data", "fsdp", "tensor")


def make_mesh(
    data: int = 0,
    fsdp: int = 1,
    tensor: int = 1,
    *,
    devices: Sequence[Any] | None = None,
) -> Mesh:
    """A mesh with the axes `data`, `fsdp` and `tensor` over the first devices.

    Args:
      data: groups of devices that hold the weights once each; 0 = as many as there are devices.
      fsdp: devices that divide weights and rows among them.
      tensor: devices that divide weights and work on the same rows; neighbours, within a host.
      devices: to choose from; None: all that there are.

    Raises:
      ConfigError: when there are fewer devices than asked for, or 0 does not come out even.
    """
    available = jax.devices() if devices is None else devices
    group = fsdp * tensor
    asked = f"mesh.fsdp {fsdp} times mesh.tensor {tensor}"
    if data == 0 and len(available) % group:
        raise ConfigError(
            f"{len(available)} devices cannot be divided into groups of {asked}; "
            "set mesh.data to how many groups there are, or choose divisors"
        )
    count = (data or len(available) // group) * group
    if count > len(available):
        raise ConfigError(
            f"mesh.data {data} times {asked} is {count} devices, but there are {len(available)}; "
            "lower them, or set mesh.data 0"
        )
    mesh = jax.make_mesh(
        (count // group, fsdp, tensor),
        AXES,
        axis_types=(AxisType.Auto,) * len(AXES),
        devices=available[:count],
    )
    _require_own_rows(mesh, available)
    return mesh


def mesh_of(config: Config, devices: Sequence[Any] | None = None) -> Mesh:
    """The mesh that a run asks for, over which its batches divide.

    Args:
      config: the run.
      devices: to choose from; None: all that there are.

    Raises:
      ConfigError: when the mesh does not come out even, or a batch does not divide over it.
    """
    mesh = make_mesh(config.mesh.data, config.mesh.fsdp, config.mesh.tensor, devices=devices)
    for setting, size in config.training.batch_sizes:
        require_divisible(size, mesh, setting, parts=config.training.micro_batches)
    return mesh


def _require_own_rows(mesh: Mesh, available: Sequence[Any]) -> None:
    """Raises ConfigError when hosts could not each bring as many rows of a batch, of their own.

    Args:
      mesh: of some devices.
      available: all that it could have been made of.
    """
    hosts = np.vectorize(lambda device: device.process_index)(mesh.devices)
    tensor = mesh.shape["tensor"]
    if (hosts != hosts[..., :1]).any():
        raise ConfigError(
            f"mesh.tensor {tensor} would divide layers between devices of several hosts, which "
            "bring rows of their own; choose a smaller one, such as 1 or 2"
        )
    counts = np.unique(hosts, return_counts=True)[1]
    everybody = len({device.process_index for device in available})
    if len(counts) < everybody or len(set(counts.tolist())) > 1:
        raise ConfigError(
            f"the mesh takes {', '.join(map(str, counts))} devices of {len(counts)} of "
            f"{everybody} hosts, which are to bring as many rows each; set mesh.data 0, or so that "
            "all of them have a part"
        )


def replicated(mesh: Mesh) -> NamedSharding:
    """The same array on every device."""
    return NamedSharding(mesh, PartitionSpec())


def by_row(mesh: Mesh) -> NamedSharding:
    """Axis 0 divided over the devices, those along `tensor` alike."""
    return NamedSharding(mesh, PartitionSpec(("data", "fsdp")))


def by_memory_row(mesh: Mesh) -> NamedSharding:
    """Axis 2, the rows of remembered batches, divided over all devices."""
    return NamedSharding(mesh, PartitionSpec(None, None, AXES))


def require_divisible(rows: int, mesh: Mesh, setting: str, *, parts: int = 1) -> None:
    """Raises ConfigError when a batch cannot be divided over the mesh, with both numbers.

    Args:
      rows: of the batch.
      mesh: devices.
      setting: what says how many rows there are.
      parts: that each device encodes its rows in, one after the other.
    """
    if rows % mesh.size:
        raise ConfigError(
            f"{setting} {rows} cannot be divided over {mesh.size} devices; make it a multiple, or "
            "set mesh.data"
        )
    shards = mesh.shape["data"] * mesh.shape["fsdp"]
    if rows % (shards * parts):
        raise ConfigError(
            f"{setting} {rows} is {rows // shards} rows on each of {shards} devices, which cannot "
            f"be divided into training.micro_batches {parts}; make it a multiple of "
            f"{shards * parts}"
        )


def local_rows(mesh: Mesh, rows: int) -> np.ndarray:
    """Which rows of a batch of so many lie on this host's devices, in their order."""
    slices = by_row(mesh).addressable_devices_indices_map((rows,)).values()
    return np.unique(np.concatenate([np.arange(rows)[index] for index in slices if index]))


def place(mesh: Mesh, batch: Tree) -> Tree:
    """Puts this host's rows of a batch onto its devices, divided by row.

    Raises:
      ConfigError: when the rows do not divide by the devices, with both numbers.
    """
    local = len(mesh.local_devices) // mesh.shape["tensor"]

    def put(rows: np.ndarray) -> jax.Array:
        if rows.shape[0] % local:
            raise ConfigError(
                f"a batch of {rows.shape[0]} rows cannot be divided over {local} devices; make "
                "training.batch_size a multiple, or lower mesh.data"
            )
        return jax.make_array_from_process_local_data(by_row(mesh), rows)

    return jax.tree.map(put, batch)
