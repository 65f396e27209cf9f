"""What results are divided by: what a query shows, and what training has seen of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from stylejax.labels import Label
from stylejax.retrieval.vectors import Vectors

HEAD = 0.5  # share of the mined pairs that the most paired products have together


def breakdowns(
    vectors: Vectors,
    labels: Mapping[str, Label],
    train_split: str,
    paired: Mapping[str, int],
) -> dict[str, list[str]]:
    """Name of a breakdown to the value of each listing; "" = it has none.

    - ``category``, and ``industry`` where that is another level.
    - ``shows``: photo and title, photo alone, title alone; where both views were exported.
    - ``product``: whether listings of the query's product were trained on.
    - ``listing``: whether the query itself was.
    - ``demand``: head, tail, or none: the products that have half of the mined pairs' ends between
      them, the most paired first, the rest, and those without a pair.

    Args:
      vectors: the listings, all with a label.
      labels: of the whole catalogue.
      train_split: split that was trained on.
      paired: item id to the number of its mined pairs; none = there are no pairs.
    """
    mine = [labels[item] for item in vectors.item_id]
    trained = {label.group for label in labels.values() if label.split == train_split}
    found = {
        "category": [label.category for label in mine],
        "industry": [label.industry for label in mine],
        "shows": shows(vectors),
        "product": ["seen" if label.group in trained else "unseen" for label in mine],
        "listing": ["seen" if label.split == train_split else "unseen" for label in mine],
        "demand": _demand(mine, labels, paired),
    }
    if found["industry"] == found["category"]:
        del found["industry"]
    return found


def shows(vectors: Vectors) -> list[str]:
    """What each listing shows: both, one, or "" where the export does not tell."""
    if not {"i", "t"} <= set(vectors.present):
        return [""] * len(vectors.item_id)
    names = np.array(["", "title alone", "photo alone", "photo and title"])
    return names[2 * vectors.present["i"] + vectors.present["t"]].tolist()


def _demand(
    mine: Sequence[Label], labels: Mapping[str, Label], paired: Mapping[str, int]
) -> list[str]:
    ends: dict[str, int] = {}
    for item, count in paired.items():
        if item in labels:
            group = labels[item].group
            ends[group] = ends.get(group, 0) + count
    if not ends:
        return [""] * len(mine)
    head, left = set(), HEAD * sum(ends.values())
    for group in sorted(ends, key=lambda group: (-ends[group], group)):
        if left <= 0:
            break
        head.add(group)
        left -= ends[group]
    return [
        "none" if label.group not in ends else "head" if label.group in head else "tail"
        for label in mine
    ]
