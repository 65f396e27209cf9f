"""Tests of stylejax/retrieval/charts.py: what the curves show."""

import math

import numpy as np
import pytest

from stylejax.retrieval.charts import (
    CURVE_POINTS,
    pair_charts,
    progress_charts,
    recall_chart,
    round_ticks,
    training_charts,
)


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.0, 4.1, [0, 2, 4, 6]),
        (0.0, 1.0, [0, 0.25, 0.5, 0.75, 1]),
        (0.0, 30.0, [0, 10, 20, 30]),
        (-10.0, 0.0, [-10, -7.5, -5, -2.5, 0]),
        (0.0, 0.0, [0, 0.25, 0.5, 0.75, 1]),
    ],
)
def test_round_ticks(low: float, high: float, ticks: list[float]) -> None:
    assert round_ticks(low, high) == ticks


@pytest.mark.parametrize("high", [1e-9, 0.003, 0.97, 7, 99, 1234, 5e7, 3e12])
def test_round_ticks_enclose_the_values(high: float) -> None:
    ticks = round_ticks(0.0, high)
    assert ticks[0] == 0
    assert ticks[-1] >= high * (1 - 1e-9)
    assert 3 <= len(ticks) <= 6
    np.testing.assert_allclose(np.diff(ticks), ticks[1])


def test_recall_chart_counts_queries_answered_within_k() -> None:
    chart = recall_chart({"i-i": {4: 1, 7: 3, 9: 25, 2: 20}, "t-t": {}})
    assert chart is not None
    (line,) = chart.series
    assert (line.name, line.style) == ("photo", "i")
    shares = dict(line.points)
    assert list(shares) == list(range(1, 21))
    assert [shares[k] for k in (1, 2, 3, 19, 20)] == [0.25, 0.25, 0.5, 0.5, 0.75]


def test_no_recall_chart_without_queries() -> None:
    assert recall_chart({"m-m": {}}) is None


def test_progress_has_one_chart_a_metric_and_one_line_a_direction() -> None:
    record = [
        {"step": 10, "loss": 1.0},
        {"step": 10, "retrieval/m-m/recall@1": 0.5, "retrieval/m-m/map@r": 0.25},
        {"step": 20, "retrieval/m-m/recall@1": 0.75, "retrieval/i-i/recall@1": 0.5},
    ]
    first, second = progress_charts(record)
    assert first.title == "R@1 during training"
    assert {line.name: line.points for line in first.series} == {
        "photo": [(20, 0.5)],
        "both": [(10, 0.5), (20, 0.75)],
    }
    assert [line.points for line in second.series] == [[(10, 0.25)]]


def test_training_charts_put_parts_of_the_loss_first() -> None:
    record = [{"step": 1, "gradient_norm": 3.0, "loss": 5.0, "ppm/m-m": 4.0, "plc/t": 1.0}]
    loss, others = training_charts(record)
    assert loss is not None
    assert loss.series[0].points == [(1, 5.0)]
    assert [chart.title for chart in others] == ["ppm/m-m", "plc/t", "gradient norm"]


def test_no_record_no_charts() -> None:
    assert training_charts([]) == (None, [])
    assert progress_charts([]) == []


def test_values_that_are_not_finite_are_left_out() -> None:
    record = [{"step": s, "loss": 1.0, "plc/t": math.nan} for s in range(3)]
    record[1]["plc/t"] = 0.5
    _, (part,) = training_charts(record)
    assert part.series[0].points == [(1, 0.5)]


def test_a_long_record_becomes_means_up_to_its_last_step() -> None:
    record = [{"step": float(s), "loss": 2.0 + (-1) ** s} for s in range(1, 60 * CURVE_POINTS + 1)]
    loss, _ = training_charts(record)
    assert loss is not None
    points = loss.series[0].points
    assert len(points) == CURVE_POINTS
    assert points[-1][0] == record[-1]["step"] == loss.x_range[1]
    assert all(value == 2.0 for _, value in points)


def test_zero_is_in_sight_and_negative_values_are_too() -> None:
    _, (bias,) = training_charts([{"step": 1, "bias": -10.0}, {"step": 5, "bias": -9.0}])
    assert (bias.y_ticks[0], bias.y_ticks[-1]) == (-10, 0)


def test_pairs_have_two_curves_with_their_areas() -> None:
    rows = [[0.9, 1.0, 0.5, 0.0], [0.1, 0.5, 1.0, 0.25]]
    pairs = {
        "m-m": {"roc_auc": 0.875, "average_precision": 0.75, "curve": rows},
        "t-t": {"right": 3, "wrong": 0, "curve": []},
    }
    precision, roc = pair_charts(pairs)
    assert [line.points for line in precision.series] == [[(0.5, 1.0), (1.0, 0.5)]]
    assert [line.points for line in roc.series] == [[(0, 0), (0.0, 0.5), (0.25, 1.0), (1, 1)]]
    assert precision.series[0].name == "both, area 0.750"
    assert roc.series[0].name == "both, area 0.875"
    assert pair_charts({"t-t": pairs["t-t"]}) == []
