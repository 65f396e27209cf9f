"""Sigmoid contrastive loss (SigLIP): every pair of the batch is a yes-or-no question."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from stylejax.config import Duplicates
from stylejax.losses.similarity import (
    Axes,
    Groups,
    Side,
    TargetGroups,
    TargetMask,
    Targets,
    Vectors,
    apart,
    own,
    same_product,
    sides,
)
from stylejax.losses.softmax import require_duplicates
from stylejax.losses.tiles import TILE, cosine_sums


def sigmoid_contrastive(
    query: Vectors,
    target: Targets,
    *,
    scale: float | Float[Array, ""],
    bias: float | Float[Array, ""],
    query_groups: Groups = None,
    target_groups: TargetGroups = None,
    query_ids: Groups = None,
    target_ids: TargetGroups = None,
    duplicates: Duplicates = "exclude",
    target_valid: TargetMask = None,
    weights: Float[Array, " b"] | None = None,
    axes: Axes = (),
    tile: int = TILE,
) -> Float[Array, " b"]:
    """``L_i = -sum_j log sigmoid(z_ij (scale S_ij + bias))``, z = 1 for partners, else -1.

    Source: SigLIP (Zhai et al. 2023), equation 1.

    Args:
      query: `[B, D]`, normalised inside.
      target: `[C, D]`, C >= B, normalised inside; row i is the query's partner, those from B on
        are further candidates, such as vectors of earlier steps.
      scale: inverse temperature, > 0.
      bias: prior log-odds of a match; SigLIP starts at -10.
      query_groups: `[B]` ids; None: all rows differ.
      target_groups: `[C]` ids of the targets; None: `query_groups`, where C is B.
      query_ids: `[B]` ids of the query vectors, for batches in which a query is also a target.
      target_ids: `[C]` ids of the target vectors; a target with the query's id is left out.
      duplicates: other columns of the same group are left out or count as positives.
      target_valid: `[C]`, false where the target has no vector.
      weights: `[B]` factors of the rows' losses; None: all 1.
      axes: mapped mesh axes that the batch is divided over, inside `jax.shard_map`.
      tile: rows and columns that are compared at a time.

    Returns:
      `[B]` float32 (float64 for float64 vectors).

    Raises:
      ValueError: when `duplicates` is another word.
    """
    require_duplicates(duplicates)
    size = query.shape[0]
    rows, columns = sides(
        query,
        target,
        axes=axes,
        query_groups=query_groups,
        target_groups=target_groups,
        target_valid=target_valid,
        query_ids=query_ids,
        target_ids=target_ids,
    )
    rows = rows._replace(
        scale=jnp.full((size,), scale, jnp.float32), bias=jnp.full((size,), bias, jnp.float32)
    )

    def cell(cosines: Array, rows: Side, columns: Side) -> tuple[tuple[Array, ...], tuple[()]]:
        assert rows.scale is not None
        assert rows.bias is not None
        logits = rows.scale[:, None] * cosines + rows.bias[:, None]
        partner, same = own(rows, columns), same_product(rows, columns)
        others = columns.valid[None, :] & apart(rows, columns)
        if duplicates == "exclude":
            others &= ~same
        # -log sigmoid(z) = softplus(z) - z: a tile needs one softplus, whichever way it is signed.
        sums = (jnp.where(partner | others, softplus(logits), 0.0).sum(1),)
        if duplicates == "positive":
            sums += (jnp.where(same & others & ~partner, logits, 0.0).sum(1),)
        return sums, ()

    (repulsion, *further), _, partner = cosine_sums(cell, rows, columns, axes=axes, tile=tile)
    assert rows.scale is not None
    assert rows.bias is not None
    losses = repulsion - sum(further, start=rows.scale * partner + rows.bias)
    return losses if weights is None else losses * weights


@jax.custom_jvp
def softplus(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """``log(1 + exp(x))``, whose derivative is one sigmoid and asks nothing of the value."""
    return jnp.maximum(x, 0.0) + jnp.log1p(jnp.exp(-jnp.abs(x)))


@softplus.defjvp
def _softplus_slope(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    return softplus(primals[0]), jax.nn.sigmoid(primals[0]) * tangents[0]
