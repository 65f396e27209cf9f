"""The most pairs a step that fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from stylejax.config import Config, ConfigError
from stylejax.planning.compiled import make_plan
from stylejax.planning.plan import Plan


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
            later_batch_sizes=(),
            later_batch_starts=(),
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
