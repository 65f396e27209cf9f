"""What a training ran on: kept in its folder, to make it again or to see why it differs."""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

import jax
from jax.sharding import Mesh

import stylejax

FILE = "environment.jsonl"  # in the run's folder: a line each time it was begun or gone on with
PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "tensorflow", "numpy")


def note_environment(run_dir: Path, mesh: Mesh, step: int, command: Sequence[str]) -> None:
    """Adds a line: date, command, versions, devices.

    Args:
      run_dir: the run's folder.
      mesh: devices that train.
      step: steps that are done; 0 begins the file anew.
      command: words that began the process.
    """
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:  # such as TensorFlow beside its variants
            continue
    line = {
        "step": step,
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": list(command),
        "stylejax": stylejax.__version__,
        "python": platform.python_version(),
        "packages": versions,
        "platform": sys.platform,
        "devices": f"{mesh.size} x {mesh.devices.flat[0].device_kind}",
        "hosts": jax.process_count(),
    }
    with (run_dir / FILE).open("a" if step else "w", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
