"""Two evaluations of the same queries: what one finds that the other does not, and by chance?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stylejax.config import ConfigError
from stylejax.retrieval.evaluation.significance import bootstrap_interval, holm, paired_test

COMPARED = ("recall@1", "map@r")
PROTOCOL = ("protocol", "gallery", "truth")  # of what evaluate wrote: who was asked for what
WHO = ["direction", "item_id"]


@dataclass(frozen=True)
class Difference:
    """One metric of one direction in two runs, over the same queries."""

    direction: str
    metric: str
    first: float
    second: float
    low: float  # of second less first, 95 %
    high: float
    p: float  # of the paired test, raised for the number of tests (Holm)
    queries: int


def queries_file(metrics: Path) -> Path:
    """Where the metrics of every query lie, beside those of all."""
    return metrics.with_suffix(".queries.parquet")


def read_queries(metrics: Path) -> pa.Table:
    """A row for every direction and query.

    Raises:
      ConfigError: when there is none, or it cannot be read.
    """
    path = queries_file(metrics)
    if not path.is_file():
        raise ConfigError(f"no {path}; run `stylejax evaluate` again")
    try:
        return pq.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise ConfigError(f"cannot read {path}; run `stylejax evaluate` again") from error


def require_same_protocol(first: Mapping[str, Any], second: Mapping[str, Any]) -> None:
    """Checks that two evaluations asked the same of both runs.

    Args:
      first: what evaluate wrote of one run.
      second: likewise of another.

    Raises:
      ConfigError: when splits, judgements, the gallery or the column of true products differ.
    """
    for name in PROTOCOL:
        mine, theirs = first.get(name), second.get(name)
        if mine != theirs:
            raise ConfigError(
                f"the evaluations differ in more than the model: {name} is {mine} in the one, "
                f"{theirs} in the other; evaluate both runs with the same catalogue and splits"
            )


def differences(
    first: pa.Table, second: pa.Table, metrics: Sequence[str] = COMPARED
) -> list[Difference]:
    """Compares two runs query by query.

    Args:
      first: of `read_queries`.
      second: likewise; the same queries with the same number of right answers, in any order.
      metrics: to compare.

    Raises:
      ConfigError: when they are of other queries, naming one.
    """
    if not first.num_rows or not second.num_rows:
        return []
    tables = [table.sort_by([(name, "ascending") for name in WHO]) for table in (first, second)]
    found = [
        difference
        for direction in _directions(first)
        if direction in _directions(second)
        for difference in _tested(
            direction, _of(tables[0], direction), _of(tables[1], direction), metrics
        )
    ]
    if not found:
        return []
    raised = holm(np.array([difference.p for difference in found])).tolist()
    return [replace(one, p=p) for one, p in zip(found, raised, strict=True)]


def _tested(
    direction: str, one: pa.Table, other: pa.Table, metrics: Sequence[str]
) -> list[Difference]:
    """The differences of one direction, p as it is."""
    _require_same(direction, one, other)
    _, cluster = np.unique(np.array(one["cluster"].to_pylist()), return_inverse=True)
    a, b = (np.stack([t[m].to_numpy() for m in metrics], axis=1) for t in (one, other))
    columns = a.mean(axis=0), b.mean(axis=0), *bootstrap_interval(b - a, cluster)
    p = paired_test(b - a, cluster)
    rows = zip(metrics, *(column.tolist() for column in (*columns, p)), strict=True)
    return [Difference(direction, *row, queries=len(a)) for row in rows]


def _of(table: pa.Table, direction: str) -> pa.Table:
    return table.filter(pc.equal(table["direction"], direction))


def _directions(table: pa.Table) -> list[str]:
    return list(dict.fromkeys(table["direction"].to_pylist()))


def _require_same(direction: str, one: pa.Table, other: pa.Table) -> None:
    """Raises ConfigError where the queries, or what there is to find for them, are not the same."""
    sides = [
        dict(zip(t["item_id"].to_pylist(), t["right"].to_pylist(), strict=True))
        for t in (one, other)
    ]
    if sides[0] == sides[1]:
        return
    odd = sorted(
        item for item in {**sides[0], **sides[1]} if sides[0].get(item) != sides[1].get(item)
    )
    counts = [f"{side[odd[0]]} right answers" if odd[0] in side else "none" for side in sides]
    raise ConfigError(
        f"the evaluations differ in more than the model: {len(odd)} queries of {direction} are not "
        f"the same, the first {odd[0]!r} ({counts[0]} and {counts[1]}); evaluate both runs with "
        "the same catalogue and splits"
    )
