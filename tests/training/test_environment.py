"""Tests of stylejax/training/environment.py."""

import json
from pathlib import Path

import jax

from stylejax.training.environment import note_environment
from stylejax.training.mesh import make_mesh


def test_each_beginning_is_a_line_and_a_fresh_run_forgets_earlier_ones(tmp_path: Path) -> None:
    for step in (0, 5, 0, 7):
        note_environment(tmp_path, make_mesh(2), step, ["train.py", f"--step={step}"])
    lines = [json.loads(x) for x in (tmp_path / "environment.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [0, 7]
    assert lines[1]["command"] == ["train.py", "--step=7"]
    assert lines[0]["packages"]["jax"] == jax.__version__
    assert lines[0]["devices"] == "2 x cpu"
    assert lines[0]["hosts"] == 1
