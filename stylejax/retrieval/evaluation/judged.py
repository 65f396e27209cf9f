"""Evaluation by human judgements: pairs with labels, or grades, with and without distractors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from stylejax.config import ConfigError
from stylejax.retrieval.evaluation.evaluate import Evaluation, judge
from stylejax.retrieval.evaluation.pairs import pair_curve
from stylejax.retrieval.evaluation.truth import Truth, own_numbers
from stylejax.retrieval.vectors import Vectors

AT_ONCE = 65_536  # pairs whose vectors are in memory


@dataclass(frozen=True)
class Judged:
    """Judged pairs of a query and a listing, by row; `lost` tells what has no vectors."""

    query: Int[NDArray, " p"]  # row in the vectors that search
    found: Int[NDArray, " p"]  # row in the vectors that are found
    gain: Float[NDArray, " p"]  # 0 = wrong
    lost: list[tuple[str, int]]  # what was left out, and how many


def judged_rows(
    query: Sequence[str],
    item_id: Sequence[str],
    gain: Sequence[float],
    asking: Vectors,
    found: Vectors,
) -> Judged:
    """Judgements by name as judgements by row; those of what was not exported are counted.

    Raises:
      ConfigError: when none is left.
    """
    rows = [{item: row for row, item in enumerate(v.item_id)} for v in (asking, found)]
    pairs = [(rows[0].get(q, -1), rows[1].get(i, -1)) for q, i in zip(query, item_id, strict=True)]
    ends = np.array(pairs, np.int64).reshape(-1, 2)
    known = (ends >= 0).all(axis=1)
    itself = known & (np.array(query, object) == np.array(item_id, object)) & (asking is found)
    kept = known & ~itself
    if not kept.any():
        raise ConfigError(
            f"none of {len(pairs):,} judgements is of exported listings, the first is of "
            f"{query[0]!r} and {item_id[0]!r}; export the catalogue that they are of"
        )
    lost = [("of listings that were not exported", int((~known).sum()))]
    lost += [("of a listing and itself", int(itself.sum()))]
    gains = np.array(gain, np.float64)[kept]
    return Judged(ends[kept, 0], ends[kept, 1], gains, [one for one in lost if one[1]])


def truth_of(judged: Judged, found: Vectors, *, same: bool, distractors: bool) -> Truth:
    """What people called right is right, and all else is wrong.

    Args:
      judged: the judgements.
      found: vectors that are found.
      same: whether queries are listings of those; a query never finds itself.
      distractors: search all of them, not only those that anyone judged.
    """
    queries, query = np.unique(judged.query, return_inverse=True)
    gallery = np.arange(len(found.item_id)) if distractors else np.unique(judged.found)
    right = judged.gain > 0
    own = own_numbers(queries, gallery) if same else np.full(len(queries), -1)
    place = np.searchsorted(gallery, judged.found)
    return Truth(queries, gallery, own, query[right], place[right], judged.gain[right])


def evaluate_judged(
    asking: Vectors,
    found: Vectors,
    judged: Judged,
    directions: Sequence[str],
    breakdowns: Mapping[str, Sequence[str]],
) -> Evaluation:
    """Metrics among the judged listings alone, and among all exported ones.

    A query without any right answer is not counted. Unjudged listings, the distractors, count as
    wrong. ROC and precision-recall are over the judged pairs themselves, and exact.

    Args:
      asking: vectors that search; the found ones themselves where queries are listings.
      found: vectors that are found.
      judged: the judgements.
      directions: query view - gallery view.
      breakdowns: see `judge`.

    Returns:
      The metrics of `judge` among the judged, with ``"pairs"`` of the judged pairs, ``"graded"``,
      and ``"with_distractors"``, the metrics of `judge` among all.
    """
    same = asking is found
    results = [
        judge(
            asking,
            found,
            truth_of(judged, found, same=same, distractors=distractors),
            asking.item_id,
            breakdowns,
            directions=directions,
        )
        for distractors in (False, True)
    ]
    pairs = {
        direction: pair_curve(*_scored(asking, found, judged, direction))
        for direction in results[0].metrics["directions"]
    }
    results[0].metrics.update(
        {
            "pairs": pairs,
            "graded": truth_of(judged, found, same=same, distractors=False).graded,
            "with_distractors": results[1].metrics,
        }
    )
    return results[0]


def _scored(asking: Vectors, found: Vectors, judged: Judged, direction: str) -> tuple[Any, Any]:
    """Cosines of the judged pairs that have both views, and whether they are right."""
    ask, answer = direction.split("-")
    there = asking.present[ask][judged.query] & found.present[answer][judged.found]
    query, other = judged.query[there], judged.found[there]
    scores = np.zeros(len(query), np.float32)
    for start in range(0, len(query), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        one, two = asking.take(ask, query[part]), found.take(answer, other[part])
        scores[part] = np.einsum("pd,pd->p", one, two)
    return scores, judged.gain[there] > 0
