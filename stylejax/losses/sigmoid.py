"""Sigmoid contrastive loss (SigLIP): every pair of the batch is a yes-or-no question."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Float32

from stylejax.losses.similarity import (
    Groups,
    Mask,
    Vectors,
    cosine,
    same_product,
    same_vector,
    usable,
)
from stylejax.losses.softmax import Duplicates


def sigmoid_contrastive(
    query: Vectors,
    target: Vectors,
    *,
    scale: float | Float[Array, ""],
    bias: float | Float[Array, ""],
    query_groups: Groups = None,
    target_groups: Groups = None,
    query_ids: Groups = None,
    target_ids: Groups = None,
    duplicates: Duplicates = "exclude",
    target_valid: Mask = None,
) -> Float32[Array, " b"]:
    """``L_i = -sum_j log sigmoid(z_ij (scale S_ij + bias))``, z = 1 for partners, else -1.

    Source: SigLIP (Zhai et al. 2023), equation 1.

    Args:
      query: `[B, D]`, normalised inside.
      target: `[B, D]`, normalised inside; row i is the query's partner.
      scale: inverse temperature, > 0.
      bias: prior log-odds of a match; SigLIP starts at -10.
      query_groups: `[B]` ids; None: all rows differ.
      target_groups: `[B]` ids of the targets; None: `query_groups`.
      query_ids: `[B]` ids of the query vectors, for batches in which a query is also a target.
      target_ids: `[B]` ids of the target vectors; a target with the query's id is left out.
      duplicates: other columns of the same group are left out or count as positives.
      target_valid: `[B]`, false where the target has no vector.

    Returns:
      `[B]` float32.
    """
    size = query.shape[0]
    logits = scale * cosine(query, target) + bias
    own = jnp.eye(size, dtype=bool)
    same = same_product(query_groups, target_groups, size)
    positive = own if duplicates == "exclude" else same
    apart = ~same_vector(query_ids, target_ids, size)
    counted = own | (usable(target_valid, size)[None, :] & apart & (positive | ~same))
    signs = jnp.where(positive, 1.0, -1.0)
    return -jnp.sum(jnp.where(counted, jax.nn.log_sigmoid(signs * logits), 0.0), axis=1)
