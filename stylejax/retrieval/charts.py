"""Curves of a run as data: lines, axes with round numbers; the page's template draws them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

VIEW_NAMES = {"i": "photo", "t": "title", "m": "both"}
SAME_VIEW = ("i-i", "t-t", "m-m")
CURVE_POINTS = 300
RECALL_TICKS = [1.0, 5.0, 10.0, 15.0, 20.0]
SHARE_TICKS = [0.0, 0.25, 0.5, 0.75, 1.0]

# Metrics of the record -> title and vertical axis of their chart.
PROGRESS = {
    "recall@1": ("R@1 during training", "% of queries"),
    "map@r": ("mAP@R during training", "%"),
}


@dataclass(frozen=True)
class Series:
    """One line of a chart; `style` is a view (i, t, m) or empty."""

    name: str
    style: str
    points: list[tuple[float, float]]


@dataclass(frozen=True)
class Chart:
    """Lines over one pair of axes; an axis spans its ticks, the horizontal one its range."""

    title: str
    x_label: str
    y_label: str
    x_range: tuple[float, float]
    x_ticks: list[float]
    y_ticks: list[float]
    series: list[Series]
    percent: bool = False  # values are shares, shown in percent


def recall_chart(first_right: Mapping[str, Mapping[int, int]]) -> Chart | None:
    """Recall@k from k = 1 to 20; None when no direction has a query.

    Args:
      first_right: direction -> query -> rank of its first right result.
    """
    last = int(RECALL_TICKS[-1])
    lines = []
    for direction, ranks in first_right.items():
        if ranks:
            points = [(float(k), _recall(ranks, k)) for k in range(1, last + 1)]
            lines.append(Series(VIEW_NAMES[direction[0]], direction[0], points))
    if not lines:
        return None
    return Chart(
        title="Recall@k",
        x_label="k, results looked at",
        y_label="% of queries",
        x_range=(1.0, RECALL_TICKS[-1]),
        x_ticks=RECALL_TICKS,
        y_ticks=SHARE_TICKS,
        series=lines,
        percent=True,
    )


def pair_charts(pairs: Mapping[str, Mapping[str, Any]]) -> list[Chart]:
    """Precision over recall, and ROC, of a threshold of the cosine: a line for each view.

    Args:
      pairs: direction to what `pair_curve` or `ranked_curve` gave.
    """
    curves = {d: pairs[d]["curve"] for d in SAME_VIEW if pairs.get(d, {}).get("curve")}
    if not curves:
        return []
    axes = (
        (
            "Precision over recall",
            "recall",
            "% of accepted pairs right",
            (2, 1),
            "average_precision",
        ),
        ("ROC", "wrong pairs accepted", "% of right pairs accepted", (3, 2), "roc_auc"),
    )
    charts = []
    for title, x_label, y_label, (x, y), area in axes:
        lines = []
        for direction, rows in curves.items():
            points = [(row[x], row[y]) for row in rows]
            corners = points if area == "average_precision" else [(0.0, 0.0), *points, (1.0, 1.0)]
            name = f"{VIEW_NAMES[direction[0]]}, area {pairs[direction][area]:.3f}"
            lines.append(Series(name, direction[0], corners))
        charts.append(
            Chart(
                title, x_label, y_label, (0.0, 1.0), SHARE_TICKS, SHARE_TICKS, lines, percent=True
            )
        )
    return charts


def _recall(ranks: Mapping[int, int], k: int) -> float:
    """Share of queries with a right result among the first k."""
    return sum(rank <= k for rank in ranks.values()) / len(ranks)


def progress_charts(record: Sequence[Mapping[str, float]]) -> list[Chart]:
    """One chart a retrieval metric of the record, one line a direction."""
    keys = dict.fromkeys(key for line in record for key in line if key.startswith("retrieval/"))
    charts = []
    for metric in dict.fromkeys(key.split("/")[2] for key in keys):
        lines = [
            Series(VIEW_NAMES[direction[0]], direction[0], points)
            for direction in SAME_VIEW
            if (points := points_of(record, f"retrieval/{direction}/{metric}"))
        ]
        if lines:
            title, unit = PROGRESS.get(metric, (f"{metric} during training", "%"))
            charts.append(over_steps(title, unit, SHARE_TICKS, lines, percent=True))
    return charts


def training_charts(
    record: Sequence[Mapping[str, float]],
) -> tuple[Chart | None, list[Chart]]:
    """The loss, and a chart for each of its parts and for whatever else training wrote."""
    keys = dict.fromkeys(key for line in record for key in line)
    others = [k for k in keys if k not in ("step", "loss") and not k.startswith("retrieval/")]
    others.sort(key=lambda key: "/" not in key)  # parts of the loss have a slash and come first
    charts = {}
    for key in ("loss", *others):
        if points := points_of(record, key):
            values = [value for _, value in points]
            # Zero is always in sight, so that heights can be compared.
            ticks = round_ticks(min(0.0, *values), max(0.0, *values))
            name = "total loss" if key == "loss" else key.replace("_", " ")
            unit = "loss" if key == "loss" else ""
            charts[key] = over_steps(name, unit, ticks, [Series(name, "", points)])
    return charts.pop("loss", None), list(charts.values())


def round_ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Round numbers, from the last at or below `low` to the first at or above `high`."""
    high = high if high > low else low + 1
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(s * power for s in (1, 2, 2.5, 5, 10) if s * power >= rough * (1 - 1e-9))
    start, stop = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(n * step, 12) for n in range(start, stop + 1)]


def points_of(record: Sequence[Mapping[str, float]], key: str) -> list[tuple[float, float]]:
    """Finite values over steps; a long record becomes `CURVE_POINTS` means, each up to its step."""
    points = [(line["step"], line[key]) for line in record if math.isfinite(line.get(key, np.nan))]
    if len(points) <= CURVE_POINTS:
        return points
    parts = np.array_split(np.array(points), CURVE_POINTS)
    return [(float(part[-1, 0]), float(part[:, 1].mean())) for part in parts]


def over_steps(
    title: str, unit: str, y_ticks: list[float], series: list[Series], *, percent: bool = False
) -> Chart:
    """Lines over training steps, from 0 to the last step of any."""
    last = max(1.0, *(step for line in series for step, _ in line.points))
    return Chart(
        title=title,
        x_label="training step",
        y_label=unit,
        x_range=(0.0, last),
        x_ticks=[tick for tick in round_ticks(0.0, last) if tick <= last],
        y_ticks=y_ticks,
        series=series,
        percent=percent,
    )
