"""The plug is pulled at random moments: while it compiles, in a step, while it saves.

STYLEJAX_KILLS says how often, 5 times unless it does (`make soak`: 200).
"""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import hosts
import numpy as np

from stylejax.training.compiled import ELSEWHERE, SHORTEST
from stylejax.training.meter import TIMED
from stylejax.training.record import read_record

SOAK = "STYLEJAX_KILLS" in os.environ
KILLS = int(os.environ.get("STYLEJAX_KILLS", "5"))
PROGRAM = Path(__file__).with_name("killed_training.py")
# Its own cache in the run's folder, and one device; a soak compiles as users do, not in haste.
ENVIRONMENT = {
    name: value for name, value in os.environ.items() if name not in (ELSEWHERE, SHORTEST)
} | {"XLA_FLAGS": "" if SOAK else hosts.flags(devices=1)}


def start(folder: Path) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, str(PROGRAM), str(folder)],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(folder: Path) -> str:
    """Runs to the end."""
    process = start(folder)
    out, err = process.communicate()
    assert process.returncode == 0, err
    return out


def timeless(folder: Path) -> list[dict[str, float]]:
    return [
        {name: x for name, x in line.items() if name not in TIMED} for line in read_record(folder)
    ]


def test_a_training_that_is_killed_again_and_again_ends_as_if_it_never_was(tmp_path: Path) -> None:
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    straight.mkdir()
    killed.mkdir()
    began = time.monotonic()
    assert compiled(finished(straight)) > 0
    whole = time.monotonic() - began

    rng = np.random.default_rng(0)
    deaths = 0
    while deaths < KILLS:
        process = start(killed)
        try:
            process.communicate(timeout=rng.uniform(0.1, 1.0) * whole)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            deaths += 1
            if deaths % 10 == 0:  # `make soak` shows it
                print(f"{deaths} of {KILLS} kills, {time.monotonic() - began:,.0f} s", flush=True)
            continue
        # It came to its end before its death: once more from the first step on.
        assert process.returncode == 0
        compare(straight, killed)
        (killed / "final.npz").unlink()
        shutil.rmtree(killed / "checkpoints")
    if not (killed / "final.npz").exists():
        finished(killed)
    compare(straight, killed)
    # What was compiled before the first death serves after the last one.
    shutil.rmtree(killed / "checkpoints")
    told = finished(killed)
    assert compiled(told) == 0
    assert found(told) > 0
    compare(straight, killed)


def compiled(told: str) -> int:
    return int(re.search(r"compiled (\d+)", told)[1])


def found(told: str) -> int:
    return int(re.search(r"found (\d+)", told)[1])


def compare(straight: Path, killed: Path) -> None:
    """Every number of the final states is the same, to the last bit, and so are the records."""
    with np.load(straight / "final.npz") as expected, np.load(killed / "final.npz") as found:
        assert set(expected) == set(found)
        for name in expected:
            np.testing.assert_array_equal(found[name], expected[name], err_msg=name)
    assert timeless(killed) == timeless(straight)
