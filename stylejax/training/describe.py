"""What a run would be, told without running it: settings, shapes, numbers of weights."""

from __future__ import annotations

import math
from collections import defaultdict

import jax

from stylejax.config import Config, to_json
from stylejax.training.mesh import mesh_of
from stylejax.training.optimizer import frozen
from stylejax.training.program import batch_shapes
from stylejax.training.step import make_train_step, state_layout


def describe(config: Config, vocab_size: int) -> list[str]:
    """Lines for people: the settings as JSON, then what follows from them on this machine.

    Args:
      config: the run.
      vocab_size: number of token ids.

    Raises:
      ConfigError: when the mesh or the batch does not divide over the devices, as in training.
    """
    mesh = mesh_of(config)
    create, _ = make_train_step(config, vocab_size, mesh)
    state = jax.eval_shape(create)
    layout = state_layout(state, config, mesh)
    axes = " x ".join(f"{axis} {size}" for axis, size in mesh.shape.items())
    kind = mesh.devices.flat[0].device_kind
    lines = [to_json(config).rstrip(), "", f"{'devices':<12}{mesh.size} x {kind} ({axes})"]
    for name, field in batch_shapes(config)._asdict().items():
        fields = field._asdict() if hasattr(field, "_asdict") else {"": field}
        for part, x in fields.items():
            label = f"{name}.{part}".rstrip(".")
            lines.append(f"{'batch':<12}{label:<16}{x.dtype} {list(x.shape)}")
    sides = [",".join(sorted(side)) for side in config.loss.views]
    lines.append(f"{'views':<12}left {sides[0]}, right {sides[1]}: what the loss reads")
    counts: dict[str, int] = defaultdict(int)
    still: dict[str, int] = defaultdict(int)
    for name, x in state.parameters.items():
        part = name.partition("/")[0]
        counts[part] += x.size
        still[part] += x.size if frozen(config.training, name) else 0
    for part, count in counts.items():
        told = f", {still[part]:,} of them frozen" if still[part] else ""
        lines.append(f"{'weights':<12}{part:<16}{count:,}{told}")
    lines.append(f"{'weights':<12}{'all':<16}{sum(counts.values()):,}")
    held = jax.tree.map(
        lambda x, where: math.prod(where.shard_shape(x.shape)) * x.dtype.itemsize, state, layout
    )
    size = sum(jax.tree.leaves(held)) / 2**20
    lines.append(f"{'state':<12}{size:,.1f} MiB a device: weights, average, optimizer, memory")
    return lines
