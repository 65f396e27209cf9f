"""Softmax contrastive loss (InfoNCE), symmetric, with duplicates handled by group id."""

from __future__ import annotations

from typing import get_args

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from stylejax.config import Duplicates
from stylejax.losses.similarity import (
    Axes,
    Groups,
    Mask,
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
from stylejax.losses.tiles import TILE, cosine_sums, row_fold

Sums = tuple[Float[Array, " b"], ...]

# Logits lie in [-scale, scale]. Up to this scale exp of all of them fits into float32 when the same
# number is taken off each, even the sum of millions; one exp then serves rows and columns.
ONE_SHIFT = 70.0
TOP = 60.0  # largest exponent then


def softmax_contrastive(
    query: Vectors,
    target: Targets,
    *,
    scale: float | Float[Array, ""],
    query_groups: Groups = None,
    target_groups: TargetGroups = None,
    query_ids: Groups = None,
    target_ids: TargetGroups = None,
    duplicates: Duplicates = "exclude",
    query_valid: Mask = None,
    target_valid: TargetMask = None,
    weights: Float[Array, " b"] | None = None,
    axes: Axes = (),
    tile: int = TILE,
) -> Float[Array, " b"]:
    """Symmetric InfoNCE: mean of the query-to-target and target-to-query cross-entropies.

    Source: CLIP (Radford et al. 2021), figure 3; with ``duplicates="positive"`` every column of
    the same group counts as a positive, averaged outside the logarithm as in supervised
    contrastive learning (Khosla et al. 2020, equation 2).

    Args:
      query: `[B, D]`, normalised inside.
      target: `[C, D]`, C >= B, normalised inside; row i is the query's partner, those from B on
        are further candidates, such as vectors of earlier steps, that search for nothing.
      scale: inverse temperature, > 0.
      query_groups: `[B]` ids; None: all rows differ.
      target_groups: `[C]` ids of the targets; None: `query_groups`, where C is B.
      query_ids: `[B]` ids of the query vectors, for batches in which a query is also a target.
      target_ids: `[C]` ids of the target vectors; a target with the query's id is left out.
      duplicates: other columns of the same group are left out or count as positives.
      query_valid: `[B]`, false where the query has no vector.
      target_valid: `[C]`, false where the target has no vector.
      weights: `[B]` factors of the rows' losses, such as clicks or a rank's gain (GCL: Zhu et al.
        2024, arXiv 2404.08535); None: all 1.
      axes: mapped mesh axes that the batch is divided over, inside `jax.shard_map`.
      tile: rows and columns that are compared at a time.

    Returns:
      `[B]` float32 (float64 for float64 vectors); rows where query or target has no vector are
      meaningless, mask them.

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
        query_valid=query_valid,
        target_valid=target_valid,
        query_ids=query_ids,
        target_ids=target_ids,
    )
    rows = rows._replace(scale=jnp.full((size,), scale, jnp.float32))

    def one_shift(rows: Side, columns: Side) -> Float[Array, " b"]:
        assert rows.scale is not None
        # Taken off inside exp and put back outside the logarithm: neither has a gradient.
        rows = rows._replace(shift=jax.lax.stop_gradient(jnp.maximum(rows.scale - TOP, 0.0)))
        return _losses(rows, columns, duplicates, axes, tile)

    def shift_each(rows: Side, columns: Side) -> Float[Array, " b"]:
        highest = [_highest(rows, columns, duplicates, axes, tile)]
        highest += [_highest(columns, rows, duplicates, axes, tile)]
        rows = rows._replace(shift=highest[0])
        return _losses(rows, columns._replace(shift=highest[1]), duplicates, axes, tile)

    if isinstance(scale, jax.Array):
        losses = jax.lax.cond(scale <= ONE_SHIFT, one_shift, shift_each, rows, columns)
    else:
        losses = (one_shift if scale <= ONE_SHIFT else shift_each)(rows, columns)
    return losses if weights is None else losses * weights


def require_duplicates(duplicates: str) -> None:
    """Raises ValueError for a word that would let listings of one product be negatives."""
    known = get_args(Duplicates)
    if duplicates not in known:
        raise ValueError(f"duplicates is {duplicates!r}; use {' or '.join(map(repr, known))}")


def _losses(
    rows: Side, columns: Side, duplicates: Duplicates, axes: Axes, tile: int
) -> Float[Array, " b"]:
    def cell(cosines: Array, rows: Side, columns: Side) -> tuple[Sums, Sums]:
        assert rows.scale is not None
        assert rows.shift is not None
        logits = rows.scale[:, None] * cosines
        counted = _counted(rows, columns, duplicates)
        along = down = _powers(logits, rows.shift[:, None], counted)
        if columns.shift is not None:
            down = _powers(logits, columns.shift[None, :], counted)
        row_sums, column_sums = (along.sum(1),), (down.sum(0),)
        if duplicates == "positive":
            positive = same_product(rows, columns) & counted
            chosen, one = jnp.where(positive, logits, 0.0), positive.astype(jnp.float32)
            row_sums += (chosen.sum(1), one.sum(1))
            column_sums += (chosen.sum(0), one.sum(0))
        return row_sums, column_sums

    assert rows.scale is not None
    assert rows.shift is not None
    *sums, partner = cosine_sums(cell, rows, columns, axes=axes, tile=tile)
    shifts = rows.shift, rows.shift if columns.shift is None else columns.shift
    attraction = rows.scale * partner
    total = jnp.zeros_like(attraction)
    # Columns beyond the partners search for nothing.
    sums, shifts = jax.tree.map(lambda x: x[: len(partner)], (sums, shifts))
    for (powers, *positive), shift in zip(sums, shifts, strict=True):
        if positive:
            attraction = positive[0] / positive[1]
        total += shift + jnp.log(powers) - attraction
    return 0.5 * total


def _powers(logits: Array, shift: Array, counted: Array) -> Array:
    # What does not count may lie above the shift: exp would overflow, and its gradient be nan.
    return jnp.exp(jnp.where(counted, logits - jax.lax.stop_gradient(shift), -jnp.inf))


def _counted(rows: Side, columns: Side, duplicates: Duplicates) -> Array:
    """Pairs `[R, C]` in the normalisers, of the rows as of the columns."""
    others = apart(rows, columns) & columns.valid[None, :] & rows.valid[:, None]
    if duplicates == "exclude":
        others &= ~same_product(rows, columns)
    return own(rows, columns) | others


def _highest(
    rows: Side, columns: Side, duplicates: Duplicates, axes: Axes, tile: int
) -> Float[Array, " b"]:
    """The largest logit that counts in each row; either side may be the rows here."""

    def step(best: Array, cosines: Array, rows: Side, columns: Side) -> Array:
        if rows.scale is not None:
            cosines *= rows.scale[:, None]
        elif columns.scale is not None:
            cosines *= columns.scale[None, :]
        counted = _counted(rows, columns, duplicates)
        return jnp.maximum(best, jnp.where(counted, cosines, -jnp.inf).max(1))

    start = jnp.full((rows.number.shape[0],), -jnp.inf)
    return row_fold(step, start, rows, columns, axes=axes, tile=tile)
