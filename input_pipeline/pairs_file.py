"""Whether a run has mined pairs: asked before anything heavy is imported."""

from __future__ import annotations

from pathlib import Path

from stylejax.config import ConfigError


def require_pairs(path: Path) -> None:
    """Checks that the file of mined pairs is there.

    Raises:
      ConfigError: when it is not, with the command that writes it.
    """
    if not path.is_file():
        raise ConfigError(f"no pairs {path}; run `stylejax mine` with the same --config first")
