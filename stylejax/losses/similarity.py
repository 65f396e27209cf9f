"""Cosine similarity and the columns of a batch that may serve as negatives."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Float32, Int

Vectors = Float[Array, "b d"]
Groups = Int[Array, " b"] | None
Mask = Bool[Array, " b"] | None


def normalise(x: Float[Array, "... d"]) -> Float32[Array, "... d"]:
    """Scales rows to unit length in float32; a zero row stays zero and gets a zero gradient."""
    x = x.astype(jnp.float32)
    square = jnp.sum(x * x, axis=-1, keepdims=True)
    # The inner `where` keeps rsqrt away from zero: its gradient there would be inf * 0 = nan.
    present = square != 0
    return jnp.where(present, x * jax.lax.rsqrt(jnp.where(present, square, 1.0)), 0.0)


def cosine(a: Vectors, b: Vectors) -> Float32[Array, "b b"]:
    """``S[i, j] = cos(a_i, b_j)``, in float32 at full precision whatever the inputs' type."""
    return jnp.matmul(normalise(a), normalise(b).T, precision=jax.lax.Precision.HIGHEST)


def same_product(query_groups: Groups, target_groups: Groups, size: int) -> Bool[Array, "b b"]:
    """Which targets are the query's product: the row's own column, and equal group ids.

    Args:
      query_groups: `[B]` group ids of the queries, or None: every row is a product of its own.
      target_groups: `[B]` group ids of the targets, or None: the same as `query_groups`.
      size: B.

    Returns:
      `[B, B]`, true on the diagonal.
    """
    own = jnp.eye(size, dtype=bool)
    if query_groups is None:
        return own
    target_groups = query_groups if target_groups is None else target_groups
    return own | (query_groups[:, None] == target_groups[None, :])


def same_vector(query_ids: Groups, target_ids: Groups, size: int) -> Bool[Array, "b b"]:
    """Which targets are the query's own vector, by id; none when there are no ids."""
    if query_ids is None or target_ids is None:
        return jnp.zeros((size, size), bool)
    return query_ids[:, None] == target_ids[None, :]


def usable(rows: Mask, size: int) -> Bool[Array, " b"]:
    """The mask itself, or all true when there is none."""
    return jnp.ones((size,), bool) if rows is None else rows
