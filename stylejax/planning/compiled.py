"""A plan from a run's step, compiled for devices that need not be there."""

from __future__ import annotations

import math
import re
import sys
import time
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from stylejax.batch import PairBatch
from stylejax.config import Config
from stylejax.cost.chips import Chip, chip_of
from stylejax.cost.work import products_of
from stylejax.losses import sharded_loss_unit
from stylejax.planning.collectives import collectives_of
from stylejax.planning.plan import Memory, Plan
from stylejax.training.mesh import by_memory_row, by_row, mesh_of, replicated
from stylejax.training.program import batch_shapes, model_flops
from stylejax.training.step import (
    TrainState,
    make_train_step,
    state_layout,
)

# What the compiler says of a program that is too large; there is no other way to ask it. Where the
# temporary arrays alone are, it says how large these are.
SIZE = r"([\d.]+)([KMGT])"
TOO_LARGE = re.compile(
    rf"Used {SIZE} of {SIZE} hbm|temporaries \({SIZE}\) exceeds available HBM \({SIZE}\)"
)
UNITS = {"K": 2.0**10, "M": 2.0**20, "G": 2.0**30, "T": 2.0**40}


def make_plan(config: Config, vocab_size: int, devices: Sequence[Any]) -> Plan:
    """Compiles a run's step for devices, which need not be there.

    Args:
      config: the run.
      vocab_size: number of token ids.
      devices: see `plan_devices`.

    Raises:
      ConfigError: when the mesh or the batch does not divide over the devices.
    """
    mesh = mesh_of(config, devices)
    create, step = make_train_step(config, vocab_size, mesh)
    state, batch = jax.eval_shape(create), batch_shapes(config)
    traced: Any = step
    traced = traced.trace(state, batch)
    begun = time.monotonic()
    chip = chip_of(devices[0].device_kind)
    compiled, needed, limit = _compiled(traced.lower(), chip, devices[0])
    layout = state_layout(state, config, mesh)
    temporary = loss = None
    collectives = None
    if compiled is not None:
        account = compiled.memory_analysis()
        temporary = float(account.temp_size_in_bytes)
        needed = temporary + float(
            account.argument_size_in_bytes
            + account.output_size_in_bytes
            - account.alias_size_in_bytes
            + account.generated_code_size_in_bytes
        )
        loss = _loss_alone(config, mesh, state, batch)
        try:
            collectives = collectives_of(compiled.as_text())
        except ValueError as error:  # the rest of a plan that took minutes is worth having
            print(f"messages are not counted: {error}", file=sys.stderr)
    held = _bytes(batch, jax.tree.map(lambda _: by_row(mesh), batch))
    memory = Memory(
        parameters=_bytes(state.parameters, layout.parameters),
        average=_bytes(state.average, layout.average),
        optimizer=_bytes(state.optimizer, layout.optimizer),
        remembered=_bytes(state.memory, layout.memory),
        batch=held,
        waiting=held,
        temporary=temporary,
        loss=loss,
        needed=needed + held,
        limit=limit,
    )
    return Plan(
        kind=devices[0].device_kind,
        mesh=dict(mesh.shape),
        pairs=config.training.largest_batch,
        parts=config.training.micro_batches,
        parameters=sum(x.size for x in state.parameters.values()),
        memory=memory,
        products=products_of(traced.jaxpr),
        model_flops=model_flops(config, vocab_size, mesh, batch),
        collectives=collectives,
        chip=chip,
        compile_seconds=time.monotonic() - begun,
    )


def _compiled(lowered: Any, chip: Chip | None, device: Any) -> tuple[Any, float, float | None]:
    """The compiled program, or None and what it would need; and what there is."""
    limit = chip.memory if chip else None
    try:
        stats = device.memory_stats() if device.platform == "gpu" else None
    except jax.errors.JaxRuntimeError:  # a device that is not there
        stats = None
    if stats and "bytes_limit" in stats:
        limit = float(stats["bytes_limit"])
    try:
        return lowered.compile(), 0.0, limit
    except jax.errors.JaxRuntimeError as error:
        if (said := TOO_LARGE.search(str(error))) is None:
            raise
        used, unit, there, its = (x for x in said.groups() if x is not None)
        return None, float(used) * UNITS[unit], float(there) * UNITS[its]


def _bytes(arrays: Any, layout: Any) -> float:
    """Bytes a device."""

    def size(x: Any, where: Any) -> float:
        return float(math.prod(where.shard_shape(x.shape)) * x.dtype.itemsize)

    return sum(jax.tree.leaves(jax.tree.map(size, arrays, layout)))


def _loss_alone(config: Config, mesh: Mesh, state: TrainState, batch: PairBatch) -> float:
    """Temporary bytes of the loss and its gradients without the encoder."""
    rows, dim = config.training.largest_batch, config.encoder.dim
    vector = jax.ShapeDtypeStruct((rows, dim), jnp.float32)
    there = jax.ShapeDtypeStruct((rows,), jnp.bool_)
    sides = [{v: vector for v in sorted(views)} for views in config.loss.views]
    present = [{v: there for v in side} for side in sides]

    def loss(sides: Any, present: Any, batch: tuple, memory: Any) -> Any:
        (left, right), (left_group, right_group, weight) = sides, batch
        return sharded_loss_unit(
            mesh,
            left,
            right,
            config.loss,
            left_present=present[0],
            right_present=present[1],
            left_groups=left_group,
            right_groups=right_group,
            weights=weight,
            memory=memory,
            scale=10.0,
            bias=0.0,
        )[0]

    rest = batch.left_group, batch.right_group, batch.weight
    kept: Any = jax.tree.map(lambda _: by_memory_row(mesh), state.memory)
    row = by_row(mesh)
    program = jax.jit(
        jax.value_and_grad(loss),
        in_shardings=(row, row, row, kept),
        out_shardings=(replicated(mesh), row),
    )
    compiled = program.lower(sides, present, rest, state.memory).compile()
    account: Any = compiled.memory_analysis()
    return float(account.temp_size_in_bytes)
