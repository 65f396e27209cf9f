"""Cosine similarity, and which pairs of a query and a target are what."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

Vectors = Float[Array, "b d"]
Groups = Int[Array, " b"] | None
Mask = Bool[Array, " b"] | None
# The targets of B queries: their partners, and maybe more.
Targets = Float[Array, "c d"]
TargetGroups = Int[Array, " c"] | None
TargetMask = Bool[Array, " c"] | None
Axes = tuple[str, ...]  # mapped mesh axes that the batch is divided over


class Side(NamedTuple):
    """Rows or columns of the matrix of similarities; `[B, ...]`, or `[tile, ...]` within a tile."""

    vectors: Float[Array, "b d"] | None  # None where only the cosines are of interest
    # Place in the whole batch from 1 on, the same for partners; below 0: nobody's partner.
    number: Int[Array, " b"]
    valid: Bool[Array, " b"]  # has a vector
    group: Groups = None  # listings of one product have the same; None: all differ
    identity: Groups = None  # of the vector itself, where a query is also a target
    # What one loss or another keeps beside a row or column
    partner: Float[Array, " b"] | None = None  # cosine with the partner
    scale: Float[Array, " b"] | None = None
    bias: Float[Array, " b"] | None = None
    shift: Float[Array, " b"] | None = None  # taken off logits before they go through exp
    picked: Int[Array, "b k"] | None = None  # numbers of the nearest columns; 0 = none


def side(
    vectors: Vectors,
    *,
    axes: Axes = (),
    valid: Mask = None,
    group: Groups = None,
    identity: Groups = None,
    partners: int | None = None,
) -> Side:
    """One side of a batch, numbered over all devices.

    Args:
      vectors: `[B, D]`.
      axes: mapped mesh axes that the batch is divided over.
      valid: `[B]`, false where there is no vector.
      group: `[B]` ids of products.
      identity: `[B]` ids of vectors.
      partners: how many of the vectors, from the first on, have a partner on the other side; None:
        all.
    """
    size = vectors.shape[0]
    partners = size if partners is None else partners
    device = jax.lax.axis_index(axes) if axes else 0
    places = 1 + device * partners + jnp.arange(partners, dtype=jnp.int32)
    further = size - partners
    others = -1 - device * further - jnp.arange(further, dtype=jnp.int32)
    return Side(
        jnp.asarray(vectors),
        jnp.concatenate([places, others]),
        jnp.ones((size,), bool) if valid is None else valid,
        group,
        identity,
    )


def sides(
    query: Vectors,
    target: Targets,
    *,
    axes: Axes,
    query_groups: Groups,
    target_groups: TargetGroups,
    target_valid: TargetMask,
    query_valid: Mask = None,
    query_ids: Groups = None,
    target_ids: TargetGroups = None,
) -> tuple[Side, Side]:
    """Queries and their targets: the first targets are partners, any further ones candidates."""
    size = query.shape[0]
    rows = side(query, axes=axes, valid=query_valid, group=query_groups, identity=query_ids)
    columns = side(
        target,
        axes=axes,
        valid=target_valid,
        group=query_groups if target_groups is None else target_groups,
        identity=target_ids,
        partners=size,
    )
    return rows, columns


def normalise(x: Float[Array, "... d"]) -> Float[Array, "... d"]:
    """Scales rows to unit length, in float32 at least; zero rows stay zero, with zero gradient."""
    x = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    square = jnp.sum(x * x, axis=-1, keepdims=True)
    # The inner `where` keeps rsqrt away from zero: its gradient there would be inf * 0 = nan.
    present = square != 0
    return jnp.where(present, x * jax.lax.rsqrt(jnp.where(present, square, 1.0)), 0.0)


def product(a: Float[Array, "..."], b: Float[Array, "..."], over: tuple[int, int]) -> Array:
    """Matrix product over an axis of each, at full precision also where bfloat16 is the habit."""
    return jax.lax.dot_general(
        a, b, (((over[0],), (over[1],)), ((), ())), precision=jax.lax.Precision.HIGHEST
    )


def own(rows: Side, columns: Side) -> Bool[Array, "r c"]:
    """Which columns are a row's partner."""
    return rows.number[:, None] == columns.number[None, :]


def same_product(rows: Side, columns: Side) -> Bool[Array, "r c"]:
    """Which columns are a row's product: its partner, and equal group ids."""
    if rows.group is None or columns.group is None:
        return own(rows, columns)
    return own(rows, columns) | (rows.group[:, None] == columns.group[None, :])


def apart(rows: Side, columns: Side) -> Bool[Array, "r c"]:
    """Which columns are not the row's own vector."""
    if rows.identity is None or columns.identity is None:
        return jnp.ones((rows.number.shape[0], columns.number.shape[0]), bool)
    return rows.identity[:, None] != columns.identity[None, :]
