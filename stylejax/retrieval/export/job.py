"""What the shards of an export have in common, and what is asked of each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from stylejax.batch import Products
from stylejax.config import VIEWS, ConfigError
from stylejax.origin import Origin
from stylejax.retrieval.export.earlier import EarlierExport
from stylejax.retrieval.vector_table import Dtype


@runtime_checkable
class Shard(Protocol):
    """Consecutive listings of a catalogue; `input_pipeline.listing_shards` has it."""

    @property
    def number(self) -> int:
        """Its place in the catalogue, from 0."""
        ...

    @property
    def item_id(self) -> list[str]:
        """Ids `[n]` of its listings."""
        ...

    @property
    def category_path(self) -> list[str]:
        """Categories of its listings; "" = unknown."""
        ...

    @property
    def digest(self) -> list[str]:
        """A digest of each listing's text, pictures and category."""
        ...

    @property
    def quarantine(self) -> Mapping[str, tuple[str, str]]:
        """Item id to path and reason of every picture that could not be read so far."""
        ...

    @property
    def unreadable(self) -> list[bool]:
        """Whether some picture of each listing could not be read so far."""
        ...

    def batches(
        self, rows: NDArray[np.int64], batch_size: int
    ) -> Iterator[tuple[NDArray[np.int64], Products]]:
        """Some of its listings, in batches of one shape."""
        ...


@dataclass(frozen=True)
class ExportJob:
    """What all shards of an export have in common."""

    origin: Origin
    shards: int  # of the whole catalogue
    views: Sequence[str]
    dtype: Dtype
    dim: int  # numbers of a vector to keep, from its front (`loss.prefixes`)
    batch_size: int
    shard_listings: int
    earlier: EarlierExport | None = None  # listings that did not change since are not encoded again

    @property
    def identity(self) -> str:
        """A digest; a shard that another job wrote is done anew."""
        values = {
            **asdict(self.origin),
            "run": "",  # folders may be renamed
            "views": list(self.views),
            "dtype": self.dtype,
            "dim": self.dim,
            "batch_size": self.batch_size,
            "shard_listings": self.shard_listings,
            "earlier": self.earlier.identity if self.earlier else "",
        }
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()

    def described(self) -> dict[str, Any]:
        """What a manifest says of all its vectors."""
        return {
            "dim": self.dim,
            "dtype": self.dtype,
            "views": list(self.views),
            **asdict(self.origin),
        }


def parse_views(text: str) -> list[str]:
    """The views of a list such as ``"m,t,i"``, each once.

    Raises:
      ConfigError: when one of them is no view.
    """
    views = list(dict.fromkeys(view.strip() for view in text.split(",")))
    if not set(views) <= set(VIEWS):
        raise ConfigError(f"{text!r} are no views; give some of m, t, i, divided by commas")
    return views
