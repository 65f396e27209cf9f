"""Mined pairs by listing, joined with the catalogue's rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from input_pipeline.catalogue import Catalogue
from input_pipeline.groups import same_style_groups
from stylejax.config import ConfigError


@dataclass(frozen=True)
class PairGraph:
    """Mined pairs by listing: the partners of `left[k]` are `partner[start[k] : start[k + 1]]`."""

    left: NDArray[np.int64]  # [l] catalogue rows that have a partner
    start: NDArray[np.int64]  # [l + 1]
    partner: NDArray[np.int64]  # [2 pairs] catalogue rows
    weight: NDArray[np.float64]  # [2 pairs] the pairs' weights
    group: NDArray[np.int32]  # [catalogue] group ids, see input_pipeline.groups
    category: NDArray[np.int64]  # [catalogue] category ids

    def origin(self) -> NDArray[np.int64]:
        """Catalogue rows `[2 pairs]` of the listings that `partner` are partners of."""
        return np.repeat(self.left, np.diff(self.start))


def pair_graph(
    catalogue: Catalogue,
    pairs: pa.Table,
    train_split: str,
    *,
    unpaired: bool = False,
    category_level: int = 0,
) -> PairGraph:
    """Joins a table of pairs (left_id, right_id, weight) with the catalogue's rows.

    Args:
      catalogue: listings.
      pairs: `left_id`, `right_id`, `weight`.
      train_split: the split that the pairs are of.
      unpaired: make every listing of the split without a partner its own partner: its picture
        under another crop.
      category_level: levels of the category path that make a category; 0 = the whole path.

    Raises:
      ConfigError: when a pair names a listing that is not in the train split, or has a weight
        that is not positive, or when there is no pair.
    """
    row_of = {catalogue.item_id[row]: int(row) for row in catalogue.rows(train_split)}
    sides = []
    for name in ("left_id", "right_id"):
        ids = pairs[name].to_pylist()
        unknown = sum(item not in row_of for item in ids)
        if unknown:
            first = next(item for item in ids if item not in row_of)
            raise ConfigError(
                f"{unknown} pairs name listings that are not in split {train_split!r}, the first "
                f"{first!r}; mine again with this catalogue"
            )
        sides.append(np.array([row_of[item] for item in ids], np.int64))
    left, right = sides
    weight = pairs["weight"].to_numpy(zero_copy_only=False).astype(np.float64)
    if not (np.isfinite(weight) & (weight > 0)).all():
        bad = weight[~(np.isfinite(weight) & (weight > 0))][0]
        raise ConfigError(f"a pair has weight {bad}; weights are positive numbers: mine again")
    alone = np.setdiff1d(catalogue.rows(train_split), sides) if unpaired else left[:0]
    origin = np.concatenate([left, right, alone])
    if len(origin) == 0:
        raise ConfigError("there is no pair to train on; mine with milder rules")
    partner = np.concatenate([right, left, alone])
    weight = np.concatenate([weight, weight, np.ones(len(alone))])
    order = np.lexsort((partner, origin))
    rows, counts = np.unique(origin, return_counts=True)
    paths = [catalogue.category(row, category_level) for row in range(len(catalogue))]
    return PairGraph(
        left=rows,
        start=np.concatenate([[0], np.cumsum(counts)]),
        partner=partner[order],
        weight=weight[order],
        group=same_style_groups(left, right, len(catalogue)),
        category=np.unique(np.array(paths, dtype=object), return_inverse=True)[1].astype(np.int64),
    )
