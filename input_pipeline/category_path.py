"""Category paths: levels from broad to narrow in one text."""

from __future__ import annotations

SEPARATOR = " > "


def at_level(path: str, level: int) -> str:
    """The first `level` levels of a category path; 0 = the whole path."""
    return path if level == 0 else SEPARATOR.join(path.split(SEPARATOR)[:level])


def narrowest(path: str) -> str:
    """The last level of a category path."""
    return path.split(SEPARATOR)[-1]
