"""What `stylejax dedupe` knows of the listings' products: the truth, or labelled pairs."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stylejax.commands.opened import Run
from stylejax.config import ConfigError
from stylejax.labels import Card, require_in_catalogue
from stylejax.retrieval.duplicates.agreement import agreement
from stylejax.retrieval.duplicates.labelled import ByTable, ByTruth, Judge, Truth

if TYPE_CHECKING:
    from input_pipeline.catalogue import Catalogue
    from input_pipeline.pair_labels import PairLabels
    from stylejax.retrieval.duplicates.find import Duplicates
    from stylejax.retrieval.duplicates.neighbours import Neighbours
    from stylejax.retrieval.duplicates.space import Space


@dataclass(frozen=True)
class LabelledPairs:
    """The pairs of a table that could be duplicates, by the space's numbers."""

    path: Path
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    same: NDArray[np.bool_]


@dataclass(frozen=True)
class Products:
    """The listings of a `Space` in their catalogue; arrays go by the space's numbers."""

    catalogue: Catalogue
    row: NDArray[np.int64]  # of each listing
    row_of: dict[str, int]  # of each id
    cell: NDArray[np.int64]  # listings that may be duplicates share one; negative = has none
    truth: Truth | None  # None = the catalogue has no column of true products
    column: str  # that it would have
    split: str  # whose products are the labels; "" = none is
    labels: LabelledPairs | None  # of a table; None = there is none

    @classmethod
    def of(
        cls,
        args: argparse.Namespace,
        catalogue: Catalogue,
        space: Space,
        labels: PairLabels | None,
        within: dict[str, str] | None,
        split: str,
    ) -> Products:
        """Looks the listings up.

        Args:
          args: flags of the verb.
          catalogue: that its listings are in.
          space: the listings.
          labels: the table that `--labels` names; None = it names none.
          within: as `within_values` gives it.
          split: as `labelled_split` gives it.

        Raises:
          ConfigError: when one is not in the catalogue, or the labels are of other listings or of
            none that could be duplicates.
        """
        row_of = {item: row for row, item in enumerate(catalogue.item_id)}
        require_in_catalogue(space.item_id, row_of)
        row = np.array([row_of[item] for item in space.item_id], np.int64)
        cell = np.zeros(len(space), np.int64)
        if within is not None:
            cell = _numbered([within[item] for item in space.item_id])
        truth = None
        if catalogue.group is not None:
            truth = Truth(_numbered([catalogue.group[at] for at in row]), cell)
        pairs = None if labels is None else _labelled(Path(args.labels), labels, space, cell)
        return cls(catalogue, row, row_of, cell, truth, args.columns.group, split, pairs)

    def card(self, item_id: str) -> Card:
        """What a page shows of a listing."""
        return self.catalogue.card(self.row_of[item_id])

    def judge(self, space: Space, near: Neighbours) -> Judge | None:
        """The labelled pairs; None = there are none."""
        if (by := self.labels) is not None:
            return ByTable(space, near, by.left, by.right, by.same)
        if self.truth is None or not self.split:
            return None
        return ByTruth(near, self.truth, np.flatnonzero(self._splits() == self.split))

    def told(self, *, chosen: bool) -> str:
        """Whose labels speak, in words."""
        who = "" if self.labels is None else f"the labels in {self.labels.path}"
        if self.split:
            who = f"the true products of split {self.split}"
        if not who:
            return "given"
        return f"chosen by {who}" if chosen else f"given, judged by {who}"

    def judged(self, found: Duplicates) -> dict[str, Any] | None:
        """Agreement of the groups with the true products of each split; None = not known."""
        if self.truth is None:
            return None
        group, splits = found.dendrogram.groups(found.threshold), self._splits()
        judged = {
            str(split): agreement(group, self.truth, np.flatnonzero(splits == split))
            for split in sorted(set(splits.tolist()))
        }
        known = {split: values for split, values in judged.items() if values["listings"]}
        return {"column": self.column, "splits": known} if known else None

    def _splits(self) -> NDArray[np.object_]:
        return np.array(self.catalogue.split, dtype=object)[self.row]


def _numbered(values: list[str]) -> NDArray[np.int64]:
    """A number for each value; -1 where it is empty."""
    there = np.array(values, dtype=str)
    numbers = np.unique(there, return_inverse=True)[1].reshape(-1).astype(np.int64)
    return np.where(there == "", -1, numbers)


def _labelled(
    path: Path, table: PairLabels, space: Space, cell: NDArray[np.int64]
) -> LabelledPairs:
    left = space.named(table.left_id, f"the labels in {path}")
    right = space.named(table.right_id, f"the labels in {path}")
    kept = (cell[left] == cell[right]) & (cell[left] >= 0)
    if not kept.any():
        others = f"; {table.unlabelled:,} wait for a label" if table.unlabelled else ""
        raise ConfigError(f"{path} labels no pair that could be duplicates{others}")
    if table.unlabelled:
        print(f"! pairs in {path} without a label: {table.unlabelled:,}")
    if apart := int((~kept).sum()):
        print(f"! labelled pairs that cannot be duplicates by --within: {apart:,}")
    return LabelledPairs(path, left[kept], right[kept], table.same[kept])


def within_values(opened: Run, args: argparse.Namespace) -> dict[str, str] | None:
    """What each listing has in the column `--within` names; None = it names none.

    Raises:
      ConfigError: when there is no such column.
    """
    if not args.within:
        return None
    from input_pipeline.listing_values import listing_values

    listings, _ = opened.located(args)
    return listing_values(listings, args.columns.item_id, args.within, "--within")


def labelled_split(opened: Run, args: argparse.Namespace, catalogue: Catalogue) -> str:
    """The split whose true products are the labels.

    "" = no split's are: there is a table of labels, no truth is known, or a threshold is given and
    the split that the recipe names has no listings.

    Raises:
      ConfigError: when it has no listings and is needed.
    """
    if args.labels or catalogue.group is None:
        return ""
    split = args.split or opened.config.evaluation.query_split
    if split in catalogue.split:
        return split
    if args.threshold is not None and not args.split:
        return ""
    raise ConfigError(
        f"no listing of split {split!r}, whose true products would choose the threshold; there are "
        f"{sorted(set(catalogue.split))}: name one with --split"
    )
