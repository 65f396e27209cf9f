"""An index: parts that are searched one after another, and the best of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float32, Int
from numpy.typing import NDArray

from stylejax.config import ConfigError
from stylejax.origin import Origin
from stylejax.retrieval.index.exact import block_rows
from stylejax.retrieval.index.part import Engine, Part


@dataclass(frozen=True)
class Index:
    """Maximum inner product search over the vectors of one view."""

    parts: Sequence[Part]
    view: str  # m, t or i; for whoever loads the index
    target: float = 1.0  # recall@10 that was asked for; exact search is above it
    origin: Origin | None = None  # the checkpoint that made the vectors; None = unknown

    def __post_init__(self) -> None:
        if not len(self):
            raise ConfigError(f"no listing has a vector of view {self.view!r}; nothing to index")

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    @property
    def engine(self) -> Engine:
        """How it searches; where there are trees, small parts are searched exactly all the same."""
        if any(part.tree for part in self.parts):
            return "scann"
        return "approx" if any(part.recall < 1 for part in self.parts) else "exact"

    @property
    def dim(self) -> int:
        """Numbers of a vector."""
        return self.parts[0].vectors.shape[1]

    @cached_property
    def item_id(self) -> list[str]:
        """Id of each vector, part after part."""
        return [item for part in self.parts for item in part.item_id]

    @property
    def recall(self) -> float | None:
        """Recall@10 that was measured, the mean over the vectors of all trees; None = exact."""
        found = [(part.tuning.recall, len(part)) for part in self.parts if part.tuning]
        if not found:
            return None
        return sum(recall * n for recall, n in found) / sum(n for _, n in found)

    def search(
        self,
        queries: Float32[NDArray, "q d"],
        k: int,
        allowed: Bool[NDArray, " n"] | None = None,
    ) -> tuple[Int[NDArray, "q k"], Float32[NDArray, "q k"]]:
        """The k nearest vectors of each query.

        Args:
          queries: unit vectors.
          k: neighbours wanted; fewer where there are fewer.
          allowed: which vectors may be found; None = all. See `in_category`.

        Returns:
          Positions in `item_id` and cosines, best first.
        """
        k = min(k, len(self) if allowed is None else int(allowed.sum()))
        found, scores, start = [], [], 0
        for part in self.parts:
            mine = None if allowed is None else allowed[start : start + len(part)]
            rows, values = part.search(queries, k, mine)
            found.append(np.where(rows < 0, rows, rows + start))
            scores.append(values)
            start += len(part)
        if len(found) == 1:
            return found[0], scores[0]
        everything, values = np.concatenate(found, axis=1), np.concatenate(scores, axis=1)
        best = np.argsort(-values, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(everything, best, axis=1), np.take_along_axis(
            values, best, axis=1
        )

    def programs(self, allowed: Sequence[int]) -> set[int]:
        """What is compiled to search so many allowed vectors of each part.

        Once a search for k neighbours was done, no other one is compiled for as many queries and
        neighbours whose programs are among its own.
        """
        return {block_rows(count) for count in allowed if count}

    def take(self, positions: Int[NDArray, " m"]) -> Float32[NDArray, "m d"]:
        """The vectors at some positions in `item_id`, in memory."""
        found, start = np.empty((len(positions), self.dim), np.float32), 0
        for part in self.parts:
            mine = (positions >= start) & (positions < start + len(part))
            found[mine] = part.vectors[positions[mine] - start]
            start += len(part)
        return found

    def in_category(self, path: str) -> Bool[NDArray, " n"]:
        """Which listings lie in a category or below it.

        Args:
          path: from the top, such as ``"Home > Mugs"``.

        Raises:
          ConfigError: when none does, naming some categories there are.
        """
        wanted = category_key(path)
        categories = [category for part in self.parts for category in part.category_path]
        inside = {c: category_key(c)[: len(wanted)] == wanted for c in set(categories)}
        if not wanted or not any(inside.values()):
            some = ", ".join(repr(c) for c in sorted(inside)[:5])
            raise ConfigError(f"no listing in category {path!r}; there are {some}, ...")
        return np.array([inside[category] for category in categories])


def category_levels(path: str) -> list[str]:
    """Levels of a category from the top; empty ones, which say nothing, are left out."""
    return [level for level in map(str.strip, path.split(">")) if level]


def category_key(path: str) -> tuple[str, ...]:
    """Equal for paths that differ only in case, blanks and empty levels."""
    return tuple(level.lower() for level in category_levels(path))
