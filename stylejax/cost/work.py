"""FLOPs and bytes of a program's matrix products, counted on its jaxpr.

The compiler's own account counts the body of a loop once, however often it runs, and layers,
tiles, parts of a batch and turns of a ring are loops here. A jaxpr has their lengths.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jax
from jax.extend.core import Jaxpr, jaxprs_in_params


@dataclass(frozen=True)
class Work:
    """One matrix product or convolution, and how often it is done."""

    flops: float  # of all times, on all devices
    bytes: float  # operands read and results written, of all times, on all devices
    passes: int  # how many bfloat16 products make one of its precision
    scope: str  # names of the scopes that it is in, from the outermost on


def products_of(program: Any) -> list[Work]:
    """Every product of a program.

    Args:
      program: the closed jaxpr of `jax.make_jaxpr`; shapes in it are those of all devices, except
        within `jax.shard_map`, whose body is counted once for each device.

    Raises:
      ValueError: for a loop whose number of turns its jaxpr does not tell.
    """
    return list(_products(program.jaxpr, 1.0, ""))


def total_flops(products: list[Work], scope: str = "") -> float:
    """FLOPs of the products whose scope has a name in it; "" = of all."""
    return sum(work.flops for work in products if scope in work.scope)


def _products(jaxpr: Jaxpr, times: float, scope: str) -> Iterator[Work]:
    for equation in jaxpr.eqns:
        name, here = equation.primitive.name, f"{scope}/{equation.source_info.name_stack}"
        if name in ("dot_general", "conv_general_dilated"):
            count = _dot(equation) if name == "dot_general" else _convolution(equation)
            arrays = [*equation.invars[:2], *equation.outvars]
            size = sum(x.aval.size * x.aval.dtype.itemsize for x in arrays)
            yield Work(times * count, times * size, _passes(equation), here)
            continue
        if name == "while":
            raise ValueError("a while loop tells no number of turns; write it as a scan")
        turns = equation.params["length"] if name == "scan" else 1
        if name == "shard_map":
            turns = equation.params["mesh"].size
        inner = list(jaxprs_in_params(equation.params))
        if name == "cond":  # one branch runs: the most expensive one is counted
            branches = [list(_products(branch, times, here)) for branch in inner]
            yield from max(branches, key=total_flops)
            continue
        for body in inner:
            yield from _products(body, times * turns, here)


def _dot(equation: Any) -> float:
    (contracted, _), _ = equation.params["dimension_numbers"]
    shape = equation.invars[0].aval.shape
    return 2.0 * equation.outvars[0].aval.size * math.prod(shape[axis] for axis in contracted)


def _convolution(equation: Any) -> float:
    kernel = equation.invars[1].aval
    features = kernel.shape[equation.params["dimension_numbers"].rhs_spec[0]]
    return 2.0 * equation.outvars[0].aval.size * kernel.size / features


def _passes(equation: Any) -> int:
    """A TPU makes float32 products of several bfloat16 ones, as many as the precision asks for."""
    if any(x.aval.dtype.itemsize < 4 for x in equation.invars[:2]):
        return 1
    asked = equation.params.get("precision")
    precision = asked[0] if isinstance(asked, tuple) else asked
    return {jax.lax.Precision.HIGHEST: 6, jax.lax.Precision.HIGH: 3}.get(precision, 1)
