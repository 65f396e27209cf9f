"""Listings laid out in the plane so that like lies by like: a mosaic of photos."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int
from numpy.typing import NDArray

from stylejax.labels import Card, Label
from stylejax.retrieval.album import Album
from stylejax.retrieval.report.lot import by_lot
from stylejax.retrieval.vectors import Vectors

TILES = 400  # listings shown, at most
FEWEST = 10  # listings that a plane is made of
ROOM = 1.6  # cells for each listing
COLOURS = 8  # categories with a colour of their own; all others share one


@dataclass(frozen=True)
class Tile:
    """One listing in its cell."""

    card: Card
    picture: str  # CSS class, empty = no photo
    column: int
    row: int
    colour: int  # number of its category; `COLOURS` = any other


@dataclass(frozen=True)
class Plane:
    """A square of `side` times `side` cells."""

    side: int
    tiles: list[Tile]
    categories: list[str]  # those with a colour, in order


def plane(
    vectors: Vectors,
    rows: Sequence[int],
    cards: Sequence[Card],
    known: Sequence[Label],
    album: Album,
) -> Plane | None:
    """Up to 400 listings, drawn by lot, laid out by their photos and titles together.

    Args:
      vectors: of all listings.
      rows: of those that may be shown.
      cards: of all listings.
      known: the truth of all listings; its category gives the colour.
      album: takes the pictures.

    Returns:
      None where fewer than ten listings can be shown.
    """
    rows = [row for row in by_lot(rows, vectors.item_id) if vectors.present["m"][row]][:TILES]
    if len(rows) < FEWEST:
        return None
    count = {c: sum(known[row].category == c for row in rows) for c in {x.category for x in known}}
    names = sorted((c for c, n in count.items() if n), key=lambda c: (-count[c], c))[:COLOURS]
    colour: Mapping[str, int] = {name: n for n, name in enumerate(names)}
    places = cells(laid_out(vectors.take("m", np.array(rows))))
    side = int(places.max()) + 1
    tiles = [
        Tile(
            cards[row],
            album.add(cards[row].image),
            int(column),
            int(line),
            colour.get(known[row].category, COLOURS),
        )
        for row, (column, line) in zip(rows, places, strict=True)
    ]
    return Plane(side, tiles, names)


def laid_out(vectors: Float32[NDArray, "n d"]) -> Float32[NDArray, "n 2"]:
    """t-SNE (van der Maaten & Hinton 2008) by cosine, from the first two principal components."""
    from sklearn.manifold import TSNE

    perplexity = min(30.0, (len(vectors) - 1) / 3)
    tsne = TSNE(
        perplexity=perplexity,
        init="pca",
        metric="cosine",
        method="exact",
        random_state=0,
        max_iter=500,
    )
    return tsne.fit_transform(vectors).astype(np.float32)


def cells(points: Float32[NDArray, "n 2"]) -> Int[NDArray, "n 2"]:
    """A cell of a square for each point, none twice, each near where the point is.

    The points farthest from the middle choose last, so that they give way outwards.
    """
    side = math.ceil(math.sqrt(ROOM * len(points)))
    low, high = points.min(axis=0), points.max(axis=0)
    wanted = (points - low) / np.maximum(high - low, 1e-9) * (side - 1)
    grid = np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1).reshape(-1, 2)
    free = np.ones(len(grid), bool)
    chosen = np.zeros((len(points), 2), np.int64)
    for point in np.argsort(np.abs(wanted - side / 2).max(axis=1), kind="stable"):
        distance = np.where(free, ((grid - wanted[point]) ** 2).sum(axis=1), np.inf)
        cell = int(distance.argmin())
        free[cell] = False
        chosen[point] = grid[cell]
    return chosen
