"""Locality consistency (PLC): a single view sees the same neighbourhood as the full vector."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float32, Int

from stylejax.losses.similarity import Axes, Mask, Side, Vectors, cosines, normalise, side
from stylejax.losses.tiles import TILE, pair_sums, row_fold


def locality_consistency(
    full: Vectors,
    view: Vectors,
    target: Vectors,
    *,
    tolerance: float = 0.05,
    k: int = 10,
    target_valid: Mask = None,
    axes: Axes = (),
    tile: int = TILE,
) -> Float32[Array, " b"]:
    """PLC: among the k targets nearest to the full vector, view and full agree on the cosines.

    ``D = cos(full, target)``, ``D' = cos(view, target)``; over the k columns with the largest
    ``D_ij``: ``L_i = mean_k max(0, (D_ik - D'_ik)^2 - tolerance)``. Source: eSSPR (arXiv
    2302.05093), where k = 10 and the tolerance is not published.

    Args:
      full: `[B, D]` vectors of text and picture together.
      view: `[B, D]` vectors of the same listings' text or picture alone.
      target: `[B, D]` full vectors of the partners.
      tolerance: squared difference of cosines that costs nothing.
      k: neighbours compared; fewer when the batch has fewer.
      target_valid: `[B]`, false where a target has no vector: it is nobody's neighbour.
      axes: mapped mesh axes that the batch is divided over, inside `jax.shard_map`.
      tile: rows and columns that are compared at a time.

    Returns:
      `[B]` float32.
    """
    size = full.shape[0] * (jax.lax.axis_size(axes) if axes else 1)
    k = min(k, size)
    rows, columns = side(full, axes=axes), side(target, axes=axes, valid=target_valid)
    picked = _nearest(rows, columns, k, axes, tile)
    own = _Row(normalise(rows.vectors), normalise(jnp.asarray(view)), picked)

    def cell(rows: _Row, columns: Side) -> tuple[tuple[Array, Array], tuple[()]]:
        # Numbers of a tile follow one another, except those of the padding, which are 0.
        place = rows.picked - columns.number[0]
        here = (place >= 0) & (place < columns.number.shape[0]) & (rows.picked > 0)
        near = normalise(columns.vectors)[jnp.where(here, place, 0)]
        cosine = [jnp.einsum("rd,rkd->rk", x, near, precision="highest") for x in rows[:2]]
        return (jnp.where(here, cosine[0], 0.0), jnp.where(here, cosine[1], 0.0)), ()

    (near, seen), _ = pair_sums(cell, own, columns, axes=axes, tile=tile)
    real = picked > 0
    excess = jnp.where(real, jnp.maximum(0.0, (near - seen) ** 2 - tolerance), 0.0)
    return jnp.sum(excess, axis=1) / jnp.maximum(1, jnp.sum(real, axis=1))


class _Row(NamedTuple):
    full: Float32[Array, "b d"]
    view: Float32[Array, "b d"]
    picked: Int[Array, "b k"]  # numbers of the nearest targets; 0 = none


def _nearest(rows: Side, columns: Side, k: int, axes: Axes, tile: int) -> Int[Array, "b k"]:
    """Numbers of the k valid columns that are nearest to each row, 0 where there are fewer."""

    def step(best: tuple[Array, Array], rows: Side, columns: Side) -> tuple[Array, Array]:
        values = jnp.where(columns.valid[None, :], cosines(rows, columns), -jnp.inf)
        numbers = jnp.where(columns.valid, columns.number, 0)
        values = jnp.concatenate([best[0], values], axis=1)
        numbers = jnp.broadcast_to(numbers, (rows.number.shape[0], numbers.shape[0]))
        numbers = jnp.concatenate([best[1], numbers], axis=1)
        values, places = jax.lax.top_k(values, k)
        return values, jnp.take_along_axis(numbers, places, axis=1)

    size = rows.number.shape[0]
    start = (jnp.full((size, k), -jnp.inf), jnp.zeros((size, k), jnp.int32))
    return row_fold(step, start, rows, columns, axes=axes, tile=tile)[1]
