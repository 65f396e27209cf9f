"""JSON files that one verb writes and another reads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stylejax.config import ConfigError


def read_json(path: Path, remedy: str) -> dict[str, Any]:
    """The object in a file.

    Args:
      path: the file; it is there.
      remedy: what makes it anew, for the error.

    Raises:
      ConfigError: when it holds anything else, such as half of what an interrupted verb wrote.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(f"{path} is damaged ({error}); {remedy}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path} holds no JSON object; {remedy}")
    return values


def require_keys(
    values: dict[str, Any], keys: Sequence[str], path: Path, remedy: str
) -> dict[str, Any]:
    """The object of a file, which has all of these keys.

    Args:
      values: the object.
      keys: that whoever reads it asks for.
      path: the file, for the error.
      remedy: what makes it anew, likewise.

    Raises:
      ConfigError: when one is not there, as in a file that another version wrote.
    """
    lost = [key for key in keys if key not in values]
    if lost:
        raise ConfigError(
            f"{path} was written by another version of stylejax: it has no {', '.join(lost)}; "
            f"{remedy}"
        )
    return values
