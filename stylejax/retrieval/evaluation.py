"""Offline evaluation: does a query listing find the other listings of its product?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int
from numpy.typing import NDArray

from stylejax.config import VIEWS, ConfigError
from stylejax.labels import Label
from stylejax.retrieval.manifest import identity
from stylejax.retrieval.metrics import Ranking, mean_metrics, rank_gallery, ranking_metrics
from stylejax.retrieval.significance import bootstrap_interval
from stylejax.retrieval.vectors import VectorSet

DIRECTIONS = tuple(f"{q}-{t}" for q in VIEWS for t in VIEWS)


def rank_direction(
    vectors: VectorSet,
    groups: Int[NDArray, " n"],
    queries: Int[NDArray, " q"],
    gallery: Int[NDArray, " g"],
    direction: str,
) -> tuple[Int[NDArray, " asking"], Int[NDArray, " found"], Iterator[Ranking]]:
    """Ranks the gallery for every query in one direction: for the metrics and for the report.

    A query that is itself in the gallery is left out of its own ranking (leave one out). A listing
    without the direction's view takes no part in it.

    Args:
      vectors: n listings.
      groups: `n` true products.
      queries: rows that search.
      gallery: rows that are found.
      direction: query view - gallery view, both exported.

    Returns:
      The rows that search, the rows that are found, and a ranking for each of the former; it
      counts both from 0.
    """
    query_view, target_view = direction.split("-")
    asking = queries[vectors.present[query_view][queries]]
    found = gallery[vectors.present[target_view][gallery]]
    place = np.full(len(vectors), -1)
    place[found] = np.arange(len(found))
    rankings = rank_gallery(
        vectors.vectors[query_view][asking],
        vectors.vectors[target_view][found],
        groups[asking],
        groups[found],
        place[asking],
    )
    return asking, found, rankings


def evaluate(
    vectors: VectorSet,
    groups: Sequence[str],
    categories: Sequence[str],
    queries: Int[NDArray, " q"],
    gallery: Int[NDArray, " g"],
    *,
    directions: Sequence[str] = DIRECTIONS,
) -> dict[str, Any]:
    """Retrieval metrics for each direction, overall and by category.

    Who takes part in a direction is told at `rank_direction`; a query without another listing of
    its product in the gallery is not counted.

    Args:
      vectors: n listings.
      groups: `n` true products.
      categories: `n` categories to break the results down by, of the query.
      queries: rows that search.
      gallery: rows that are found.
      directions: query view - gallery view.

    Returns:
      ``{"directions": {"m-m": {"mrr": ..., "recall@1": ..., "queries": ...}, ...},
      "intervals": {"m-m": {"mrr": [low, high], ...}, ...},
      "by_category": {category: {direction: {...}}}, "queries": q, "gallery": g}``; the intervals
      hold 95 % of what `bootstrap_interval` draws.
    """
    group_ids = np.unique(np.asarray(groups, dtype=object).astype(str), return_inverse=True)[1]
    overall: dict[str, dict[str, float]] = {}
    by_category: dict[str, dict[str, dict[str, float]]] = {}
    intervals: dict[str, dict[str, list[float]]] = {}
    for direction in directions:
        if not set(direction.split("-")) <= set(vectors.vectors):
            continue  # not exported
        asking, _, rankings = rank_direction(vectors, group_ids, queries, gallery, direction)
        scores: dict[str, list[dict[str, float]]] = {}
        products: dict[str, list[int]] = {}
        for ranking in rankings:
            if len(ranking.positions):
                category = categories[int(asking[ranking.query])]
                scores.setdefault(category, []).append(ranking_metrics(ranking.positions))
                product = int(group_ids[asking[ranking.query]])
                products.setdefault(category, []).append(product)
        everyone = [s for group in scores.values() for s in group]
        overall[direction] = mean_metrics(everyone)
        if everyone:
            intervals[direction] = _intervals(everyone, [p for x in products.values() for p in x])
        for category in sorted(scores):
            by_category.setdefault(category, {})[direction] = mean_metrics(scores[category])
    return {
        "directions": overall,
        "intervals": intervals,
        "by_category": {name: by_category[name] for name in sorted(by_category)},
        "queries": len(queries),
        "gallery": len(gallery),
    }


def _intervals(
    scores: Sequence[Mapping[str, float]], products: Sequence[int]
) -> dict[str, list[float]]:
    names = list(scores[0])
    values = np.array([[score[name] for name in names] for score in scores])
    low, high = bootstrap_interval(values, np.array(products))
    return {name: [float(a), float(b)] for name, a, b in zip(names, low, high, strict=True)}


def evaluate_splits(
    vectors: VectorSet,
    labels: Mapping[str, Label],
    query_split: str,
    gallery_split: str,
    *,
    directions: Sequence[str] = DIRECTIONS,
) -> dict[str, Any]:
    """`evaluate` with queries and gallery named by split; adds ``"protocol"`` to the result.

    Raises:
      ConfigError: when a vector's listing has no label, or a split has no listing.
    """
    unknown = [item for item in vectors.item_id if item not in labels]
    if unknown:
        raise ConfigError(
            f"{len(unknown)} exported listings are not in the catalogue, the first "
            f"{unknown[0]!r}; give the catalogue that was exported with --catalog"
        )
    known = [labels[item] for item in vectors.item_id]
    queries, gallery = split_rows([label.split for label in known], query_split, gallery_split)
    result = evaluate(
        vectors,
        [label.group for label in known],
        [label.category for label in known],
        queries,
        gallery,
        directions=directions,
    )
    protocol = {"queries": query_split, "gallery": gallery_split}
    return result | {"protocol": protocol | {"leave_one_out": query_split == gallery_split}}


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
    """Categories with their directions, by rising R@1 of photo and title together, then by name."""

    def worst(entry: tuple[str, Any]) -> tuple[float, str]:
        return entry[1].get("m-m", {}).get("recall@1", 0.0), entry[0]

    return sorted(by_category.items(), key=worst)


def require_metrics_of(metrics: Mapping[str, Any], manifest: Mapping[str, Any], path: Path) -> None:
    """Checks that metrics were made of an export: that their ``"vectors"`` are its `identity`.

    Args:
      metrics: what ``stylejax evaluate`` wrote.
      manifest: of the export.
      path: file of the metrics, for the error.

    Raises:
      ConfigError: when they are of other vectors, or do not say of which.
    """
    known, wanted = metrics.get("vectors", {}), identity(manifest)
    if known.get("sha256") != wanted["sha256"]:
        made = f"vectors of step {known['step']}" if "step" in known else "unknown vectors"
        raise ConfigError(
            f"{path} is of {made}, not of the vectors exported at step {wanted['step']} that the "
            "report would show; run `stylejax evaluate` again"
        )
