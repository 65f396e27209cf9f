"""One training at a time in a run's folder."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from stylejax.config import ConfigError

try:
    import fcntl
except ImportError:  # no such locks on this platform: it does without
    fcntl = None

LOCK = "training.lock"


@contextlib.contextmanager
def only_training(run_dir: Path, *, first: bool = True) -> Iterator[None]:
    """Holds the folder for the training of this process.

    The operating system lets go of it when the process ends, however that comes about. The file
    stays: whoever removed it could take it from under another that has just opened it.

    Args:
      run_dir: the run's folder; created where it is not there.
      first: False on hosts for which another one holds it.

    Raises:
      ConfigError: when a training is running there, naming its process.
    """
    if not first:
        yield
        return
    run_dir.mkdir(parents=True, exist_ok=True)
    with (run_dir / LOCK).open("a+", encoding="utf-8") as file:
        try:
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise ConfigError(
                f"a training is running in {run_dir} (process {file.read().strip() or 'unknown'}); "
                "wait for it, stop it, or choose another --run-dir"
            ) from error
        except OSError:  # a file system without locks
            pass
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
