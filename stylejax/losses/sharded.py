"""The loss unit over a batch that is divided over the devices of a mesh."""

from __future__ import annotations

from typing import Any

import jax
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import Array, Float, Float32

from stylejax.config import LossConfig
from stylejax.losses.memory import Memory
from stylejax.losses.similarity import Groups
from stylejax.losses.unit import Presence, Views, Weights, contrastive_loss_unit


def sharded_loss_unit(
    mesh: Mesh,
    left: Views,
    right: Views,
    options: LossConfig,
    *,
    left_present: Presence,
    right_present: Presence,
    left_groups: Groups = None,
    right_groups: Groups = None,
    weights: Weights = None,
    memory: Memory | None = None,
    scale: float | Float[Array, ""] = 1.0,
    bias: float | Float[Array, ""] = 0.0,
) -> tuple[Float32[Array, ""], dict[str, Float32[Array, ""]]]:
    """`contrastive_loss_unit` of the whole batch, each device at work on its own rows.

    Vectors go round the devices in a ring; no device ever holds those of all.

    Args:
      mesh: every axis of it divides the batch; the number of rows is a multiple of its size.
      left: as in `contrastive_loss_unit`, divided over the mesh by row, like all that follows.
      right: likewise.
      options: likewise.
      left_present: likewise.
      right_present: likewise.
      left_groups: likewise; None: all rows differ.
      right_groups: likewise.
      weights: likewise.
      memory: likewise, its batches divided over the mesh by row.
      scale: likewise, the same on all devices.
      bias: likewise.

    Returns:
      The total and every named part, the same on all devices.
    """
    rows = {
        "left": left,
        "right": right,
        "left_present": left_present,
        "right_present": right_present,
        "left_groups": left_groups,
        "right_groups": right_groups,
        "weights": weights,
    }
    axes = mesh.axis_names if mesh.size > 1 else ()

    def unit(rows: dict[str, Any], memory: Any, scale: Any, bias: Any) -> tuple[Any, Any]:
        return contrastive_loss_unit(
            **rows, memory=memory, options=options, scale=scale, bias=bias, axes=axes
        )

    if not axes:
        return unit(rows, memory, scale, bias)
    divided, kept, equal = PartitionSpec(axes), PartitionSpec(None, None, axes), PartitionSpec()
    specs = divided, kept, equal, equal
    return jax.shard_map(unit, mesh=mesh, in_specs=specs, out_specs=equal)(
        rows, memory, scale, bias
    )
