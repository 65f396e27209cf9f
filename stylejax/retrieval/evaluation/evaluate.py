"""Judging vectors: the metrics of all directions, for listings that sell the same product."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Int
from numpy.typing import NDArray

from stylejax.config import VIEWS, ConfigError
from stylejax.labels import Label, require_in_catalogue
from stylejax.retrieval.evaluation.pairs import ranked_curve
from stylejax.retrieval.evaluation.ranks import rank_right
from stylejax.retrieval.evaluation.scores import scores_of
from stylejax.retrieval.evaluation.truth import Truth, of_groups
from stylejax.retrieval.vectors import Vectors

ALWAYS = "category"  # the breakdown that is always there
FULLEST = ("m-m", "t-t", "i-i")  # directions that say most, as far as they were exported
DIRECTIONS = tuple(f"{q}-{t}" for q in VIEWS for t in VIEWS)


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found."""

    metrics: dict[str, Any]  # as ``metrics.json`` has it
    queries: pa.Table  # a row for every direction and query: `Scores.table`


def judge(
    asking: Vectors,
    found: Vectors,
    truth: Truth,
    clusters: Sequence[str],
    breakdowns: Mapping[str, Sequence[str]],
    *,
    directions: Sequence[str] = DIRECTIONS,
) -> Evaluation:
    """Retrieval metrics for each direction, overall and divided.

    Who takes part in a direction is told at `rank_right`; a query without anything to find is not
    counted.

    Args:
      asking: vectors that search.
      found: vectors that are found; may be the same.
      truth: what is right for whom.
      clusters: what goes together with each listing that may search, such as its product.
      breakdowns: name to the value of each listing that may search; "" = not counted. One with
        a single value is left out, but for ``category``.
      directions: query view - gallery view; those that were not exported are left out.

    Returns:
      ``{"directions": {"m-m": {"mrr": ..., "recall@1": ..., "queries": ...}, ...},
      "intervals": {"m-m": {"mrr": [low, high], ...}, ...},
      "breakdowns": {name: {value: {direction: {...}}}}, "pairs": {direction: `ranked_curve`},
      "queries": q, "gallery": g}``; the intervals hold 95 % of what `bootstrap_interval` draws.
    """
    overall: dict[str, dict[str, float]] = {}
    intervals: dict[str, dict[str, list[float]]] = {}
    pairs: dict[str, dict[str, Any]] = {}
    divided: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in breakdowns}
    tables = []
    for direction in directions:
        ask, answer = direction.split("-")
        if ask not in asking.present or answer not in found.present:
            continue  # not exported
        ranks = rank_right(asking, found, direction, truth)
        scores = scores_of(ranks, truth)
        overall[direction] = scores.mean()
        if not len(scores.rows):
            continue
        rows = scores.rows.tolist()
        _, cluster = np.unique([str(clusters[row]) for row in rows], return_inverse=True)
        if ends := scores.intervals(cluster):
            intervals[direction] = ends
        pairs[direction] = ranked_curve(ranks)
        for name, values in breakdowns.items():
            mine = np.array([str(values[row]) for row in rows])
            for value in set(mine.tolist()) - (set() if name == ALWAYS else {""}):
                divided[name].setdefault(value, {})[direction] = scores.mean(mine == value)
        tables.append(scores.table(direction, asking.item_id, clusters))
    metrics = {
        "directions": overall,
        "intervals": intervals,
        "breakdowns": {
            name: dict(sorted(values.items()))
            for name, values in divided.items()
            if len(values) > 1 or name == ALWAYS
        },
        "pairs": pairs,
        "queries": len(truth.queries),
        "gallery": len(truth.gallery),
    }
    return Evaluation(metrics, pa.concat_tables(tables) if tables else pa.table({}))


