"""Tests of stylejax/training/record.py."""

import json
import sys
from pathlib import Path

import pytest
import tiny
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from stylejax.config import ConfigError
from stylejax.training.record import Record, read_marks, read_record


def events(run_dir: Path) -> list[tuple[int, float]]:
    """Steps and losses as TensorBoard shows them."""
    shown = EventAccumulator(str(run_dir / "tensorboard")).Reload()
    return [(event.step, event.value) for event in shown.Scalars("loss")]


def test_lines_are_read_as_they_were_written(tmp_path: Path) -> None:
    record = Record(tmp_path)
    record.write(1, {"loss": 0.5})
    record.write(2, {"loss": 0.25, "scale": 20})
    record.close()
    lines = [{"step": 1, "loss": 0.5}, {"step": 2, "loss": 0.25, "scale": 20.0}]
    assert read_record(tmp_path) == lines
    text = (tmp_path / "metrics.jsonl").read_text()
    assert [json.loads(line) for line in text.splitlines()] == lines
    assert list((tmp_path / "tensorboard").glob("events.*"))


def test_a_line_is_on_disk_at_once(tmp_path: Path) -> None:
    record = Record(tmp_path)
    record.write(1, {"loss": 0.5})
    assert read_record(tmp_path) == [{"step": 1, "loss": 0.5}]
    record.close()


def test_without_a_record_there_is_nothing(tmp_path: Path) -> None:
    assert read_record(tmp_path) == []


def test_marks_are_the_lines_of_evaluations(tmp_path: Path) -> None:
    name = "retrieval/m-m/recall@1"
    record = Record(tmp_path)
    for step, values in ((1, {"loss": 0.5}), (2, {"loss": 0.25}), (2, {name: 0.5}), (4, {name: 1})):
        record.write(step, values)
    record.close()
    assert read_marks(tmp_path) == {2: {name: 0.5}, 4: {name: 1.0}}
    assert read_marks(tmp_path / "none") == {}


def test_a_new_run_starts_a_new_record(tmp_path: Path) -> None:
    for loss in (0.5, 0.75):
        record = Record(tmp_path)
        record.write(1, {"loss": loss})
        record.close()
    assert read_record(tmp_path) == [{"step": 1, "loss": 0.75}]


def test_resuming_drops_the_undone_future(tmp_path: Path) -> None:
    record = Record(tmp_path)
    for step in range(1, 6):
        record.write(step, {"loss": float(step)})
    record.close()
    record = Record(tmp_path, start_step=3)  # three steps are done: the next line is step 4
    record.write(4, {"loss": 40.0})
    record.close()
    assert [(line["step"], line["loss"]) for line in read_record(tmp_path)] == [
        (1, 1.0),
        (2, 2.0),
        (3, 3.0),
        (4, 40.0),
    ]
    # All three within a second, and TensorBoard shows the same; then a new run, and nothing else.
    assert events(tmp_path) == [(1, 1.0), (2, 2.0), (3, 3.0), (4, 40.0)]
    record = Record(tmp_path)
    record.write(1, {"loss": 10.0})
    record.close()
    assert events(tmp_path) == [(1, 10.0)]


def test_a_line_that_was_cut_by_a_crash_does_not_stop_a_resume(tmp_path: Path) -> None:
    record = Record(tmp_path)
    record.write(1, {"loss": 1.0})
    record.close()
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 2, "lo')
    record = Record(tmp_path, start_step=1)
    record.write(2, {"loss": 2.0})
    record.close()
    assert [line["step"] for line in read_record(tmp_path)] == [1, 2]


class Board:
    """Weights & Biases, as far as a record calls it."""

    def __init__(self) -> None:
        self.begun: list[dict] = []
        self.lines: list[dict] = []
        self.finished = 0

    def init(self, **named) -> "Board":
        self.begun.append(named)
        return self

    def define_metric(self, name: str, *, step_metric: str) -> None:
        assert (name, step_metric) == ("*", "step")

    def log(self, line: dict) -> None:
        self.lines.append(line)

    def finish(self) -> None:
        self.finished += 1


def test_a_board_is_written_to_and_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = Board()
    monkeypatch.setitem(sys.modules, "wandb", board)
    config = tiny.config("", tmp_path, training={"wandb": "mugs"})
    for start in (0, 1, 0):
        record = Record(tmp_path, start_step=start, config=config)
        record.write(start + 1, {"loss": 0.5})
        record.close()
    first, resumed, anew = board.begun
    assert (first["project"], first["name"], first["resume"]) == ("mugs", tmp_path.name, "allow")
    assert first["config"]["training"]["wandb"] == "mugs"
    assert resumed["id"] == first["id"] != anew["id"]
    assert board.lines == [{"step": n, "loss": 0.5} for n in (1, 2, 1)]
    assert board.finished == 3


def test_a_board_that_is_not_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    config = tiny.config("", tmp_path, training={"wandb": "mugs"})
    with pytest.raises(ConfigError, match=r"training.wandb is \"mugs\".*stylejax\[wandb\]"):
        Record(tmp_path, config=config)


def test_a_host_that_does_not_write_leaves_nothing(tmp_path: Path) -> None:
    record = Record(tmp_path / "run", writing=False)
    record.write(1, {"loss": 0.5})
    record.close()
    assert not (tmp_path / "run").exists()
