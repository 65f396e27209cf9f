"""Tests of stylejax/training/stop.py: the process of a training and the signals it gets."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import verbs

from stylejax.training import stop
from stylejax.training.lock import LOCK

ROOT = Path(__file__).parents[2]
ENDLESS = {"steps": 10**6, "save_every": 10**6}


def within(seconds: float, true: Callable[[], object]) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.005)


@pytest.mark.parametrize("signum", stop.SIGNALS)
def test_a_signal_is_a_request_and_a_second_one_ends_at_once(
    monkeypatch: pytest.MonkeyPatch, signum: signal.Signals
) -> None:
    ended: list[tuple[str, int]] = []
    monkeypatch.setattr(stop, "_end", lambda *how: ended.append(how))
    before = signal.signal(signum, signal.SIG_DFL)  # a shell may start its jobs with some ignored
    try:
        with stop.stop_on_signals() as request:
            request.can_save = True
            os.kill(os.getpid(), signum)
            within(5, lambda: request.signal)
            assert (request.signal, ended) == (signum, [])
            os.kill(os.getpid(), signum)
            within(5, lambda: ended)
        assert ended == [("stopped at once; go on with --resume", signum)]
        assert signal.getsignal(signum) == signal.SIG_DFL
    finally:
        signal.signal(signum, before)


def test_an_ignored_signal_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with stop.stop_on_signals():
            assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("begun", [False, True], ids=["before the first step", "later"])
def test_a_stopped_training_says_so_and_leaves_whole_checkpoints(
    data_root: Path, tmp_path: Path, begun: bool
) -> None:
    path = verbs.recipe(tmp_path, data_root, training=ENDLESS, mesh={"data": 1})
    verbs.run("mine", "--config", path)
    process = subprocess.Popen(
        [sys.executable, ROOT / "train.py", "--config", path],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    record = tmp_path / "run" / "metrics.jsonl"
    pid = f"{process.pid}\n"
    lock = tmp_path / "run" / LOCK
    try:
        if begun:
            within(120, lambda: record.is_file() and record.stat().st_size)
        else:
            within(60, lambda: lock.is_file() and lock.read_text() == pid)
            time.sleep(0.2)  # the signals are heeded right after the lock is taken
        process.send_signal(signal.SIGTERM)
        told = process.communicate(timeout=60)[1]
    finally:
        process.kill()
    assert process.returncode == (0 if begun else 143), told
    assert "Traceback" not in told
    if not begun:
        assert told.endswith("stopped before the first step\n")
        return
    found = re.search(r"^stopped at step (\d+); go on with --resume$", told, re.M)
    assert found, told
    assert [path.name for path in (tmp_path / "run" / "checkpoints").iterdir()] == [found[1]]
