"""Where a verb writes: refused before the work, not after it."""

from __future__ import annotations

import os
from pathlib import Path

from stylejax.config import ConfigError


def output_file(path: Path, setting: str) -> Path:
    """A file that can be written; its folder is created.

    Args:
      path: of the file.
      setting: that names it, for the error.

    Raises:
      ConfigError: when it is a folder, or its folder cannot be made or written to.
    """
    if path.is_dir():
        raise ConfigError(f"{path} is a folder; name a file with {setting}")
    output_folder(path.parent, setting)
    return path


def output_folder(path: Path, setting: str) -> Path:
    """A folder that can be written to; it is created.

    Raises:
      ConfigError: when it is a file, or cannot be made or written to.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"cannot write to {path}: {error.strerror}; change {setting}") from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise ConfigError(f"cannot write to {path}: permission denied; change {setting}")
    return path
