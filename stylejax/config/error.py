"""The one exception for what a user can mend."""

from __future__ import annotations


class ConfigError(ValueError):
    """A setting, a file or a column that cannot be used; the message names the fix."""


def require(ok: bool, message: str) -> None:
    """Raises ConfigError with the message unless `ok`."""
    if not ok:
        raise ConfigError(message)
