"""Exact nearest neighbours on the accelerators: a blocked product, and the best of each block.

The gallery's rows are divided over the devices. A block of them is scored at a time, each device
keeps the best k of its part, and these are merged with the best so far, so that no matrix of all
scores is ever held. It is what approximate search is judged by, and the engine where ScaNN has no
wheel.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Float32, Int, Int32
from numpy.typing import NDArray

QUERIES = 1024  # scored at a time
ROWS = 16_384  # of the gallery, on each device, at a time
RUN = 128  # neighbouring scores of which the largest is looked at first
AXIS = "rows"


def exact_top_k(
    queries: Float32[NDArray, "q d"],
    vectors: Float32[NDArray, "n d"],
    k: int,
    *,
    devices: Sequence[Any] | None = None,
    recall: float = 1.0,
) -> tuple[Int[NDArray, "q k"], Float32[NDArray, "q k"]]:
    """The k vectors of the largest inner product with each query.

    Args:
      queries: unit vectors.
      vectors: unit vectors; they may lie in a memory-mapped file, which is read once for every
        1,024 queries.
      k: neighbours wanted.
      devices: to work on; None = all of this host.
      recall: below 1 the best of a block are found by `jax.lax.approx_max_k`, which TPUs do in a
        fraction of the time; other devices are exact all the same.

    Returns:
      Row numbers and inner products, best first; of equal ones the lower row first. Where k is
      more than n, -1 and minus infinity follow.
    """
    mesh = _mesh(tuple(jax.local_devices() if devices is None else devices))
    count, dim = vectors.shape
    rows = block_rows(count, devices=devices)
    found = np.empty((len(queries), k), np.int64)
    scores = np.empty((len(queries), k), np.float32)
    block = NamedSharding(mesh, PartitionSpec(AXIS))
    for first in range(0, len(queries), QUERIES):
        part = queries[first : first + QUERIES]
        width = min(QUERIES, _power_of_two(len(part), 8))
        padded = np.zeros((width, dim), np.float32)
        padded[: len(part)] = part
        best = jnp.full((width, k), -jnp.inf), jnp.full((width, k), -1, jnp.int32)
        step = _step(mesh, k, recall)
        for start in range(0, count, rows * mesh.size):
            given = vectors[start : start + rows * mesh.size]
            if len(given) < rows * mesh.size:
                given = np.pad(given, [(0, rows * mesh.size - len(given)), (0, 0)])
            best = step(*best, padded, jax.device_put(np.asarray(given), block), start, count)
        scores[first : first + QUERIES] = np.asarray(best[0])[: len(part)]
        found[first : first + QUERIES] = np.asarray(best[1])[: len(part)]
    return found, scores


def block_rows(count: int, *, devices: Sequence[Any] | None = None) -> int:
    """Rows of a block on each device when `count` vectors are searched by `exact_top_k`.

    Searches of equal k, recall, numbers of a vector and blocks share one program, when their
    queries are equally many.
    """
    each = -(-count // len(jax.local_devices() if devices is None else devices))
    return min(ROWS, _power_of_two(each, RUN))


def _power_of_two(at_least: int, smallest: int) -> int:
    """Few shapes, so that few programs are compiled."""
    return max(smallest, 1 << max(0, at_least - 1).bit_length())


@functools.cache
def _mesh(devices: tuple[Any, ...]) -> Mesh:
    return jax.make_mesh((len(devices),), (AXIS,), axis_types=(AxisType.Auto,), devices=devices)


@functools.cache
def _step(mesh: Mesh, k: int, recall: float) -> Any:
    """The best so far and those of one block, merged; compiled for few shapes."""

    def merged(
        best: Float32[Array, "q k"],
        found: Int32[Array, "q k"],
        queries: Float32[Array, "q d"],
        block: Float32[Array, "r d"],
        start: Int32[Array, ""],
        count: Int32[Array, ""],
    ) -> tuple[Float32[Array, "q k"], Int32[Array, "q k"]]:
        first = start + jax.lax.axis_index(AXIS) * block.shape[0]
        scores = jnp.dot(queries, block.T, precision=jax.lax.Precision.HIGHEST)
        there = first + jnp.arange(block.shape[0]) < count
        scores = jnp.where(there, scores, -jnp.inf)
        mine, places = _largest(scores, min(k, block.shape[0]), recall)
        everyone = functools.partial(jax.lax.all_gather, axis_name=AXIS, axis=1, tiled=True)
        # What was found before has lower rows, and so have earlier devices: of equals they stay.
        values = jnp.concatenate([best, everyone(mine)], axis=1)
        numbers = jnp.concatenate([found, everyone((first + places).astype(jnp.int32))], axis=1)
        best, chosen = jax.lax.top_k(values, k)
        return best, jnp.take_along_axis(numbers, chosen, axis=1)

    whole, rows = PartitionSpec(), PartitionSpec(AXIS)
    return jax.jit(
        jax.shard_map(
            merged,
            mesh=mesh,
            in_specs=(whole, whole, whole, rows, whole, whole),
            out_specs=(whole, whole),
            check_vma=False,  # all_gather's result is the same on every device
        )
    )


def _largest(
    scores: Float32[Array, "q r"], k: int, recall: float
) -> tuple[Float32[Array, "q {k}"], Int32[Array, "q {k}"]]:
    """The k largest of each row and their places, the lower one of equals first."""
    if recall < 1:
        values, places = jax.lax.approx_max_k(scores, k, recall_target=recall)
        return values, places
    runs = scores.shape[1] // RUN
    if k >= runs:
        values, places = jax.lax.top_k(scores, k)
        return values, places
    # The k largest lie in the k runs with the largest maxima: most scores are only compared once.
    cut = scores.reshape(len(scores), runs, RUN)
    _, chosen = jax.lax.top_k(cut.max(axis=2), k)
    chosen = jnp.sort(chosen, axis=1)
    candidates = jnp.take_along_axis(cut, chosen[:, :, None], axis=1).reshape(len(scores), -1)
    places = (chosen[:, :, None] * RUN + jnp.arange(RUN)).reshape(len(scores), -1)
    values, best = jax.lax.top_k(candidates, k)
    return values, jnp.take_along_axis(places, best, axis=1)
