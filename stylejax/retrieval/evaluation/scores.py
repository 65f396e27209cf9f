"""The metrics of every query of one direction: for means, intervals and comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Float64, Int
from numpy.typing import NDArray

from stylejax.retrieval.evaluation.metrics import graded_metrics, ranking_metrics
from stylejax.retrieval.evaluation.ranks import Ranks
from stylejax.retrieval.evaluation.significance import bootstrap_interval
from stylejax.retrieval.evaluation.truth import Truth


@dataclass(frozen=True)
class Scores:
    """Metrics of k queries."""

    rows: Int[NDArray, " k"]  # row of each query
    right: Int[NDArray, " k"]  # right answers that take part
    names: Sequence[str]  # of the metrics
    values: Float64[NDArray, "k m"]

    def mean(self, some: NDArray[np.bool_] | None = None) -> dict[str, float]:
        """Mean of each metric over some queries, and ``queries``, how many; no mean of none."""
        values = self.values if some is None else self.values[some]
        found: dict[str, float] = {}
        if len(values):
            found |= dict(zip(self.names, values.mean(axis=0).tolist(), strict=True))
        return found | {"queries": len(values)}

    def intervals(self, clusters: Int[NDArray, " k"]) -> dict[str, list[float]]:
        """Lower and upper end of each mean, see `bootstrap_interval`; none of a single product."""
        if len(np.unique(clusters)) < 2:
            return {}  # it tells nothing of other products
        low, high = bootstrap_interval(self.values, clusters, shares=True)
        return {n: [float(a), float(b)] for n, a, b in zip(self.names, low, high, strict=True)}

    def table(self, direction: str, item_id: Sequence[str], cluster: Sequence[str]) -> pa.Table:
        """A row a query: ``direction, item_id, cluster, right``, and a column a metric."""
        columns: dict[str, Any] = {
            "direction": [direction] * len(self.rows),
            "item_id": [item_id[row] for row in self.rows],
            "cluster": [cluster[row] for row in self.rows],
            "right": self.right,
        }
        metrics = {name: self.values[:, n] for n, name in enumerate(self.names)}
        return pa.table(columns | metrics)


def scores_of(ranks: Ranks, truth: Truth) -> Scores:
    """The metrics of every query that has something to find; the graded ones too, for grades."""
    graded, found = truth.graded, []
    most = float(truth.gain.max(initial=0.0))
    for first, last in zip(ranks.starts[:-1], ranks.starts[1:], strict=True):
        positions, gains = ranks.rank[first:last], ranks.gain[first:last]
        metrics = ranking_metrics(positions)
        found.append(metrics | graded_metrics(positions, gains, most) if graded else metrics)
    names = list(found[0]) if found else []
    values = np.array([[score[name] for name in names] for score in found])
    return Scores(
        truth.queries[ranks.query],
        np.diff(ranks.starts),
        names,
        values.reshape(len(found), len(names)),
    )
