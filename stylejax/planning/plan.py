"""A run's memory, work and messages on a mesh, from its compiled step."""

from __future__ import annotations

import math
import re
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from stylejax.batch import PairBatch, Products
from stylejax.config import Config, ConfigError
from stylejax.losses import sharded_loss_unit, views_needed
from stylejax.planning.chips import Chip, chip_of
from stylejax.planning.collectives import Collective, collectives_of
from stylejax.planning.work import Work, products_of, total_flops
from stylejax.training.mesh import by_memory_row, by_row, make_mesh, replicated, require_divisible
from stylejax.training.step import (
    LOSS_SCOPE,
    TrainState,
    make_train_step,
    state_layout,
)

# What the compiler says of a program that is too large; there is no other way to ask it.
TOO_LARGE = re.compile(r"Used ([\d.]+)([KMGT]) of ([\d.]+)([KMGT]) hbm")
UNITS = {"K": 2.0**10, "M": 2.0**20, "G": 2.0**30, "T": 2.0**40}
SENDS = {"all-reduce": 2.0}  # a ring sends what it adds up twice; other kinds once


@dataclass(frozen=True)
class Memory:
    """Bytes a chip."""

    parameters: float
    average: float  # of the weights, where `training.ema` asks for it
    optimizer: float
    remembered: float  # vectors of earlier batches, where `loss.memory` asks for them
    batch: float
    temporary: float | None  # what comes and goes within a step; None = the program is too large
    loss: float | None  # of the temporary bytes: those of the loss, compiled alone
    needed: float  # all together, by the compiler's own account
    limit: float | None  # what there is; None = unknown

    @property
    def fits(self) -> bool:
        """Whether there is room for it."""
        return self.temporary is not None and (self.limit is None or self.needed <= self.limit)


@dataclass(frozen=True)
class Plan:
    """What one step of a run takes."""

    kind: str  # of the devices
    mesh: Mapping[str, int]
    pairs: int  # a step
    parts: int  # that a batch is encoded in
    parameters: int  # numbers of the model
    memory: Memory
    products: Sequence[Work]  # of a step, on all devices
    model_flops: float  # of a step whose encoder computes nothing again
    collectives: Mapping[str, Collective] | None  # of a step, a chip; None = are not known
    chip: Chip | None
    compile_seconds: float

    @property
    def devices(self) -> int:
        """How many there are."""
        return math.prod(self.mesh.values())

    def loss_share(self) -> float:
        """Of the FLOPs of all matrix products: those of the contrastive loss."""
        return total_flops(list(self.products), LOSS_SCOPE) / total_flops(list(self.products))

    def compute_seconds(self) -> float | None:
        """Roofline of the matrix products: each takes its FLOPs or its bytes, the longer one.

        At the chip's data-sheet speed, each reading its operands from memory and writing its result
        there, with nothing between them. Products that read float32 at full precision count for as
        many bfloat16 ones as make them.
        """
        if self.chip is None:
            return None
        flops, bandwidth = self.chip.flops * self.devices, self.chip.bandwidth * self.devices
        return sum(max(w.flops * w.passes / flops, w.bytes / bandwidth) for w in self.products)

    def least_seconds(self) -> float | None:
        """The FLOPs of all products at the chip's speed: no step is faster."""
        if self.chip is None:
            return None
        flops = sum(work.flops * work.passes for work in self.products)
        return flops / (self.chip.flops * self.devices)

    def message_seconds(self) -> float | None:
        """Time of the messages over all links of a chip, which may pass while it computes."""
        if self.chip is None or self.collectives is None:
            return None
        sent = sum(c.bytes * SENDS.get(kind, 1.0) for kind, c in self.collectives.items())
        return sent / self.chip.links

    def step_seconds(self) -> float | None:
        """Roofline estimate of a step: the longer one of computing and sending."""
        compute, messages = self.compute_seconds(), self.message_seconds()
        return None if compute is None or messages is None else max(compute, messages)

    def utilisation(self, seconds: float) -> float | None:
        """Model FLOPs in a step of that time, as a share of the chips' (MFU)."""
        if self.chip is None:
            return None
        return self.model_flops / (seconds * self.chip.flops * self.devices)


def make_plan(config: Config, vocab_size: int, devices: Sequence[Any]) -> Plan:
    """Compiles a run's step for devices, which need not be there.

    Args:
      config: the run.
      vocab_size: number of token ids.
      devices: see `plan_devices`.

    Raises:
      ConfigError: when the mesh or the batch does not divide over the devices.
    """
    mesh = make_mesh(config.mesh.data, config.mesh.fsdp, config.mesh.tensor, devices=devices)
    parts = config.training.micro_batches
    require_divisible(config.training.batch_size, mesh, "training.batch_size", parts=parts)
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
    rows = jax.tree.map(lambda _: by_row(mesh), batch)
    memory = Memory(
        parameters=_bytes(state.parameters, layout.parameters),
        average=_bytes(state.average, layout.average),
        optimizer=_bytes(state.optimizer, layout.optimizer),
        remembered=_bytes(state.memory, layout.memory),
        batch=_bytes(batch, rows),
        temporary=temporary,
        loss=loss,
        needed=needed,
        limit=limit,
    )
    return Plan(
        kind=devices[0].device_kind,
        mesh=dict(mesh.shape),
        pairs=config.training.batch_size,
        parts=config.training.micro_batches,
        parameters=sum(x.size for x in state.parameters.values()),
        memory=memory,
        products=products_of(traced.jaxpr),
        model_flops=_model_flops(config, vocab_size, mesh, batch),
        collectives=collectives,
        chip=chip,
        compile_seconds=time.monotonic() - begun,
    )


