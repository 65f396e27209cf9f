"""The contrastive loss unit: PPM, PDC and PLC over the views of a pair, weighted and summed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Float32, Int

from stylejax.config import LossConfig, parse_direction
from stylejax.losses.consistency import locality_consistency
from stylejax.losses.hinge import product_matching
from stylejax.losses.memory import Memory
from stylejax.losses.sigmoid import sigmoid_contrastive
from stylejax.losses.similarity import Axes, Groups, Vectors
from stylejax.losses.softmax import softmax_contrastive

Views = Mapping[str, Vectors]
Presence = Mapping[str, Bool[Array, " b"]]
Weights = Float[Array, " b"] | None


def contrastive_loss_unit(
    left: Views,
    right: Views,
    options: LossConfig,
    *,
    left_present: Presence,
    right_present: Presence,
    left_groups: Groups = None,
    right_groups: Groups = None,
    weights: Weights = None,
    memory: Memory | None = None,
    scale: float | Float[Array, ""] = 1.0,
    bias: float | Float[Array, ""] = 0.0,
    axes: Axes = (),
) -> tuple[Float32[Array, ""], dict[str, Float32[Array, ""]]]:
    """The total loss of a batch of pairs and every named part of it.

    Source: eSSPR (arXiv 2302.05093), contrastive loss unit; the softmax and sigmoid forms put
    InfoNCE or SigLIP in the place of the hinge in PPM and PDC.

    Args:
      left: view name (m, t, i) to `[B, D]` vectors of the left listings; `views_needed` lists
        the names that `options` asks for.
      right: likewise for the right listings.
      options: which parts, their form and their weights.
      left_present: view name to `[B]`, false where the left listing lacks that view.
      right_present: likewise for the right listings.
      left_groups: `[B]` group ids of the left listings; None: those of the right ones.
      right_groups: likewise; where both are None all rows differ.
      weights: `[B]` positive weights of the pairs; None: all 1. A part is the mean over the rows
        weighted by them to the power `options.weight_exponent` (GCL: Zhu et al. 2024, arXiv
        2404.08535, weighs by rank).
      memory: vectors of earlier steps that the queries of `options.matching` search as well.
      scale: inverse temperature of the softmax and sigmoid forms.
      bias: bias of the sigmoid form.
      axes: mapped mesh axes that the batch is divided over, inside `jax.shard_map`; the result is
        then that of the whole batch, on every device.

    Returns:
      The weighted sum, and the mean of each part over the rows that have its views, under
      names such as ``"ppm/t-m"``, ``"pdc/i-m"``, ``"plc/t"``. With `options.prefixes` the sum is
      the mean over the whole vectors and each prefix (Matryoshka representations: Kusupati et al.
      2022, arXiv 2205.13147, equation 1), whose parts have names such as ``"ppm/t-m@64"``.
    """
    size = next(iter(left.values())).shape[0]
    rows = jnp.arange(size) + (jax.lax.axis_index(axes) * size if axes else 0)
    whole = size * (jax.lax.axis_size(axes) if axes else 1)
    if left_groups is None:
        left_groups = rows if right_groups is None else right_groups
    right_groups = left_groups if right_groups is None else right_groups
    counts = jnp.ones(size) if weights is None else weights**options.weight_exponent
    lefts = {v: _View(x, left_present[v], left_groups, rows, counts) for v, x in left.items()}
    rights = {
        v: _View(x, right_present[v], right_groups, rows + whole, counts) for v, x in right.items()
    }
    total, parts = jnp.zeros((), jnp.float32), {}
    for length in (None, *options.prefixes):
        found = _parts(
            {v: view.cut(length) for v, view in lefts.items()},
            {v: view.cut(length) for v, view in rights.items()},
            options,
            None if memory is None else memory.cut(length),
            scale,
            bias,
            axes,
        )
        total += _total(found, options) / (1 + len(options.prefixes))
        ending = "" if length is None else f"@{length}"
        parts |= {name + ending: value for name, value in found.items()}
    return total, parts


def _parts(
    lefts: Mapping[str, _View],
    rights: Mapping[str, _View],
    options: LossConfig,
    memory: Memory | None,
    scale: float | Float[Array, ""],
    bias: float | Float[Array, ""],
    axes: Axes,
) -> dict[str, Float32[Array, ""]]:
    """Every part, of vectors of one length."""
    form = {"scale": scale, "bias": bias, "axes": axes}
    parts: dict[str, Float32[Array, ""]] = {}
    for direction in options.matching:
        q, t = parse_direction(direction)
        query, target = lefts[q], rights[t]
        if options.pooled:
            query, target = _pool(query, rights[q]), _pool(target, lefts[t])
        searched = target if memory is None else _pool(target, _remembered(memory, t))
        losses = _contrast(query, searched, options, options.matching_margin, **form)
        parts[f"ppm/{direction}"] = _mean(losses, query, target.present, axes)
    for direction in options.distinctiveness:
        q, t = parse_direction(direction)
        view, full = lefts[q], lefts[t]
        if options.pooled:
            view, full = _pool(view, rights[q]), _pool(full, rights[t])
        losses = _contrast(view, full, options, options.distinctiveness_margin, **form)
        parts[f"pdc/{direction}"] = _mean(losses, view, full.present, axes)
    for v in options.consistency:
        view, losses = lefts[v], _consistency(lefts, rights, v, options, axes)
        if options.pooled:
            view = _pool(view, rights[v])
            losses = jnp.concatenate([losses, _consistency(rights, lefts, v, options, axes)])
        parts[f"plc/{v}"] = _mean(losses, view, view.present, axes)
    return parts


def _consistency(
    own: Mapping[str, _View], others: Mapping[str, _View], v: str, options: LossConfig, axes: Axes
) -> Float32[Array, " b"]:
    """PLC of the listings of one side, whose neighbours are those of the other."""
    return locality_consistency(
        own["m"].vectors,
        own[v].vectors,
        others["m"].vectors,
        tolerance=options.consistency_tolerance,
        k=options.consistency_k,
        target_valid=others["m"].present,
        axes=axes,
    )


class _View(NamedTuple):
    """One view of the listings of one side, or of both."""

    vectors: Vectors
    present: Bool[Array, " b"]
    groups: Int[Array, " b"]
    rows: Int[Array, " b"]  # 0 .. B - 1 on the left, B .. 2B - 1 on the right
    weights: Float[Array, " b"]  # of the rows in a mean

    def cut(self, length: int | None) -> _View:
        """The first numbers of the vectors; None: all."""
        return self if length is None else self._replace(vectors=self.vectors[:, :length])


def _pool(first: _View, second: _View) -> _View:
    return _View(*(jnp.concatenate(parts) for parts in zip(first, second, strict=True)))


def _remembered(memory: Memory, view: str) -> _View:
    """What is kept of a view, as vectors that search for nothing and have no gradient."""
    vectors, present, groups = memory.candidates(view)
    nobody = jnp.full(groups.shape, -1)
    return _View(jax.lax.stop_gradient(vectors), present, groups, nobody, jnp.zeros(groups.shape))


def _contrast(
    query: _View,
    target: _View,
    options: LossConfig,
    margin: float,
    scale: float | Float[Array, ""],
    bias: float | Float[Array, ""],
    axes: Axes,
) -> Float32[Array, " b"]:
    """The loss of the chosen form; PPM and PDC differ only in whose views they are handed."""
    if options.form == "hinge":
        return product_matching(
            query.vectors,
            target.vectors,
            margin=margin,
            target_valid=target.present,
            axes=axes,
            query_groups=query.groups,
            target_groups=target.groups,
        )
    if options.form == "softmax":
        return softmax_contrastive(
            query.vectors,
            target.vectors,
            scale=scale,
            duplicates=options.duplicates,
            query_valid=query.present,
            target_valid=target.present,
            axes=axes,
            query_groups=query.groups,
            target_groups=target.groups,
            query_ids=query.rows,
            target_ids=target.rows,
        )
    return sigmoid_contrastive(
        query.vectors,
        target.vectors,
        scale=scale,
        bias=bias,
        duplicates=options.duplicates,
        target_valid=target.present,
        axes=axes,
        query_groups=query.groups,
        target_groups=target.groups,
        query_ids=query.rows,
        target_ids=target.rows,
    )


def _mean(
    losses: Float32[Array, " b"], query: _View, partner: Bool[Array, " b"], axes: Axes
) -> Float32[Array, ""]:
    """The weighted mean over the rows that have both views; 0 where there is none."""
    counts = jnp.where(query.present & partner, query.weights, 0.0)
    total, count = jnp.sum(jnp.where(counts > 0, losses, 0.0) * counts), jnp.sum(counts)
    if axes:
        total, count = jax.lax.psum((total, count), axes)
    return total / jnp.where(count > 0, count, 1.0)


def _total(parts: dict[str, Float32[Array, ""]], options: LossConfig) -> Float32[Array, ""]:
    weights = {
        "ppm": options.matching_weight,
        "pdc": options.distinctiveness_weight,
        "plc": options.consistency_weight,
    }
    kinds = {name.split("/")[0] for name in parts}
    scale = sum(weights[kind] for kind in sorted(kinds))
    total = jnp.zeros((), jnp.float32)
    for kind in sorted(kinds):
        values = [value for name, value in parts.items() if name.startswith(kind + "/")]
        total += weights[kind] / scale * sum(values) / len(values)
    return total