def evaluate_splits(
    vectors: Vectors,
    labels: Mapping[str, Label],
    query_split: str,
    gallery_split: str,
    *,
    directions: Sequence[str] = DIRECTIONS,
    breakdowns: Mapping[str, Sequence[str]] | None = None,
    sample: int = 0,
) -> Evaluation:
    """`judge` with queries and gallery named by split, and listings of one product right.

    A query that is itself in the gallery is left out of its own ranking (leave one out).

    Args:
      vectors: the listings.
      labels: item id to truth.
      query_split: listings that search.
      gallery_split: listings that are found; may be the same.
      directions: query view - gallery view.
      breakdowns: see `judge`; None = by category.
      sample: queries, drawn; 0 = all.

    Returns:
      With ``"protocol"`` among the metrics; it has ``"sample"`` where queries were drawn.

    Raises:
      ConfigError: when a vector's listing has no label, or a split has no listing.
    """
    protocol: dict[str, Any] = {"queries": query_split, "gallery": gallery_split}
    protocol["leave_one_out"] = query_split == gallery_split
    known = labels_of(vectors, labels)
    if 0 < sample < sum(label.split == query_split for label in known):
        protocol["sample"] = sample  # more than there are is all of them
    truth = truth_of_splits(known, protocol)
    if breakdowns is None:
        breakdowns = {"category": [label.category for label in known]}
    groups = [label.group for label in known]
    result = judge(vectors, vectors, truth, groups, breakdowns, directions=directions)
    result.metrics["protocol"] = protocol
    return result


def truth_of_splits(known: Sequence[Label], protocol: Mapping[str, Any]) -> Truth:
    """Who searches whom, and what is right, by the protocol that `evaluate_splits` wrote.

    Args:
      known: the truth of each listing.
      protocol: ``queries`` and ``gallery`` name splits, ``sample`` the number of queries drawn.

    Raises:
      ConfigError: when a split has no listing.
    """
    splits = [label.split for label in known]
    queries, gallery = split_rows(splits, protocol["queries"], protocol["gallery"])
    if sample := protocol.get("sample", 0):
        queries = np.sort(np.random.default_rng(0).permutation(queries)[:sample])
    return of_groups([label.group for label in known], queries, gallery)


def labels_of(vectors: Vectors, labels: Mapping[str, Label]) -> list[Label]:
    """The truth of each listing.

    Raises:
      ConfigError: when one has none.
    """
    require_in_catalogue(vectors.item_id, labels)
    return [labels[item] for item in vectors.item_id]


def split_rows(
    splits: Sequence[str], query_split: str, gallery_split: str
) -> tuple[Int[NDArray, " q"], Int[NDArray, " g"]]:
    """Rows of the listings that search, and of those that are found.

    Args:
      splits: of each listing.
      query_split: name of the split that searches.
      gallery_split: name of the split that is found; may be the same.

    Raises:
      ConfigError: when one of them has no listing, naming those there are and the setting.
    """
    there = np.array(splits, dtype=object)
    rows = []
    for split, name in ((query_split, "query"), (gallery_split, "gallery")):
        rows.append(np.flatnonzero(there == split))
        if len(rows[-1]) == 0:
            verb = {"query": "--queries", "gallery": "--gallery"}[name]
            raise ConfigError(
                f"no listing of split {split!r}; there are {sorted(set(splits))}: set "
                f"--evaluation.{name}-split of a training, {verb} of `stylejax evaluate`"
            )
    return rows[0], rows[1]


def worst_first(by_category: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Categories with their directions, by rising R@1, then by name.

    It is that of photo and title together; where that view was not exported, of titles, of photos,
    or of whatever there is.
    """
    there = [direction for values in by_category.values() for direction in values]
    by = next((direction for direction in (*FULLEST, *there) if direction in there), "")

    def worst(entry: tuple[str, Any]) -> tuple[float, str]:
        return entry[1].get(by, {}).get("recall@1", 0.0), entry[0]

    return sorted(by_category.items(), key=worst)
