"""Which device holds which part of the weights and of the optimizer's state."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeVar

import jax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from stylejax.config import ConfigError, ShardingRule, require_matches

Tree = TypeVar("Tree")
# Of the last dimensions. Layers are cut the way of Megatron-LM (arXiv 1909.08053): a layer's first
# product by columns, its second by rows, so that what is between the two of an MLP stays where it
# is. Queries, keys and values lie one after the other in one kernel: they are exchanged once.
RULES = (
    (re.compile(r".*(q|kv|qkv|up)/kernel$"), ("fsdp", "tensor")),
    (re.compile(r".*(q|kv|qkv|up)/bias$"), ("tensor",)),
    (re.compile(r".*(out|down)/kernel$"), ("tensor", "fsdp")),
)
SMALL = 2**14  # weights of fewer numbers are on every device, unless a rule divides them
STACKED = re.compile(r".*layers/layers/")  # dimension 0 is the layer


def weight_spec(
    name: str, shape: Sequence[int], mesh: Mesh, rules: Sequence[ShardingRule] = ()
) -> PartitionSpec:
    """How one weight is divided.

    The first of `rules` that matches counts; else `RULES`, as far as the dimensions divide; where
    nothing of them does, the largest dimension that `fsdp` divides is divided by it.

    Args:
      name: of the weight in a checkpoint.
      shape: of the weight.
      mesh: with the axes `fsdp` and `tensor`.
      rules: of the config.

    Raises:
      ConfigError: when a rule of the config names more dimensions than there are, or one that does
        not divide, with both numbers.
    """
    for rule in rules:
        if rule.matches(name):
            return _asked(name, shape, mesh, rule)
    for pattern, axes in RULES:
        if pattern.match(name) and len(shape) >= len(axes):
            axes = (*[""] * (len(shape) - len(axes)), *axes)
            fits = [
                axis if axis and mesh.shape[axis] > 1 and size % mesh.shape[axis] == 0 else None
                for axis, size in zip(axes, shape, strict=True)
            ]
            if any(fits):
                return PartitionSpec(*fits)
    return _largest(name, shape, mesh)


def state_shardings(state: Tree, mesh: Mesh, rules: Sequence[ShardingRule] = ()) -> Tree:
    """How each array of a training state is divided: those of a weight as the weight is.

    Args:
      state: shapes of parameters by name, averages and the optimizer's state, which holds arrays
        under the names of the weights that they belong to.
      mesh: devices.
      rules: of the config.

    Raises:
      ConfigError: as `weight_spec`, or when a rule matches no weight.
    """
    names: set[str] = set()

    def one(path: tuple, x: jax.ShapeDtypeStruct) -> NamedSharding:
        keys = [key.key for key in path if isinstance(key, jax.tree_util.DictKey)]
        if keys:
            names.add(keys[-1])
        if not keys or not x.shape:
            return NamedSharding(mesh, PartitionSpec())
        return NamedSharding(mesh, weight_spec(keys[-1], x.shape, mesh, rules))

    found = jax.tree_util.tree_map_with_path(one, state)
    require_matches(rules, names)
    return found


def _asked(name: str, shape: Sequence[int], mesh: Mesh, rule: ShardingRule) -> PartitionSpec:
    if len(rule.axes) > len(shape):
        raise ConfigError(
            f"mesh.rules: {rule.pattern!r} divides {len(rule.axes)} dimensions, but {name} has the "
            f"shape {tuple(shape)}; name at most {len(shape)} axes"
        )
    axes = (*[""] * (len(shape) - len(rule.axes)), *rule.axes)
    for axis, size in zip(axes, shape, strict=True):
        if axis and size % mesh.shape[axis]:
            raise ConfigError(
                f"mesh.rules: {name} has the shape {tuple(shape)}, whose {size} cannot be divided "
                f"by mesh.{axis} {mesh.shape[axis]}; give that dimension another axis, or none"
            )
    return PartitionSpec(*(axis or None for axis in axes))


def _largest(name: str, shape: Sequence[int], mesh: Mesh) -> PartitionSpec:
    parts, first = mesh.shape["fsdp"], 1 if STACKED.match(name) else 0
    size = 1
    for length in shape:
        size *= length
    able = [number for number in range(first, len(shape)) if shape[number] % parts == 0]
    if parts == 1 or size < SMALL or not able:
        return PartitionSpec()
    largest = max(able, key=lambda number: shape[number])
    return PartitionSpec(*("fsdp" if number == largest else None for number in range(len(shape))))
