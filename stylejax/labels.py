"""What evaluation and reports know of each listing, beside its vectors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


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
