"""Locality consistency (PLC): a single view sees the same neighbourhood as the full vector."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from stylejax.losses.similarity import Axes, Mask, Side, Vectors, side
from stylejax.losses.tiles import TILE, cosine_sums, row_fold


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
) -> Float[Array, " b"]:
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
      `[B]` float32 (float64 for float64 vectors).
    """
    k = min(k, full.shape[0] * (jax.lax.axis_size(axes) if axes else 1))
    columns = side(target, axes=axes, valid=target_valid)
    picked = _nearest(side(full, axes=axes), columns, k, axes, tile)

    def cell(cosines: Array, rows: Side, columns: Side) -> tuple[Array, tuple[()]]:
        assert rows.picked is not None
        # Numbers of a tile follow one another, except those of the padding, which are 0.
        place = rows.picked - columns.number[0]
        here = (rows.picked > 0) & (place >= 0) & (place < columns.number.shape[0])
        near = jnp.take_along_axis(cosines, jnp.where(here, place, 0), axis=1)
        return jnp.where(here, near, 0.0), ()

    def nearby(vectors: Vectors) -> Float[Array, "b k"]:
        rows = side(vectors, axes=axes)._replace(picked=picked)
        return cosine_sums(cell, rows, columns, axes=axes, tile=tile)[0]

    real = picked > 0
    excess = jnp.maximum(0.0, (nearby(full) - nearby(view)) ** 2 - tolerance)
    return jnp.sum(jnp.where(real, excess, 0.0), axis=1) / jnp.maximum(1, jnp.sum(real, axis=1))


def _nearest(rows: Side, columns: Side, k: int, axes: Axes, tile: int) -> Int[Array, "b k"]:
    """Numbers of the k valid columns that are nearest to each row, 0 where there are fewer."""

    def step(best: tuple[Array, Array], cosines: Array, _: Side, columns: Side) -> tuple:
        values = jnp.where(columns.valid[None, :], cosines, -jnp.inf)
        numbers = jnp.broadcast_to(jnp.where(columns.valid, columns.number, 0), values.shape)
        values = jnp.concatenate([best[0], values], axis=1)
        numbers = jnp.concatenate([best[1], numbers], axis=1)
        values, places = jax.lax.top_k(values, k)
        return values, jnp.take_along_axis(numbers, places, axis=1)

    size = rows.number.shape[0]
    start = (jnp.full((size, k), -jnp.inf), jnp.zeros((size, k), jnp.int32))
    return row_fold(step, start, rows, columns, axes=axes, tile=tile)[1]
