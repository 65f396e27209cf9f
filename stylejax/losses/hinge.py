"""Product matching (PPM) and self-distinctiveness (PDC): hinge losses over cosines.

Source: eSSPR, "Learning product representation for same-style product retrieval", WWW 2023
industry track, arXiv 2302.05093. The paper publishes no margins; the defaults are those of a
successor by the same team.
"""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float32

from stylejax.losses.similarity import Groups, Mask, Vectors, cosine, same_product, usable


def product_matching(
    query: Vectors,
    target: Vectors,
    *,
    margin: float = 0.3,
    query_groups: Groups = None,
    target_groups: Groups = None,
    target_valid: Mask = None,
) -> Float32[Array, " b"]:
    """PPM: the paired target lies nearer to the query than any other target, by a margin.

    ``L_i = mean_j max(0, S_ij - S_ii + margin * (1 - I_ij))`` with ``S_ij = cos(query_i,
    target_j)``; the mean runs over all columns, the zero diagonal included, except those that are
    left out: other columns of the same group, and columns without a vector.

    Args:
      query: `[B, D]`, normalised inside.
      target: `[B, D]`, normalised inside; row i is the query's partner.
      margin: cosine distance wanted between partner and any other product.
      query_groups: `[B]` ids; targets with an equal id are not negatives. None: all differ.
      target_groups: `[B]` ids of the targets; None: `query_groups`.
      target_valid: `[B]`, false where the target has no vector (its listing lacks the view).

    Returns:
      `[B]` float32, one loss a row.
    """
    size = query.shape[0]
    similarity = cosine(query, target)
    own = jnp.eye(size, dtype=bool)
    duplicate = same_product(query_groups, target_groups, size) & ~own
    counted = own | (~duplicate & usable(target_valid, size)[None, :])
    partner = jnp.diagonal(similarity)[:, None]
    violation = jnp.maximum(0.0, similarity - partner + margin * (1.0 - own))
    return jnp.sum(jnp.where(counted, violation, 0.0), axis=1) / jnp.sum(counted, axis=1)


def self_distinctiveness(
    view: Vectors,
    full: Vectors,
    *,
    margin: float = 0.2,
    groups: Groups = None,
    full_valid: Mask = None,
) -> Float32[Array, " b"]:
    """PDC: a product's single view lies nearer to its own full vector than to any other's.

    The hinge of `product_matching` between the views and the full vectors of one side.

    Args:
      view: `[B, D]` vectors of the text alone or the picture alone, normalised inside.
      full: `[B, D]` vectors of the same listings' text and picture together.
      margin: cosine distance wanted between the own full vector and any other.
      groups: `[B]` group ids of the listings.
      full_valid: `[B]`, false where a listing has no full vector.

    Returns:
      `[B]` float32.
    """
    return product_matching(
        view,
        full,
        margin=margin,
        query_groups=groups,
        target_groups=groups,
        target_valid=full_valid,
    )
