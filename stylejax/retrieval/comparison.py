"""Runs side by side: which settings differ, what came out, and their curves over each other."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stylejax.config import Config, ConfigError
from stylejax.retrieval.charts import Chart, Series, over_steps, points_of, round_ticks
from stylejax.retrieval.evaluation.comparable import PROTOCOL, Difference

MOST = 6  # runs: as many as lines can be told apart
SHOWN = ("recall@1", "map@r")  # of what evaluate measured
SURE = 0.05  # p below which a difference is marked
SPEED = ("pairs_per_second", "data_wait", "mfu")


@dataclass(frozen=True)
class ComparedRun:
    """A run, as far as it has come."""

    name: str
    config: Config
    record: Sequence[Mapping[str, float]]  # lines of metrics.jsonl
    metrics: Mapping[str, Any]  # what evaluate wrote; empty = it was not evaluated


@dataclass(frozen=True)
class Row:
    """One line of a table, a cell a run."""

    name: str
    cells: tuple[str, ...]
    best: tuple[int, ...] = ()  # runs with the best value, where one is better than another


def named(folders: Sequence[Path]) -> list[str]:
    """Short names of runs' folders that tell them apart.

    Raises:
      ConfigError: when there are too few or too many, or one is named twice.
    """
    if not 2 <= len(folders) <= MOST:
        raise ConfigError(f"{len(folders)} runs cannot be compared; name 2 to {MOST} of them")
    paths = [folder.resolve() for folder in folders]
    if len(set(paths)) < len(paths):
        twice = next(path for path in paths if paths.count(path) > 1)
        raise ConfigError(f"{twice} is named twice; name different runs")
    depth = 1
    while len({path.parts[-depth:] for path in paths}) < len(paths):
        depth += 1
    return ["/".join(path.parts[-depth:]) for path in paths]


def settings(runs: Sequence[ComparedRun]) -> list[Row]:
    """Every setting in which the runs differ; where a run lies is none."""
    flat = [_flat(dataclasses.asdict(run.config)) for run in runs]
    keys = dict.fromkeys(key for values in flat for key in values)
    return [
        Row(key, cells)
        for key in keys
        if key != "run_dir"
        and len(set(cells := tuple(str(values.get(key, "-")) for values in flat))) > 1
    ]


def results(runs: Sequence[ComparedRun]) -> list[Row]:
    """Steps, the last loss, speed, and what was measured on the way and in the end.

    The best is marked only where all runs were judged by the same queries and gallery.
    """
    on_the_way = max if _alike([_watched(run.config) for run in runs]) else None
    judged = [run.metrics for run in runs if run.metrics]
    in_the_end = max if _alike([[m.get(key) for key in PROTOCOL] for m in judged]) else None
    done = [max((line["step"] for line in run.record), default=0.0) for run in runs]
    rows = [_row("steps", done, "{:,.0f}")]
    rows.append(_row("loss", [_last(run, "loss") for run in runs], "{:z.4f}"))
    for key in _keys(runs, lambda key: key in SPEED):
        values = [_median(run, key) for run in runs]
        form = "{:,.1f}" if key == "pairs_per_second" else "{:.1%}"
        rows.append(_row(f"{key.replace('_', ' ')}, median", values, form))
    for key in _keys(runs, lambda key: key.startswith("retrieval/")):
        name = key.removeprefix("retrieval/").replace("/", " ")
        rows.append(
            _row(
                f"{name}, on the way", [_last(run, key) for run in runs], "{:.3f}", best=on_the_way
            )
        )
    directions = dict.fromkeys(d for run in runs for d in run.metrics.get("directions", {}))
    for direction in directions:
        for metric in SHOWN:
            values = [
                run.metrics.get("directions", {}).get(direction, {}).get(metric) for run in runs
            ]
            rows.append(_row(f"{direction} {metric}, evaluated", values, "{:.3f}", best=in_the_end))
    return [row for row in rows if any(cell != "-" for cell in row.cells)]


def paired_rows(tested: Mapping[tuple[str, str], Sequence[Difference]]) -> list[Row]:
    """What the paired tests found: a line for each run against the first, direction and metric.

    A difference with p below .05 is marked as best.
    """
    several = len(tested) > 1
    return [
        Row(
            f"{second}: {one.direction} {one.metric}"
            if several
            else f"{one.direction} {one.metric}",
            (
                f"{one.first:.3f}",
                f"{one.second:.3f}",
                f"{one.second - one.first:+z.3f}",
                f"{one.low:+z.3f} to {one.high:+z.3f}",
                f"{one.p:.4f}",
                f"{one.queries:,}",
            ),
            (2,) if one.p < SURE else (),
        )
        for (_, second), found in tested.items()
        for one in found
    ]


def curves(runs: Sequence[ComparedRun]) -> list[Chart]:
    """A chart for the loss and for all that was measured on the way, a line a run."""
    charts = []
    for key in ("loss", *_keys(runs, lambda key: key.startswith("retrieval/"))):
        lines = [
            Series(run.name, f"run{number}", points)
            for number, run in enumerate(runs)
            if (points := points_of(run.record, key))
        ]
        if lines:
            values = [y for line in lines for _, y in line.points]
            share = key != "loss"
            ticks = round_ticks(0.0, 1.0 if share else max(values)) if min(values) >= 0 else None
            ticks = ticks or round_ticks(min(values), max(values))
            name = key.removeprefix("retrieval/").replace("/", " ")
            charts.append(over_steps(name, "%" if share else "", ticks, lines, percent=share))
    return charts


def _watched(config: Config) -> list[Any]:
    """By what a run was judged on the way."""
    data, splits = config.data, config.evaluation
    return [
        data.name,
        data.catalogue,
        data.columns.group,
        data.columns.split,
        splits.query_split,
        splits.gallery_split,
    ]


def _alike(values: Sequence[Any]) -> bool:
    return all(value == values[0] for value in values)


def _keys(runs: Sequence[ComparedRun], wanted: Any) -> list[str]:
    return [*dict.fromkeys(k for run in runs for line in run.record for k in line if wanted(k))]


def _row(name: str, values: Sequence[float | None], form: str, best: Any = None) -> Row:
    cells = tuple("-" if value is None else form.format(value) for value in values)
    known = [value for value in values if value is not None]
    top = best(known) if best and len(known) > 1 else None
    if top is None:
        return Row(name, cells)
    shown = form.format(top)  # what reads alike is alike
    return Row(name, cells, tuple(n for n, cell in enumerate(cells) if cell == shown))


def _last(run: ComparedRun, key: str) -> float | None:
    found = [line[key] for line in run.record if math.isfinite(line.get(key, math.nan))]
    return found[-1] if found else None


def _median(run: ComparedRun, key: str) -> float | None:
    found = [line[key] for line in run.record if key in line]
    return statistics.median(found) if found else None


def _flat(values: Any, name: str = "") -> dict[str, Any]:
    if not isinstance(values, dict):
        return {name: values}
    parts = [_flat(value, f"{name}.{key}".strip(".")) for key, value in values.items()]
    return {key: value for part in parts for key, value in part.items()}
