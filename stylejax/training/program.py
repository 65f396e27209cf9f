"""The step, compiled ahead for each shape of batch: it is known when, and what it needs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from stylejax.batch import PairBatch, Products
from stylejax.config import Config
from stylejax.cost.chips import chip_of
from stylejax.cost.work import products_of, total_flops
from stylejax.training.step import Metrics, TrainState, TrainStep, make_train_step


@dataclass(frozen=True)
class Needs:
    """Bytes that one device has to have for a step."""

    state: float  # what goes in and comes out in its place: weights, optimizer, batch
    waiting: float  # the next batch
    temporary: float

    def __str__(self) -> str:
        """For people."""
        held, waiting, temporary = (x / 2**20 for x in (self.state, self.waiting, self.temporary))
        return (
            f"memory     {held + waiting + temporary:,.1f} MiB a device: {held:,.1f} weights, "
            f"optimizer and batch, {waiting:,.1f} the next batch, "
            f"{temporary:,.1f} that come and go within a step"
        )


class Program:
    """A step that compiles when it meets a batch of another shape, and never else."""

    def __init__(self, step: TrainStep):
        """Takes what `make_train_step` returned."""
        self._step: Any = step
        self._compiled: dict[tuple, Any] = {}
        self.fresh = False  # the newest call compiled
        self.shape: tuple = ()  # of its batch
        self.needs: Needs | None = None  # of the newest shape; None = its backend does not tell

    def __call__(self, state: TrainState, batch: PairBatch) -> tuple[TrainState, Metrics]:
        """The step. It gives up the memory of `state`."""
        shape = self.shape = tuple(x.shape for x in jax.tree.leaves(batch))
        self.fresh = shape not in self._compiled
        if self.fresh:
            compiled = self._step.lower(state, batch).compile()
            self._compiled[shape] = compiled
            self.needs = _needs(compiled, batch)
        return self._compiled[shape](state, batch)


def _needs(compiled: Any, batch: PairBatch) -> Needs | None:
    account = compiled.memory_analysis()
    if account is None:
        return None
    there = account.argument_size_in_bytes + account.output_size_in_bytes
    return Needs(
        state=float(there - account.alias_size_in_bytes),
        waiting=float(sum(x.addressable_shards[0].data.nbytes for x in jax.tree.leaves(batch))),
        temporary=float(account.temp_size_in_bytes),
    )


def batch_shapes(config: Config) -> PairBatch:
    """A run's largest batch without numbers, its pixels flat as the feed hands them over."""
    rows = config.training.largest_batch
    side = max(config.picture.size, *config.picture.later_sizes, 0)
    left, right = config.pictures_read
    pictures = () if config.picture.per_listing == 1 else (config.picture.per_listing,)

    def array(shape: tuple[int, ...], dtype: Any) -> Any:
        return jax.ShapeDtypeStruct((rows, *shape), dtype)

    def products(read: bool) -> Products:
        return Products(
            array((*pictures, side * side * 3 if read else 0), jnp.uint8),
            array(pictures, jnp.bool_),
            array((config.text.max_tokens,), jnp.int32),
        )

    number, weight = array((), jnp.int32), array((), jnp.float32)
    return PairBatch(products(left), products(right), number, number, number, number, weight)


def model_flops(config: Config, vocab_size: int, mesh: Mesh, batch: PairBatch) -> float:
    """FLOPs of a step that encodes everything once and computes nothing of it again.

    Args:
      config: the run.
      vocab_size: number of token ids.
      mesh: devices; the FLOPs are those of all of them.
      batch: arrays, or their shapes.
    """
    once = replace(
        config,
        training=replace(config.training, micro_batches=1),
        encoder=replace(config.encoder, remat="none", attention="xla"),
    )
    create, step = make_train_step(once, vocab_size, mesh)
    traced: Any = step
    shapes = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), batch)
    return total_flops(products_of(traced.trace(jax.eval_shape(create), shapes).jaxpr))


def peak_flops(mesh: Mesh) -> float | None:
    """What the devices can do a second by their data sheet, all together; None = not known."""
    chip = chip_of(mesh.devices.flat[0].device_kind)
    return None if chip is None else chip.flops * mesh.size
