"""Groups held against true products: precision and recall by pairs and by listings."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Int, Int64
from numpy.typing import NDArray

from stylejax.retrieval.duplicates.labelled import Truth
from stylejax.retrieval.evaluation.significance import ratio_interval

MEASURES = ("precision", "recall", "bcubed_precision", "bcubed_recall")


def agreement(
    group: Int[NDArray, " n"], truth: Truth, asked: Int[NDArray, " asked"]
) -> dict[str, Any]:
    """How well the groups of some listings agree with their products.

    By pairs: of all listings that those asked share a group with, the share of their product
    (precision); of all others of their product, the share in their group (recall). By listings
    (B-cubed, Bagga and Baldwin 1998): the same shares of each listing, itself among them, averaged,
    so that one large group does not outweigh a thousand small ones.

    Args:
      group: of every listing.
      truth: of every listing; those without a known product are left out.
      asked: numbers of the listings that are asked; the others are found.

    Returns:
      The four `MEASURES` (None where there is nothing to divide by), each also as
      ``NAME_interval``, see `ratio_interval`, by product (None of a single product); and
      ``"listings"``.
    """
    known = truth.known()
    asked = asked[known[asked]]
    classes = truth.classes()
    together = _others(group, known)[asked]
    wanted = _others(classes, known)[asked]
    pairs = np.stack([group, classes], axis=1)
    right = _others(np.unique(pairs, axis=0, return_inverse=True)[1].reshape(-1), known)[asked]
    parts = np.stack([right, right, (right + 1) / (together + 1), (right + 1) / (wanted + 1)], 1)
    wholes = np.stack([together, wanted, np.ones(len(asked)), np.ones(len(asked))], 1)
    told: dict[str, Any] = {"listings": len(asked)}
    if not len(asked):
        return told
    several = len(np.unique(truth.product[asked])) > 1
    low, high = ratio_interval(parts, wholes, truth.product[asked], shares=True)
    for n, name in enumerate(MEASURES):
        whole = wholes[:, n].sum()
        told[name] = float(parts[:, n].sum() / whole) if whole else None
        told[f"{name}_interval"] = [float(low[n]), float(high[n])] if whole and several else None
    return told


def _others(number: Int[NDArray, " n"], known: NDArray[np.bool_]) -> Int64[NDArray, " n"]:
    """How many other known listings have the same number."""
    return np.bincount(number, known, int(number.max(initial=-1)) + 1)[number].astype(np.int64) - 1
