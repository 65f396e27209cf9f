"""A part of an index: the vectors of some listings, and a tree over them if it has one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float32, Int
from numpy.typing import NDArray

from stylejax.retrieval.index.exact import exact_top_k
from stylejax.retrieval.index.tree import ScannTree
from stylejax.retrieval.index.tuning import Tuning

Engine = Literal["scann", "exact", "approx"]
# Vectors that are searched exactly. A tree over so many answers ten times as many queries a second,
# but to load ScaNN, build and tune takes as long as 30,000 exact searches, which miss nothing.
FEW = 20_000
LAST = 0.5  # share of a part from which on a tree is no longer asked for more candidates


@dataclass(frozen=True)
class Part:
    """Listings that are searched together."""

    item_id: Sequence[str]
    category_path: Sequence[str]  # likewise; "" = unknown
    vectors: Float32[NDArray, "n d"]
    tree: ScannTree | None = None  # None = exact search
    tuning: Tuning | None = None  # of the tree
    recall: float = 1.0  # without a tree: below 1 the devices may miss as much, see `exact_top_k`

    def __len__(self) -> int:
        return len(self.item_id)

    def search(
        self,
        queries: Float32[NDArray, "q d"],
        k: int,
        allowed: Bool[NDArray, " n"] | None = None,
    ) -> tuple[Int[NDArray, "q k"], Float32[NDArray, "q k"]]:
        """The k nearest of its vectors, or of those that are allowed.

        Returns:
          Rows and cosines, best first; where there are fewer than k, -1 and minus infinity follow.
        """
        if allowed is None:
            return self._all(queries, k)
        if not allowed.any():
            nothing = np.full((len(queries), k), -1, np.int64)
            return nothing, np.full((len(queries), k), -np.inf, np.float32)
        return self._some(queries, k, allowed)

    def _all(
        self, queries: Float32[NDArray, "q d"], k: int
    ) -> tuple[Int[NDArray, "q k"], Float32[NDArray, "q k"]]:
        if self.tree is None or self.tuning is None:
            return exact_top_k(queries, self.vectors, k, recall=self.recall)
        found = np.full((len(queries), k), -1, np.int64)
        scores = np.full((len(queries), k), -np.inf, np.float32)
        take = min(k, len(self))
        found[:, :take], scores[:, :take] = self.tree.search(queries, take, self.tuning.effort)
        return found, scores

    def _some(
        self, queries: Float32[NDArray, "q d"], k: int, allowed: Bool[NDArray, " n"]
    ) -> tuple[Int[NDArray, "q k"], Float32[NDArray, "q k"]]:
        """Asks the tree for more than k until k of them are allowed; else searches the allowed."""
        there = int(allowed.sum())
        if self.tree is not None and there > FEW:
            wanted = math.ceil(1.5 * k * len(self) / there)
            while wanted < LAST * len(self):
                found, scores = self._all(queries, wanted)
                fits = allowed[found]
                if (fits.sum(axis=1) >= k).all():
                    # The first k that fit, in their order.
                    first = np.argsort(~fits, axis=1, kind="stable")[:, :k]
                    rows = np.take_along_axis(found, first, axis=1)
                    return rows, np.take_along_axis(scores, first, axis=1)
                wanted *= 4
        rows = np.flatnonzero(allowed)
        found, scores = exact_top_k(queries, self.vectors[rows], k)
        return np.where(found < 0, found, rows[found]), scores
