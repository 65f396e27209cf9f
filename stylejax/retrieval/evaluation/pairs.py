"""Pairs of a query and an answer, judged by a threshold of the cosine: ROC and precision-recall."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from stylejax.retrieval.evaluation.ranks import Ranks

LEVELS = 50  # points of a curve, at equal steps of recall


def pair_curve(scores: Float[NDArray, " p"], right: Bool[NDArray, " p"]) -> dict[str, Any]:
    """How well a threshold of the score tells right pairs from wrong ones; exact.

    Args:
      scores: of each pair.
      right: whether it is right.

    Returns:
      ``roc_auc`` (equal scores count half), ``average_precision`` (the step function's), ``right``
      and ``wrong`` (how many), and ``curve``: about 50 rows of ``[threshold, precision, recall,
      false positive rate]``, by rising recall; empty where one kind of pair is missing.
    """
    threshold, place = np.unique(scores, return_inverse=True)
    counts = [np.bincount(place[which], minlength=len(threshold)) for which in (right, ~right)]
    return _curve(threshold.astype(np.float64), *counts)


def ranked_curve(ranks: Ranks) -> dict[str, Any]:
    """The same over all answers in the gallery of the queries that were drawn.

    Cosines are counted in bins, so areas are within half a bin's share of the exact ones.
    """
    bins = len(ranks.wrong)
    counted = np.repeat(ranks.drawn, np.diff(ranks.starts))
    place = np.clip((ranks.score[counted] + 1) * (bins / 2), 0, bins - 1).astype(np.int64)
    right = np.bincount(place, minlength=bins)
    some = np.flatnonzero(right + ranks.wrong)
    return _curve(some * (2 / bins) - 1, right[some], ranks.wrong[some])


def _curve(
    threshold: Float[NDArray, " t"], right: Int[NDArray, " t"], wrong: Int[NDArray, " t"]
) -> dict[str, Any]:
    """From how many pairs of either kind have each score, ascending."""
    rights, wrongs = int(right.sum()), int(wrong.sum())
    found = {"right": rights, "wrong": wrongs}
    if not rights or not wrongs:
        return found | {"curve": []}
    below = np.cumsum(wrong) - wrong
    area = float((right * (below + wrong / 2)).sum()) / rights / wrongs
    accepted = np.cumsum(right[::-1])[::-1], np.cumsum(wrong[::-1])[::-1]
    precision = accepted[0] / (accepted[0] + accepted[1])
    recall, false = accepted[0] / rights, accepted[1] / wrongs
    average = float((precision * right).sum()) / rights
    # The highest threshold of each recall.
    levels = np.arange(1, LEVELS + 1) / LEVELS
    at = np.unique(np.searchsorted(-recall, -levels + 1e-12, side="right") - 1)[::-1]
    rows = np.stack([threshold, precision, recall, false], axis=1)[at]
    return {"roc_auc": area, "average_precision": average, **found, "curve": rows.tolist()}
