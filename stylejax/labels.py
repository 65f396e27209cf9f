"""What evaluation and reports know of each listing, beside its vectors."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass
from pathlib import Path

from stylejax.config import ConfigError


@dataclass(frozen=True)
class Label:
    """The truth about one listing."""

    group: str  # true product
    category: str  # category to break results down by
    split: str
    industry: str = ""  # the first level of its category path


@dataclass(frozen=True)
class Card:
    """What a page shows of one listing."""

    item_id: str
    title: str
    category: str
    image: Path | None  # None where there is no picture


def require_in_catalogue(item_id: Iterable[str], catalogue: Container[str]) -> None:
    """Checks that an export and a catalogue belong together.

    Args:
      item_id: of the exported listings.
      catalogue: ids of those that something is known of.

    Raises:
      ConfigError: when the catalogue lacks some, naming the first.
    """
    lost = [item for item in item_id if item not in catalogue]
    if lost:
        raise ConfigError(
            f"{len(lost):,} exported listings are not in the catalogue, the first {lost[0]!r}; "
            "give the catalogue that was exported with --catalog"
        )
