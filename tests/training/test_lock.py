"""Tests of stylejax/training/lock.py."""

import os
from pathlib import Path

import pytest

from stylejax.config import ConfigError
from stylejax.training import lock
from stylejax.training.lock import only_training


def test_a_folder_has_one_training_at_a_time(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "demo"
    running = rf"a training is running in .*demo \(process {os.getpid()}\)"
    with only_training(folder):
        with pytest.raises(ConfigError, match=running), only_training(folder):
            pass
        with only_training(tmp_path / "runs" / "other"):
            pass
    with only_training(folder):  # the file that stays holds nobody up
        pass


def test_a_platform_without_locks_does_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "fcntl", None)
    with only_training(tmp_path), only_training(tmp_path):
        pass
