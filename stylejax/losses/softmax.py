"""Softmax contrastive loss (InfoNCE), symmetric, with duplicates handled by group id."""

from __future__ import annotations

from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Float32

from stylejax.losses.similarity import (
    Groups,
    Mask,
    Vectors,
    cosine,
    same_product,
    same_vector,
    usable,
)

Duplicates = Literal["exclude", "positive"]


def softmax_contrastive(
    query: Vectors,
    target: Vectors,
    *,
    scale: float | Float[Array, ""],
    query_groups: Groups = None,
    target_groups: Groups = None,
    query_ids: Groups = None,
    target_ids: Groups = None,
    duplicates: Duplicates = "exclude",
    query_valid: Mask = None,
    target_valid: Mask = None,
) -> Float32[Array, " b"]:
    """Symmetric InfoNCE: mean of the query-to-target and target-to-query cross-entropies.

    Source: CLIP (Radford et al. 2021), figure 3; with ``duplicates="positive"`` every column of
    the same group counts as a positive, averaged outside the logarithm as in supervised
    contrastive learning (Khosla et al. 2020, equation 2).

    Args:
      query: `[B, D]`, normalised inside.
      target: `[B, D]`, normalised inside; row i is the query's partner.
      scale: inverse temperature, > 0.
      query_groups: `[B]` ids; None: all rows differ.
      target_groups: `[B]` ids of the targets; None: `query_groups`.
      query_ids: `[B]` ids of the query vectors, for batches in which a query is also a target.
      target_ids: `[B]` ids of the target vectors; a target with the query's id is left out.
      duplicates: other columns of the same group are left out or count as positives.
      query_valid: `[B]`, false where the query has no vector.
      target_valid: `[B]`, false where the target has no vector.

    Returns:
      `[B]` float32; rows where query or target has no vector are meaningless, mask them.
    """
    size = query.shape[0]
    logits = scale * cosine(query, target)
    same = same_product(query_groups, target_groups, size)
    apart = ~same_vector(query_ids, target_ids, size)
    forward = _cross_entropy(logits, same, usable(target_valid, size)[None, :] & apart, duplicates)
    backward = _cross_entropy(
        logits.T, same.T, usable(query_valid, size)[None, :] & apart.T, duplicates
    )
    return 0.5 * (forward + backward)


def _cross_entropy(
    logits: Float32[Array, "b b"],
    same: Bool[Array, "b b"],
    column_valid: Bool[Array, "b b"],
    duplicates: Duplicates,
) -> Float32[Array, " b"]:
    own = jnp.eye(logits.shape[0], dtype=bool)
    valid = own | column_valid
    positive = own if duplicates == "exclude" else same & valid
    counted = valid & (positive | ~same)
    normaliser = jax.nn.logsumexp(jnp.where(counted, logits, -jnp.inf), axis=1)
    attraction = jnp.sum(jnp.where(positive, logits, 0.0), axis=1) / jnp.sum(positive, axis=1)
    return normaliser - attraction