def largest_batch(
    config: Config, vocab_size: int, devices: Sequence[Any], first: Plan
) -> list[Plan]:
    """Looks for the most pairs a step that fit, with parts of the size that the config has.

    Memory grows by as much with every part; two plans tell how much, the next ones are where that
    line meets the limit, and a little below where it does not fit after all.

    Args:
      config: the run.
      vocab_size: number of token ids.
      devices: see `plan_devices`.
      first: the plan of the config itself.

    Returns:
      The plans that were made, in order; the last one that fits is the answer.

    Raises:
      ConfigError: when the devices do not tell how much memory they have.
    """
    limit = first.memory.limit
    if limit is None:
        raise ConfigError(
            f"{first.kind} devices do not tell their memory, so there is no largest batch; plan "
            "for a TPU slice (--topology) or a GPU"
        )
    mesh_size = first.devices
    part = first.pairs // first.parts if first.parts > 1 else mesh_size

    def plan(parts: int) -> Plan:
        pairs = parts * part
        options = replace(
            config.training,
            batch_size=pairs,
            micro_batches=parts if first.parts > 1 else 1,
        )
        return make_plan(replace(config, training=options), vocab_size, devices)

    made = [first, plan(2 * (first.pairs // part))]
    while len(made) < 6:
        (a, b) = sorted(made, key=lambda p: abs(p.memory.needed - limit))[:2]
        slope = (a.memory.needed - b.memory.needed) / ((a.pairs - b.pairs) / part)
        wanted = a.pairs / part + (0.99 * limit - a.memory.needed) / max(slope, 1.0)
        fitting = max((p.pairs // part for p in made if p.memory.fits), default=0)
        beyond = min((p.pairs // part for p in made if not p.memory.fits), default=None)
        parts = max(int(wanted), fitting + 1)
        if beyond is not None:
            parts = min(parts, beyond - 1)
        if parts <= fitting or (fitting and parts < 1.03 * fitting) or parts < 1:
            break
        made.append(plan(parts))
    return made


def batch_shapes(config: Config) -> PairBatch:
    """A batch of pairs without numbers, its pixels flat as the feed hands them over."""
    rows, side = config.training.batch_size, config.picture.size
    pictures = () if config.picture.per_listing == 1 else (config.picture.per_listing,)

    def array(shape: tuple[int, ...], dtype: Any) -> Any:
        return jax.ShapeDtypeStruct((rows, *shape), dtype)

    def products() -> Products:
        return Products(
            array((*pictures, side * side * 3), jnp.uint8),
            array(pictures, jnp.bool_),
            array((config.text.max_tokens,), jnp.int32),
        )

    number, weight = array((), jnp.int32), array((), jnp.float32)
    return PairBatch(products(), products(), number, number, number, number, weight)


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
        used, unit, there, its = said.groups()
        return None, float(used) * UNITS[unit], float(there) * UNITS[its]


def _bytes(arrays: Any, layout: Any) -> float:
    """Bytes a device."""

    def size(x: Any, where: Any) -> float:
        return float(math.prod(where.shard_shape(x.shape)) * x.dtype.itemsize)

    return sum(jax.tree.leaves(jax.tree.map(size, arrays, layout)))


def _model_flops(config: Config, vocab_size: int, mesh: Mesh, batch: PairBatch) -> float:
    """Those of the step that encodes everything once and computes nothing of it again."""
    once = replace(
        config,
        training=replace(config.training, micro_batches=1),
        encoder=replace(config.encoder, remat="none", attention="xla"),
    )
    create, step = make_train_step(once, vocab_size, mesh)
    traced: Any = step
    return total_flops(products_of(traced.trace(jax.eval_shape(create), batch).jaxpr))


def _loss_alone(config: Config, mesh: Mesh, state: TrainState, batch: PairBatch) -> float:
    """Temporary bytes of the loss and its gradients without the encoder."""
    rows, dim = config.training.batch_size, config.encoder.dim
    vector = jax.ShapeDtypeStruct((rows, dim), jnp.float32)
    there = jax.ShapeDtypeStruct((rows,), jnp.bool_)
    sides = [{v: vector for v in sorted(views)} for views in views_needed(config.loss)]
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
