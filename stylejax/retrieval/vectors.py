"""Vectors of listings in memory: of an export on disk, or straight from an encoder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float32, Int
from numpy.typing import NDArray

from stylejax.config import ConfigError
from stylejax.retrieval.stored_vectors import StoredVectors

if TYPE_CHECKING:
    from stylejax.encoder.inference import Encoded


ROWS = 16_384  # vectors that are handed out at a time


@runtime_checkable
class Vectors(Protocol):
    """Unit vectors of n listings by view, wherever they lie."""

    @property
    def item_id(self) -> list[str]:
        """Id of each listing."""
        ...

    @property
    def present(self) -> dict[str, Bool[NDArray, " n"]]:
        """For each view that there is: which listings have it."""
        ...

    def take(self, view: str, rows: Int[NDArray, " k"]) -> Float32[NDArray, "k dim"]:
        """The vectors of some listings, in memory; zeros where the view is absent."""
        ...

    def blocks(
        self, view: str, rows: Int[NDArray, " k"]
    ) -> Iterator[tuple[int, Float32[NDArray, "b dim"]]]:
        """The vectors of ascending rows, some at a time, and the place in `rows` of the first."""
        ...


@dataclass(frozen=True)
class VectorSet:
    """Unit vectors of n listings in memory, aligned by row across views; see `Vectors`."""

    item_id: list[str]
    vectors: dict[str, Float32[NDArray, "n dim"]]  # by view; zeros where it is absent
    present: dict[str, Bool[NDArray, " n"]]  # by view

    def __len__(self) -> int:
        return len(self.item_id)

    def take(self, view: str, rows: Int[NDArray, " k"]) -> Float32[NDArray, "k dim"]:
        """The vectors of some listings."""
        return self.vectors[view][rows]

    def blocks(
        self, view: str, rows: Int[NDArray, " k"]
    ) -> Iterator[tuple[int, Float32[NDArray, "b dim"]]]:
        """The vectors of ascending rows, some at a time, and the place in `rows` of the first."""
        for start in range(0, len(rows), ROWS):
            yield start, self.vectors[view][rows[start : start + ROWS]]


def collect(encoded: Iterable[Encoded], item_id: Sequence[str]) -> VectorSet:
    """Gathers encoded batches in memory.

    Args:
      encoded: rows, view to vectors, view to presence.
      item_id: id of every catalogue row.
    """
    batches = list(encoded)
    rows = np.concatenate([rows for rows, _, _ in batches])
    views = list(batches[0][1])
    present = {view: np.concatenate([p[view] for _, _, p in batches]) for view in views}
    vectors = {
        view: np.concatenate([v[view] for _, v, _ in batches]) * present[view][:, None]
        for view in views
    }
    return VectorSet([item_id[int(row)] for row in rows], vectors, present)


def prefix(vectors: Float32[NDArray, "n dim"], length: int) -> Float32[NDArray, "n {length}"]:
    """The first numbers of unit vectors as unit vectors; rows of zeros stay zeros.

    Raises:
      ConfigError: when the vectors are shorter.
    """
    if not 0 < length <= vectors.shape[1]:
        raise ConfigError(f"a prefix of {length} numbers, but vectors have {vectors.shape[1]}")
    cut = vectors[:, :length]
    return cut / np.maximum(np.linalg.norm(cut, axis=1, keepdims=True), 1e-12)


def read_vectors(folder: Path) -> VectorSet:
    """All vectors of an export, in memory, as float32; a listing with none is left out.

    Raises:
      ConfigError: when there is no export, or a shard is missing or was changed.
    """
    stored = StoredVectors(folder)
    rows = np.arange(len(stored))
    vectors = {view: stored.take(view, rows) for view in stored.present}
    return VectorSet(stored.item_id, vectors, stored.present)
