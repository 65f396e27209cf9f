"""The most pairs a step that fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from stylejax.config import Config, ConfigError
from stylejax.planning.compiled import make_plan
from stylejax.planning.plan import Plan

TRIES = 9  # programs that are compiled at most
FARTHEST = 32  # times the largest batch so far that the next one may have: lines bend


def largest_batch(
    config: Config, vocab_size: int, devices: Sequence[Any], first: Plan
) -> list[Plan]:
    """Looks for the most pairs a step that fit, with parts of the size that the config has.

    Memory grows by about as much with every part: the next plan is where a line through two of them
    meets the limit; through the nearest that fits and the nearest that does not, as soon as there
    are such.

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
    while len(made) < TRIES:
        fitting = max((p for p in made if p.memory.fits), key=lambda p: p.pairs, default=None)
        beyond = min((p for p in made if not p.memory.fits), key=lambda p: p.pairs, default=None)
        a, b = sorted(made, key=lambda p: p.pairs)[-2:]
        if fitting and beyond:
            a, b = fitting, beyond
        elif beyond:
            a, b = sorted(made, key=lambda p: p.pairs)[:2]
        slope = (b.memory.needed - a.memory.needed) / (b.pairs - a.pairs)
        wanted = a.pairs + (0.99 * limit - a.memory.needed) / max(slope, 1e-9)
        least = fitting.pairs // part + 1 if fitting else 1
        most = beyond.pairs // part - 1 if beyond else FARTHEST * (b.pairs // part)
        parts = min(max(int(wanted / part), least), most)
        if parts < least or (fitting and parts * part < 1.03 * fitting.pairs):
            break
        made.append(plan(parts))
    return made
