"""What one step of a run takes on a mesh: memory, work, messages, and how long that will be."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stylejax.cost.chips import Chip
from stylejax.cost.work import Work, total_flops
from stylejax.planning.collectives import Collective
from stylejax.training.step import LOSS_SCOPE

SENDS = {"all-reduce": 2.0}  # a ring sends what it adds up twice; other kinds once


@dataclass(frozen=True)
class Memory:
    """Bytes a chip."""

    parameters: float
    average: float  # of the weights, where `training.ema` asks for it
    optimizer: float
    remembered: float  # vectors of earlier batches, where `loss.memory` asks for them
    batch: float
    waiting: float  # the next batch, which lies on the devices while the step runs
    temporary: float | None  # what comes and goes within a step; None = the program is too large
    loss: float | None  # of the temporary bytes: those of the loss, compiled alone
    needed: float  # all together: by the compiler's own account, and what waits
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
