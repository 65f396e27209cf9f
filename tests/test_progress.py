"""Tests of stylejax/progress.py."""

import re

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
