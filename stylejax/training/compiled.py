"""Compiled programs that outlive the process: a run that goes on does not compile again."""

from __future__ import annotations

import os
from pathlib import Path

import jax

FOLDER = "compiled"  # in the run's folder
ELSEWHERE = "JAX_COMPILATION_CACHE_DIR"  # JAX's own variable, which counts where it is set


def keep_compiled(run_dir: Path) -> None:
    """Makes JAX keep compiled programs in the run's folder, and look for them there."""
    if not os.environ.get(ELSEWHERE):
        jax.config.update("jax_compilation_cache_dir", str(run_dir.resolve() / FOLDER))
