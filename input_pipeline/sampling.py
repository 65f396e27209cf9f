"""Example numbers to pairs of listings: who is the left side, and which partner is drawn.

Where hard negatives are known, some rows of a batch leave their place in the epoch to one of the
listing in the row above.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from input_pipeline.companions import Companions
from input_pipeline.graph import PairGraph
from input_pipeline.order import EpochOrder
from input_pipeline.stateless import mixed, uniform
from stylejax.config import SamplingConfig

_PARTNER, _SWAP, _END, _COMPANION = 101, 102, 103, 104  # what a number is drawn for


class PairSampler:
    """Pairs as a pure function of (seed, example number)."""

    def __init__(
        self,
        graph: PairGraph,
        options: SamplingConfig,
        rows: int,
        seed: int,
        companions: Companions | None = None,
    ):
        """Prepares the tables.

        Args:
          graph: pairs by listing.
          options: which pairs a batch holds.
          rows: examples a batch has of this graph.
          seed: of the run.
          companions: hard negatives of the graph's listings; None = none are known.
        """
        self._rows, self._hard_share, self._companions = rows, options.hard_share, companions
        self._graph, self._seed, self._swap = graph, seed, options.swap
        self._origin = graph.origin()
        # Each pair is in the graph from both ends; a listing paired with itself once.
        once = np.flatnonzero(self._origin <= graph.partner)
        self._pairs = once if options.epoch == "pairs" else None
        dealt = graph.left if self._pairs is None else self._origin[self._pairs]
        category, group = graph.category[dealt], graph.group[dealt].astype(np.int64)
        self._order = EpochOrder(category, group, options, rows, seed)
        self._cumulative = np.cumsum(graph.weight**options.weight_exponent)

    def __call__(
        self, number: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
        """Catalogue rows `[n, 2]` of both sides, weights and epochs `[n]`, of n example numbers."""
        k, epoch, place = self._placed(number)
        if self._companions is not None:
            place = self._hardened(self._companions, number, place)
        pairs = np.stack([self._origin[place], self._graph.partner[place]], axis=1)
        if self._pairs is not None:  # from one end in this epoch, from the other in the next
            turned = (mixed(self._seed, _END, k) + epoch.astype(np.uint64)) % 2 == 1
            pairs[turned] = pairs[turned, ::-1]
        if self._swap:
            turned = uniform(self._seed, _SWAP, number) < 0.5
            pairs[turned] = pairs[turned, ::-1]
        return pairs, self._graph.weight[place], epoch

    def _placed(
        self, number: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """What of the order is dealt, in which epoch, and the place of the pair in the graph."""
        k, epoch = self._order(number)
        return k, epoch, self._drawn(k, number) if self._pairs is None else self._pairs[k]

    def _hardened(
        self, companions: Companions, number: NDArray[np.int64], place: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Places of pairs in the graph, some of them of a hard negative of the row above."""
        row, share = number % self._rows, self._hard_share
        hard = np.flatnonzero(np.floor((row + 1) * share) > np.floor(row * share))
        above = self._origin[self._placed(number[hard] - 1)[2]]
        k = np.searchsorted(self._graph.left, above)
        low, count = companions.start[k], np.diff(companions.start)[k]
        hard, low, count = (x[count > 0] for x in (hard, low, count))
        choice = (uniform(self._seed, _COMPANION, number[hard]) * count).astype(np.int64)
        place = place.copy()
        place[hard] = self._drawn(companions.listing[low + choice], number[hard])
        return place

    def _drawn(self, k: NDArray[np.int64], number: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where in the graph the partners are that listings `left[k]` draw by weight."""
        low, high = self._graph.start[k], self._graph.start[k + 1]
        before = np.where(low > 0, self._cumulative[np.maximum(low - 1, 0)], 0.0)
        choice = uniform(self._seed, _PARTNER, number)
        wanted = before + choice * (self._cumulative[high - 1] - before)
        drawn = np.searchsorted(self._cumulative, wanted, side="right")
        # Rounding may push the draw to the next listing's first partner.
        return np.clip(drawn, low, high - 1)
