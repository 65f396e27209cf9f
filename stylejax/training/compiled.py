"""Compiled programs that outlive the process: a run that goes on does not compile again."""

from __future__ import annotations

import json
import os
from pathlib import Path

import jax

from stylejax.training.hosts import first_host, wait_for_hosts

FOLDER = "compiled"  # in the run's folder
WHOLE = "whole.json"  # in that one: bytes of each file that was written to its end
# JAX's own variables, which count where they are set.
ELSEWHERE = "JAX_COMPILATION_CACHE_DIR"
SHORTEST = "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"


def keep_compiled(run_dir: Path) -> None:
    """Makes JAX keep compiled programs in the run's folder, and look for them there.

    What `note_compiled` has not noted was perhaps being written when a run was killed: it goes,
    for JAX would neither use nor replace it.
    """
    if os.environ.get(ELSEWHERE):
        return
    folder = run_dir.resolve() / FOLDER
    if first_host():
        whole = _noted(folder)
        for path in folder.glob("*"):
            if path.name != WHOLE and whole.get(path.name) != path.stat().st_size:
                path.unlink()
    wait_for_hosts("compiled programs")
    jax.config.update("jax_compilation_cache_dir", str(folder))
    if not os.environ.get(SHORTEST):
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


def note_compiled(run_dir: Path) -> None:
    """Notes the programs in the run's folder as whole; called while none is compiled."""
    if not first_host():  # which alone writes them
        return
    folder = run_dir.resolve() / FOLDER
    sizes = {path.name: path.stat().st_size for path in folder.glob("*") if path.name != WHOLE}
    if sizes and sizes != _noted(folder):
        unfinished = folder.parent / f"{FOLDER}.new"
        unfinished.write_text(json.dumps(sizes), encoding="utf-8")
        unfinished.replace(folder / WHOLE)


def _noted(folder: Path) -> dict[str, int]:
    """Bytes by name of the files that are whole."""
    path = folder / WHOLE
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
