"""Product matching (PPM) and self-distinctiveness (PDC): hinge losses over cosines.

Source: eSSPR, "Learning product representation for same-style product retrieval", WWW 2023
industry track, arXiv 2302.05093. The paper publishes no margins; the defaults are those of a
successor by the same team.
"""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float

from stylejax.losses.similarity import (
    Axes,
    Groups,
    Mask,
    Side,
    TargetGroups,
    TargetMask,
    Targets,
    Vectors,
    own,
    same_product,
    sides,
)
from stylejax.losses.tiles import TILE, cosine_sums


def product_matching(
    query: Vectors,
    target: Targets,
    *,
    margin: float = 0.3,
    query_groups: Groups = None,
    target_groups: TargetGroups = None,
    target_valid: TargetMask = None,
    axes: Axes = (),
    tile: int = TILE,
) -> Float[Array, " b"]:
    """PPM: the paired target lies nearer to the query than any other target, by a margin.

    ``L_i = mean_j max(0, S_ij - S_ii + margin * (1 - I_ij))`` with ``S_ij = cos(query_i,
    target_j)``; the mean runs over all columns, the zero diagonal included, except those that are
    left out: other columns of the same group, and columns without a vector.

    Args:
      query: `[B, D]`, normalised inside.
      target: `[C, D]`, C >= B, normalised inside; row i is the query's partner, those from B on
        are further candidates, such as vectors of earlier steps.
      margin: cosine distance wanted between partner and any other product.
      query_groups: `[B]` ids; targets with an equal id are not negatives. None: all differ.
      target_groups: `[C]` ids of the targets; None: `query_groups`, where C is B.
      target_valid: `[C]`, false where the target has no vector (its listing lacks the view).
      axes: mapped mesh axes that the batch is divided over, inside `jax.shard_map`.
      tile: rows and columns that are compared at a time.

    Returns:
      `[B]` float32 (float64 for float64 vectors), one loss a row.
    """
    rows, columns = sides(
        query,
        target,
        axes=axes,
        query_groups=query_groups,
        target_groups=target_groups,
        target_valid=target_valid,
    )

    def cell(cosines: Array, rows: Side, columns: Side) -> tuple[tuple[Array, Array], tuple[()]]:
        assert rows.partner is not None
        partner = own(rows, columns)
        counted = columns.valid[None, :] & ~same_product(rows, columns)
        violation = jnp.maximum(0.0, cosines - rows.partner[:, None] + margin)
        violation = jnp.where(counted, violation, 0.0)  # the partner's own is zero
        return (violation.sum(1), (partner | counted).astype(jnp.float32).sum(1)), ()

    (violations, count), *_ = cosine_sums(cell, rows, columns, axes=axes, tile=tile)
    return violations / count


def self_distinctiveness(
    view: Vectors,
    full: Vectors,
    *,
    margin: float = 0.2,
    groups: Groups = None,
    full_valid: Mask = None,
    axes: Axes = (),
    tile: int = TILE,
) -> Float[Array, " b"]:
    """PDC: a product's single view lies nearer to its own full vector than to any other's.

    The hinge of `product_matching` between the views and the full vectors of one side.

    Args:
      view: `[B, D]` vectors of the text alone or the picture alone, normalised inside.
      full: `[B, D]` vectors of the same listings' text and picture together.
      margin: cosine distance wanted between the own full vector and any other.
      groups: `[B]` group ids of the listings.
      full_valid: `[B]`, false where a listing has no full vector.
      axes: mapped mesh axes that the batch is divided over, inside `jax.shard_map`.
      tile: rows and columns that are compared at a time.

    Returns:
      `[B]` float32 (float64 for float64 vectors).
    """
    return product_matching(
        view,
        full,
        margin=margin,
        query_groups=groups,
        target_groups=groups,
        target_valid=full_valid,
        axes=axes,
        tile=tile,
    )
