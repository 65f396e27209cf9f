"""A disk that is full and a folder that takes no files, made of small file systems in memory."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import verbs

from stylejax.training.run_folder import steps

ROOT = Path(__file__).parents[2]
# What needs a file system of its own runs where it is root of its own mounts, as far as the kernel
# allows it.
ALONE = ("unshare", "--map-root-user", "--mount")


@pytest.fixture(scope="module", autouse=True)
def mounts_are_allowed() -> None:
    try:
        found = subprocess.run([*ALONE, "true"], capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("no program `unshare` here to make a small file system with")
    if found.returncode:
        pytest.skip(f"this machine allows no mounts of one's own: {found.stderr.decode().strip()}")


def trained(recipe: Path, small: Path, mount: str) -> subprocess.CompletedProcess:
    """Trains in a file system of its own; what lies in `small` is copied there before."""
    script = (
        f'cp -r "$1" "$1.before" && {mount} && cp -r "$1.before/." "$1"; shift; "$@"; code=$?; '
        'ls "$0/checkpoints" > "$0.steps" 2> /dev/null; exit $code'
    )
    train = [sys.executable, str(ROOT / "train.py"), "--config", str(recipe)]
    return subprocess.run(
        [*ALONE, "sh", "-c", script, str(small), str(small), *train],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


def test_a_full_disk_ends_the_run_and_leaves_whole_checkpoints(
    data_root: Path, tmp_path: Path
) -> None:
    options = {"steps": 40, "save_every": 1, "keep": 40}
    path = verbs.recipe(tmp_path, data_root, training=options, mesh={"data": 1})
    verbs.run("mine", "--config", path)
    run_dir = tmp_path / "run"
    done = trained(path, run_dir, 'mount -t tmpfs -o size=2m small "$1"')
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    whole = [int(x) for x in Path(f"{run_dir}.steps").read_text().split() if x.isdigit()]
    assert 0 < max(whole) < 40
    assert f"step {max(whole)} is whole. Make room and go on with --resume" in done.stderr
    assert "No space left on device" in done.stderr
    assert steps(run_dir) == []  # it was the small disk that was written to


def test_a_folder_that_takes_no_files_is_named(data_root: Path, tmp_path: Path) -> None:
    path = verbs.recipe(tmp_path, data_root, mesh={"data": 1})
    verbs.run("mine", "--config", path)
    run_dir = tmp_path / "run"
    done = trained(path, run_dir, 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1"')
    assert done.returncode == 2, done.stderr
    (told,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert str(run_dir) in told
    assert "Read-only file system; make room" in told
