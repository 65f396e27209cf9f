"""Locality consistency (PLC): a single view sees the same neighbourhood as the full vector."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float32

from stylejax.losses.similarity import Mask, Vectors, cosine, usable


def locality_consistency(
    full: Vectors,
    view: Vectors,
    target: Vectors,
    *,
    tolerance: float = 0.05,
    k: int = 10,
    target_valid: Mask = None,
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

    Returns:
      `[B]` float32.
    """
    size = full.shape[0]
    near = cosine(full, target)
    ranked = jnp.where(usable(target_valid, size)[None, :], near, -jnp.inf)
    values, columns = jax.lax.top_k(jax.lax.stop_gradient(ranked), min(k, size))
    real = values > -jnp.inf
    difference = jnp.take_along_axis(near - cosine(view, target), columns, axis=1)
    excess = jnp.where(real, jnp.maximum(0.0, difference**2 - tolerance), 0.0)
    return jnp.sum(excess, axis=1) / jnp.maximum(1, jnp.sum(real, axis=1))
