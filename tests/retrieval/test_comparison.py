"""Tests of stylejax/retrieval/comparison.py."""

import dataclasses
from pathlib import Path

import pytest
import tiny

from stylejax.config import ConfigError
from stylejax.retrieval.comparison import (
    ComparedRun,
    Row,
    curves,
    named,
    paired_rows,
    results,
    settings,
)
from stylejax.retrieval.evaluation.comparable import Difference


def compared(name: str, record=(), metrics=None, **sections) -> ComparedRun:
    return ComparedRun(name, tiny.config("", name, **sections), record, metrics or {})


def test_names_are_as_long_as_they_must_be_to_differ() -> None:
    assert named([Path("/a/x"), Path("/b/y")]) == ["x", "y"]
    assert named([Path("/a/run"), Path("/b/run")]) == ["a/run", "b/run"]
    with pytest.raises(ConfigError, match="/a/x is named twice"):
        named([Path("/a/x"), Path("/b/y"), Path("/a/../a/x")])
    with pytest.raises(ConfigError, match="1 runs cannot be compared; name 2 to 6"):
        named([Path("/a/x")])


def test_settings_that_differ_are_told_and_no_others() -> None:
    runs = [compared("a"), compared("b", training={"ema": 0.9}, loss={"form": "sigmoid"})]
    assert settings(runs) == [
        Row("loss.form", ("hinge", "sigmoid")),
        Row("training.ema", ("0.0", "0.9")),
    ]
    assert settings([runs[0], dataclasses.replace(runs[0], name="again")]) == []


RECORDS = (
    [
        {"step": 1, "loss": 4.0},
        {"step": 2, "loss": 2.0, "pairs_per_second": 100.0},
        {"step": 3, "loss": 1.5, "pairs_per_second": 300.0},
        {"step": 3, "retrieval/m-m/recall@1": 0.25},
        {"step": 4, "loss": 1.25, "pairs_per_second": 110.0},
        {"step": 4, "retrieval/m-m/recall@1": 0.5},
    ],
    [{"step": 1, "loss": 3.0}, {"step": 1, "retrieval/m-m/recall@1": 0.75}],
)


def test_results_are_the_last_ones_and_the_best_is_marked() -> None:
    found = {"directions": {"m-m": {"recall@1": 0.5, "map@r": 0.25}}}
    runs = [
        compared("a", RECORDS[0], found),
        compared("b", RECORDS[1], {"directions": {"m-m": {"recall@1": 0.5, "map@r": 0.125}}}),
        compared("c"),  # it has not begun
    ]
    assert results(runs) == [
        Row("steps", ("4", "1", "0")),
        Row("loss", ("1.2500", "3.0000", "-")),
        Row("pairs per second, median", ("110.0", "-", "-")),
        Row("m-m recall@1, on the way", ("0.500", "0.750", "-"), (1,)),
        Row("m-m recall@1, evaluated", ("0.500", "0.500", "-"), (0, 1)),
        Row("m-m map@r, evaluated", ("0.250", "0.125", "-"), (0,)),
    ]


def test_runs_that_were_judged_by_others_have_no_best() -> None:
    found = [
        {"directions": {"m-m": {"recall@1": share}}, "protocol": {"queries": split}}
        for share, split in ((0.5, "val"), (0.75, "test"))
    ]
    runs = [
        compared("a", RECORDS[0], found[0]),
        compared("b", RECORDS[1], found[1], evaluation={"query_split": "test"}),
    ]
    told = {row.name: row for row in results(runs)}
    for name in ("m-m recall@1, on the way", "m-m recall@1, evaluated"):
        assert told[name].best == ()


def test_a_difference_that_rounds_to_zero_has_no_sign() -> None:
    one = Difference("m-m", "map@r", 0.50004, 0.5, -0.0004, 0.0003, 1.0, 9)
    assert paired_rows({("a", "b"): [one]}) == [
        Row("m-m map@r", ("0.500", "0.500", "+0.000", "+0.000 to +0.000", "1.0000", "9"))
    ]


def test_curves_have_a_line_a_run_that_has_points() -> None:
    runs = [compared("a", RECORDS[0]), compared("b", RECORDS[1]), compared("c")]
    loss, recall = curves(runs)
    assert [(line.name, line.style) for line in loss.series] == [("a", "run0"), ("b", "run1")]
    assert loss.series[0].points == [(1, 4.0), (2, 2.0), (3, 1.5), (4, 1.25)]
    assert recall.title == "m-m recall@1"
    assert recall.percent
    assert recall.y_ticks[-1] == 1.0
