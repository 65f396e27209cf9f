"""Which listing stands at which place of which epoch.

A place is computed, not looked up in a shuffled list: `EpochOrder` holds a few sorted tables of
the listings and permutes their indices (see `input_pipeline.stateless`). An epoch is laid out in
units of `block` listings. A category fills whole units as far as it goes; what is left over of
all categories shares the last units.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from input_pipeline.stateless import mixed, shuffled
from stylejax.config import SamplingConfig

Rows = NDArray[np.int64]
_UNITS, _BINS, _CATEGORIES, _GROUPS, _MEMBERS = range(5)  # what a permutation is of


class _Layout(NamedTuple):
    """One epoch's categories in their order, and where each begins among the units."""

    category: Rows  # [c]
    first_unit: Rows  # [c]
    first_left_over: Rows  # [c] among what is left over


class EpochOrder:
    """Example numbers to listings, for one data set.

    Examples `e * length` to `(e + 1) * length - 1` are epoch e. With the plain settings each
    listing comes once in it. A block size above 1 rounds the length up to whole blocks; another
    `category_exponent` gives each category its own number of places, which its listings fill in
    turn, epoch after epoch.
    """

    def __init__(self, category: Rows, group: Rows, options: SamplingConfig, rows: int, seed: int):
        """Sorts the listings.

        Args:
          category: `[l]` category of each listing, any integers.
          group: `[l]` product group of each listing, any integers.
          options: `block`, `category_exponent` and `distinct_groups` are used.
          rows: examples a batch has of this data set; a multiple of `options.block`.
          seed: of the run.
        """
        count = len(category)
        self._options, self._seed = options, seed
        if options.block == 1 and options.category_exponent == 1:
            category = np.zeros(count, np.int64)  # a category makes no difference
        if options.block == 1 and not options.distinct_groups:
            group = np.arange(count)  # a group makes no difference
        category = np.unique(category, return_inverse=True)[1].astype(np.int64)
        key = category * (int(group.max()) + 1) + group
        _, which, sizes = np.unique(key, return_inverse=True, return_counts=True)
        size = sizes[which]
        # Groups stand together, those of one size side by side: they can be exchanged at random.
        self._listing = np.lexsort((group, size, category))
        category, size = category[self._listing], size[self._listing]
        new = (np.diff(category, prepend=-1) != 0) | (np.diff(size, prepend=-1) != 0)
        self._run = np.flatnonzero(new)  # [r] where a run of groups of one size begins
        self._group_size = size[self._run]
        self._run_groups = np.diff(self._run, append=count) // self._group_size
        self._size = np.bincount(category)  # [c] listings a category
        self._start = np.cumsum(self._size) - self._size
        self._units = -(-count // options.block)
        self._batch_units = rows // options.block
        self.length = self._units * options.block
        self._quota = quotas(self._size, options.category_exponent, self.length)
        self._whole = self._quota // options.block  # units of one category alone
        self._rest = self._quota % options.block
        self._layout = lru_cache(maxsize=4)(self._lay_out)

    def __call__(self, number: Rows) -> tuple[Rows, Rows]:
        """Listings `[n]` (indices into `category`) and epochs `[n]` of n example numbers."""
        unit, within = np.divmod(number, self._options.block)
        epoch, place = np.divmod(unit, self._units)
        listing = np.empty_like(number)
        for e in np.unique(epoch).tolist():
            here = epoch == e
            arrange = self._dealt if self._options.distinct_groups else self._mixed
            listing[here] = self._at(e, arrange(e, place[here]), within[here])
        return listing, epoch

    def _mixed(self, epoch: int, place: Rows) -> Rows:
        """Places of an epoch to units: any order."""
        return shuffled(place, self._units, self._seed, _UNITS, epoch)

    def _dealt(self, epoch: int, place: Rows) -> Rows:
        """Places of an epoch to units: dealt out to the batches one by one, like cards.

        Neighbours go to different batches, and a group's listings are neighbours. The batches
        that an epoch shares with the one before and the one after are dealt to as well, until
        they have their share: the first takes cards of the early rounds, the last of the late.
        """
        rows = self._batch_units
        head = min(-epoch * self._units % rows, self._units)
        full = (self._units - head) // rows
        tail = self._units - head - full * rows
        middle = place - head
        turn, spot = (
            middle % rows,
            shuffled(
                np.clip(middle // rows, 0, max(full - 1, 0)), max(full, 1), self._seed, _BINS, epoch
            ),
        )
        in_head, in_tail = place < head, middle >= full * rows
        turn = np.where(in_head, place, np.where(in_tail, turn + rows - tail, turn))
        spot = np.where(in_head, full, np.where(in_tail, full + (turn < head), spot))
        before = turn * full + np.minimum(turn, head) + np.maximum(turn - (rows - tail), 0)
        return before + spot

    def _lay_out(self, epoch: int) -> _Layout:
        order = np.argsort(
            mixed(self._seed, _CATEGORIES, epoch, np.arange(len(self._size))), kind="stable"
        )
        whole, rest = self._whole[order], self._rest[order]
        return _Layout(order, np.cumsum(whole) - whole, np.cumsum(rest) - rest)

    def _at(self, epoch: int, unit: Rows, within: Rows) -> Rows:
        """Units of an epoch, and places within them, to listings."""
        layout, shared = self._layout(epoch), int(self._whole.sum())
        alone = unit < shared
        left_over = within * (self._units - shared) + (unit - shared)
        at = np.where(
            alone,
            _holding(layout.first_unit, unit, self._whole[layout.category]),
            _holding(layout.first_left_over, left_over, self._rest[layout.category]),
        )
        category = layout.category[at]
        whole = self._whole[category]
        # Every `whole`-th listing of a category makes a unit, so that a group is spread over them.
        slot = np.where(
            alone,
            within * whole + unit - layout.first_unit[at],
            whole * self._options.block + left_over - layout.first_left_over[at],
        )
        turn, place = np.divmod(epoch * self._quota[category] + slot, self._size[category])
        return self._member(turn, self._start[category] + place)

    def _member(self, turn: Rows, place: Rows) -> Rows:
        """Places in the sorted table to listings, groups and members exchanged at random.

        Args:
          turn: `[n]` how often the category was gone through before.
          place: `[n]`
        """
        run = np.searchsorted(self._run, place, side="right") - 1
        size, start = self._group_size[run], self._run[run]
        group, member = np.divmod(place - start, size)
        group = shuffled(group, self._run_groups[run], self._seed, _GROUPS, turn, run)
        first = start + group * size
        return self._listing[first + shuffled(member, size, self._seed, _MEMBERS, turn, first)]


def quotas(size: Rows, exponent: float, length: int) -> Rows:
    """Places of an epoch that each category gets, in proportion to size ** exponent.

    Args:
      size: `[c]` listings a category, each at least 1.
      exponent: 1 = a place for every listing, 0 = as many for each category.
      length: places in all, at least c.

    Returns:
      `[c]` int64 of sum `length`, each at least 1.
    """
    share = size.astype(np.float64) ** exponent
    wanted = share / share.sum() * length
    while (wanted < 1).any():  # a category has one place at least: the others make room
        least = wanted <= 1
        wanted[~least] *= (length - least.sum()) / wanted[~least].sum()
        wanted[least] = 1
    quota = np.floor(wanted).astype(np.int64)
    most = np.argsort(quota - wanted, kind="stable")
    quota[most[: length - int(quota.sum())]] += 1
    return quota


def _holding(first: Rows, index: Rows, size: Rows) -> Rows:
    """Which of the consecutive ranges `first[i] .. first[i] + size[i] - 1` holds each index."""
    filled = np.flatnonzero(size)
    if len(filled) == 0:
        return np.zeros_like(index)
    return filled[np.maximum(np.searchsorted(first[filled], index, side="right") - 1, 0)]
