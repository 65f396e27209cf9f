"""The listings that are compared: numbered by their ids, with a vector each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Float32, Int
from numpy.typing import NDArray

from stylejax.config import ConfigError
from stylejax.retrieval.index.index import Index


@dataclass(frozen=True)
class Space:
    """Listings in the order of their ids, whatever order the index has them in.

    All that is found depends on these numbers, so that the order of a catalogue's rows does not
    matter.
    """

    index: Index

    def __len__(self) -> int:
        return len(self.index)

    @cached_property
    def position(self) -> Int[NDArray, " n"]:
        """Where in the index each number is."""
        return pc.array_sort_indices(pa.array(self.index.item_id)).to_numpy().astype(np.int64)

    @cached_property
    def number(self) -> Int[NDArray, " n"]:
        """The number at each position of the index."""
        numbers = np.empty(len(self), np.int64)
        numbers[self.position] = np.arange(len(self))
        return numbers

    @cached_property
    def item_id(self) -> list[str]:
        """Id of each number."""
        ids = self.index.item_id
        return [ids[at] for at in self.position.tolist()]

    def searched(self) -> Space:
        """The same when nothing is searched for any more: trees hold all vectors once more."""
        parts = [replace(part, tree=None, tuning=None) for part in self.index.parts]
        return Space(replace(self.index, parts=parts))

    def rows(self, numbers: Int[NDArray, " m"]) -> Float32[NDArray, "m d"]:
        """The unit vectors of some numbers."""
        return self.index.take(self.position[numbers])

    def named(self, ids: Sequence[str], what: str) -> Int[NDArray, " m"]:
        """The numbers of some ids.

        Args:
          ids: to look up.
          what: names them, for the error.

        Raises:
          ConfigError: when one has no vector.
        """
        found = pc.index_in(pa.array(ids, pa.string()), pa.array(self.item_id, pa.string()))
        if found.null_count:
            lost = ids[pc.is_null(found).to_pylist().index(True)]
            raise ConfigError(
                f"{what} name {found.null_count} listings without a vector of view "
                f"{self.index.view}, the first {lost!r}; leave them out, or export them"
            )
        return found.to_numpy().astype(np.int64)
