"""Nearest-neighbour clusters: what the vectors hold for one product, and what is in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from stylejax.labels import Card
from stylejax.retrieval.album import Album
from stylejax.retrieval.evaluation.top import top_answers
from stylejax.retrieval.evaluation.truth import of_groups
from stylejax.retrieval.report.lot import by_lot
from stylejax.retrieval.vectors import Vectors

MOST = 2_000  # listings that are clustered; of a larger gallery so many are drawn
SHOWN = 6  # clusters of either kind
TILES = 8  # listings of a cluster that are shown


@dataclass(frozen=True)
class Member:
    """One listing of a cluster."""

    card: Card
    picture: str  # CSS class, empty = no photo
    product: int  # number of its product within the cluster, the commonest first


@dataclass(frozen=True)
class Clusters:
    """What was found, and some of it to look at."""

    listings: int
    count: int
    pure: int  # clusters of one product
    mixed_shown: list[list[Member]]
    pure_shown: list[list[Member]]


def clusters(
    vectors: Vectors,
    rows: Sequence[int],
    groups: Sequence[str],
    cards: Sequence[Card],
    album: Album,
) -> Clusters | None:
    """Links every listing to its nearest, by photo and title; what hangs together is a cluster.

    That is the first partition of FINCH (Sarfraz et al. 2019): it needs no threshold.

    Args:
      vectors: of all listings.
      rows: of those that are clustered.
      groups: true product of all listings.
      cards: of all listings.
      album: takes the pictures.

    Returns:
      None for fewer than two listings.
    """
    some = [row for row in by_lot(rows, vectors.item_id) if vectors.present["m"][row]][:MOST]
    if len(some) < 2:
        return None
    members = np.sort(np.array(some))
    cluster = first_neighbours(vectors, members)
    found: dict[int, list[int]] = {}
    for row, number in zip(members.tolist(), cluster.tolist(), strict=True):
        found.setdefault(number, []).append(row)
    first = {by_lot(mine, vectors.item_id)[0]: mine for mine in found.values()}
    drawn = [first[row] for row in by_lot(first, vectors.item_id)]
    mixed = [mine for mine in drawn if len({groups[row] for row in mine}) > 1]
    pure = [mine for mine in drawn if len({groups[row] for row in mine}) == 1]

    def shown(mine: list[int]) -> list[Member]:
        sizes = {g: sum(groups[row] == g for row in mine) for g in {groups[row] for row in mine}}
        order = sorted(sizes, key=lambda g: (-sizes[g], g))
        number = {row: order.index(groups[row]) for row in mine}
        seen: Counter[int] = Counter()
        nth = {}
        for row in mine:
            nth[row] = seen[number[row]]
            seen[number[row]] += 1
        # As many of every product as there is room for, that none hides behind the commonest.
        kept = sorted(mine, key=lambda row: (nth[row], number[row]))[:TILES]
        return [
            Member(cards[row], album.add(cards[row].image), number[row])
            for row in sorted(kept, key=lambda row: (number[row], row))
        ]

    return Clusters(
        len(members),
        len(found),
        len(pure),
        [shown(mine) for mine in mixed[:SHOWN]],
        [shown(mine) for mine in pure[:SHOWN]],
    )


def first_neighbours(vectors: Vectors, rows: Int[NDArray, " n"]) -> Int[NDArray, " n"]:
    """Number of the cluster of each row; all have the view m."""
    alone = of_groups([""] * len(vectors.item_id), rows, rows)
    nearest = top_answers(vectors, vectors, "m-m", alone, np.arange(len(rows)), 1).found[:, 0]
    links = coo_array(
        (np.ones(len(rows)), (np.arange(len(rows)), nearest)), shape=(len(rows), len(rows))
    )
    return connected_components(links, directed=False)[1].astype(np.int64)
