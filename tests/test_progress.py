"""Tests of stylejax/progress.py."""

import re
import time

import pytest

from stylejax.progress import progress


def test_away_from_a_terminal_one_closing_line_is_printed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with progress("export", "listings") as advance:
        for done in (1, 600, 1234):
            advance(done, 2000, f"note {done}")
    printed = capsys.readouterr()
    assert printed.out == ""
    assert re.fullmatch(
        r"export     1,234 listings in \d+\.\d s \([\d,.]+/s\)  note 1234\n", printed.err
    )


def test_away_from_a_terminal_a_line_comes_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr("stylejax.progress.time.monotonic", lambda: now[0])
    with progress("train", "steps", start=100) as advance:
        for second, done in ((1040, 101), (1050, 121), (1060, 141), (1070, 161), (4720, 171)):
            now[0] = float(second)
            advance(done, 400, "loss 1.0")
    assert capsys.readouterr().err.splitlines() == [
        "train      101/400 steps  0:40 gone  loss 1.0",  # the first step was compiled: no measure
        "train      161/400 steps  2.0 steps/s, 1:10 gone, 2:00 left  loss 1.0",
        "train      171/400 steps  0.019 steps/s, 1:02:00 gone, 3:20:39 left  loss 1.0",
        "train      71 steps in 3720.0 s (0.0/s)  loss 1.0",
    ]


def test_on_a_terminal_every_number_says_what_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich takes any stream for a terminal then
    monkeypatch.setenv("COLUMNS", "120")
    with progress("train", "steps") as advance:
        for done in (1, 2, 3):
            advance(done, 400, "loss 1.0")
        time.sleep(0.2)  # until the bar is drawn again
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", capsys.readouterr().err)
    assert "starting" in shown
    assert re.search(r"3 of 400 steps [\d,.]+ steps/s, 0:00 gone, \d+:\d\d left loss 1\.0", shown)


def test_nothing_done_is_said_too(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("train", "steps"):
        pass
    assert capsys.readouterr().err.startswith("train      0 steps in ")


def test_an_error_comes_through(capsys: pytest.CaptureFixture[str]) -> None:
    def job() -> None:
        with progress("train", "steps") as advance:
            advance(1, 2)
            raise KeyError

    with pytest.raises(KeyError):
        job()
    assert "steps in" not in capsys.readouterr().err


def test_what_an_earlier_run_did_is_not_counted(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("train", "steps", start=500) as advance:
        advance(520, 600)
    assert capsys.readouterr().err.startswith("train      20 steps in ")
