"""Two processes train one model: as the user starts them, stopped, killed, and started again."""

import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
import pytest
import tiny
import verbs
from hosts import ROOT, two_hosts

from stylejax.training.checkpoint import Checkpoints
from stylejax.training.mesh import make_mesh
from stylejax.training.meter import TIMED
from stylejax.training.record import read_record
from stylejax.training.restore import load_encoder
from stylejax.training.run_folder import steps
from stylejax.training.snapshot import Snapshot
from stylejax.training.step import make_train_step

LONG = {"steps": 40, "save_every": 10, "keep": 9, "batch_size": 8}


def start(recipe: Path, *words: str) -> list[subprocess.Popen]:
    """One process of a device each."""
    return [
        subprocess.Popen(
            [sys.executable, str(ROOT / "train.py"), "--config", str(recipe), *words],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        for environment in two_hosts(devices=1)
    ]


def until(there: Callable[[], bool], processes: list[subprocess.Popen]) -> None:
    """Waits for something, while both processes run."""
    give_up = time.monotonic() + 180
    while not there():
        assert time.monotonic() < give_up
        for process in processes:
            assert process.poll() is None, process.communicate()[1]
        time.sleep(0.02)


def ended(processes: list[subprocess.Popen]) -> list[tuple[int, str]]:
    try:
        told = [process.communicate(timeout=180)[1] for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [(process.returncode, said) for process, said in zip(processes, told, strict=True)]


def lines(folder: Path) -> list[dict[str, float]]:
    return [
        {name: x for name, x in line.items() if name not in TIMED} for line in read_record(folder)
    ]


def test_two_hosts_that_are_stopped_and_killed_end_where_one_does(
    data_root: Path, tmp_path: Path
) -> None:
    path = verbs.recipe(tmp_path, data_root, training=LONG, mesh={"data": 2})
    folder, alone = tmp_path / "run", tmp_path / "alone"
    verbs.run("mine", "--config", path)
    shutil.copytree(folder, alone)
    verbs.run("train", "--config", path, "--run-dir", alone)

    # One of them is told to go: both save the same step, and say so.
    both = start(path)
    until(lambda: len(read_record(folder)) > 4, both)
    both[1].send_signal(signal.SIGTERM)
    for code, said in ended(both):
        assert code == 0, said
        (step,) = re.findall(r"^stopped at step (\d+); go on with --resume$", said, re.M)
        assert int(step) == max(steps(folder)) < 40

    # One machine dies; the other does not wait for it for ever.
    both = start(path, "--resume", "--mesh.host-timeout", "10")
    done = len(read_record(folder))
    until(lambda: len(read_record(folder)) > done + 10, both)
    both[1].kill()
    (code, _), _ = ended(both)
    assert code != 0
    assert max(steps(folder)) < 40

    both = start(path, "--resume")
    for code, said in ended(both):
        assert code == 0, said
    # All that one process wrote once, and the same but for the order of sums.
    one, two = lines(alone), lines(folder)
    assert [set(line) for line in two] == [set(line) for line in one]
    assert [line["step"] for line in two] == [line["step"] for line in one]
    for a, b in zip(one, two, strict=True):
        assert b == pytest.approx(a, rel=2e-3, abs=2e-5), a["step"]
    # What two hosts wrote goes on on one.
    config = tiny.run_config(folder)
    vocab_size = Snapshot(folder).vocab_size
    like = make_train_step(config, vocab_size, make_mesh(1))[0]()
    assert int(Checkpoints(folder).restore(like, config).step) == 40
    kept = [jax.device_get(load_encoder(x, make_mesh(1)).parameters) for x in (alone, folder)]
    for name in kept[0]:
        np.testing.assert_allclose(kept[1][name], kept[0][name], atol=2e-3)


def test_a_mistake_ends_both(data_root: Path, tmp_path: Path) -> None:
    """Without pairs none of them waits for the other."""
    told = ended(start(verbs.recipe(tmp_path, data_root, mesh={"data": 2})))
    assert [code for code, _ in told] == [2, 2]
    assert all("run `stylejax mine` with the same --config first" in said for _, said in told)
