"""Tests of stylejax/training/meter.py."""

import pytest

from stylejax.training import meter
from stylejax.training.meter import Meter, judgement, summary


def waited() -> float:
    return 0.25


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(meter.time, "monotonic", lambda: now[0])
    return now


def test_speed_is_what_was_done_since_the_last_reading(clock: list[float]) -> None:
    counted = Meter(waited, peak=1000.0)
    for _ in range(4):
        counted.count(64, 500.0)
    clock[0] += 8.0
    assert counted.read() == {"pairs_per_second": 32.0, "mfu": 0.25, "data_wait": 0.25}
    assert counted.read() == {}  # nothing was done since
    counted.count(64, 500.0)
    clock[0] += 5.0
    counted.restart()  # it was judged in between
    counted.count(64, 500.0)
    clock[0] += 2.0
    assert counted.read()["pairs_per_second"] == 32.0


def test_where_nobody_knows_the_device_no_utilisation_is_told(clock: list[float]) -> None:
    counted = Meter(waited, peak=None)
    counted.count(64, 500.0)
    clock[0] += 1.0
    assert set(counted.read()) == {"pairs_per_second", "data_wait"}


def test_a_line_says_the_loss_its_parts_and_the_speed() -> None:
    values = {
        "loss": 1.23456,
        "ppm/m-m": 1.0,
        "ppm/i-t": 2.0,
        "ppm/i-t@32": 9.0,
        "plc/t": 0.5,
        "pairs_per_second": 1234.5,
        "mfu": 0.456,
        "data_wait": 0.01,
    }
    told = "loss 1.2346 (ppm 1.50, plc 0.50)  1,234 pairs/s  MFU 46%  data wait 1.0%"
    assert summary(values, 0) == told
    assert summary({"loss": 1.0, "ppm/m-m": 1.0}, 3) == "loss 1.0000  3 skipped"
    one_kind = {"loss": 1.0, "ppm/m-m": 0.5, "ppm/t-m": 1.5, "scale": 9.0, "ppm/m-m@64": 2.0}
    assert summary(one_kind, 0) == "loss 1.0000 (m-m 0.50, t-m 1.50)"


def test_what_an_evaluation_found_is_one_line() -> None:
    marks = {"retrieval/m-m/recall@1": 0.71236, "retrieval/i-i/map@r": 0.5}
    expected = "evaluated  step 1,200: m-m/recall@1 0.712, i-i/map@r 0.500"
    assert judgement(1200, marks) == expected
