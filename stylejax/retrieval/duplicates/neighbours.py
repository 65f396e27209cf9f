"""Candidate pairs: the nearest neighbours of every listing, and how crowded it is around each.

A cosine alone says little: among resistors, two products are as near to each other as two photos of
one mug are. So what counts is how much nearer two listings are to each other than they are to their
nearest ten on average: score = cosine - (crowding of one + crowding of the other) / 2. Conneau et
al. (ICLR 2018, "Word translation without parallel data") rank translations so (CSLS); halved here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Int, Int32
from numpy.typing import NDArray

from stylejax.retrieval.duplicates.completed import completed
from stylejax.retrieval.duplicates.space import Space
from stylejax.retrieval.index.build import make_part
from stylejax.retrieval.index.part import Engine, Part

BLOCK = 8_192  # listings that are searched for, or compared, at a time
SMALL = 1_024  # listings of a cell that are compared with one product of matrices


@dataclass(frozen=True)
class Neighbours:
    """The k nearest others of each of n listings, by number; -1 = there is no further one."""

    found: Int32[NDArray, "n k"]
    cosine: Float32[NDArray, "n k"]
    crowding: Float32[NDArray, " n"]  # mean cosine to the nearest of the whole catalogue

    def pairs(self, floor: float) -> tuple[Int[NDArray, " p"], Int[NDArray, " p"]]:
        """Both ends of all pairs of neighbours with a score of the floor or more."""
        ends: list[list[NDArray]] = [[], []]
        for first in range(0, len(self.found), BLOCK):
            rows = np.arange(first, min(first + BLOCK, len(self.found)))
            near, score = self.found[rows], self.scores(rows)
            one, place = np.nonzero((near >= 0) & (score >= floor))
            ends[0].append(rows[one])
            ends[1].append(near[one, place].astype(np.int64))
        return np.concatenate(ends[0]), np.concatenate(ends[1])

    def scores(self, numbers: Int[NDArray, " m"]) -> Float[NDArray, "m k"]:
        """The score of each of these listings and its neighbours; minus infinity without one."""
        near = self.found[numbers]
        crowded = (self.crowding[numbers][:, None] + self.crowding[near]) / 2
        return np.where(near >= 0, self.cosine[numbers] - crowded, -np.inf)


def neighbours(
    space: Space,
    k: int,
    *,
    local: int,
    cell: Int[NDArray, " n"] | None = None,
    engine: Engine = "exact",
    recall: float = 0.95,
) -> Neighbours:
    """Searches the index for each of its own listings, a block at a time.

    Args:
      space: the listings.
      k: neighbours of each.
      local: nearest others whose mean cosine is the crowding; 0 = no crowding.
      cell: listings are neighbours within a cell only, such as those of one supplier; negative = in
        none. None = all are one cell. Crowding is of the whole catalogue all the same.
      engine: of cells, see `make_part`; the index has its own.
      recall: likewise.

    Returns:
      8 bytes a neighbour.
    """
    crowding = np.zeros(len(space), np.float32)
    if cell is None:
        k = min(k, len(space) - 1)
        found, cosine = _all(space, max(k, local))
        if local:
            crowding = _mean(cosine[:, :local])
        return Neighbours(found[:, :k], cosine[:, :k], crowding)
    if local:
        crowding = _mean(_all(space, local)[1])
    found = np.full((len(space), k), -1, np.int32)
    cosine = np.full((len(space), k), -np.inf, np.float32)
    for members in _cells(cell):
        near, value = _within(space, members, k, engine, recall)
        found[members, : near.shape[1]] = np.where(near < 0, -1, members[near])
        cosine[members, : near.shape[1]] = value
    return Neighbours(found, cosine, crowding)


def _all(space: Space, k: int) -> tuple[Int32[NDArray, "n k"], Float32[NDArray, "n k"]]:
    found = np.full((len(space), k), -1, np.int32)
    cosine = np.full((len(space), k), -np.inf, np.float32)
    start = 0
    for part in space.index.parts:
        for first in range(0, len(part), BLOCK):
            block = np.asarray(part.vectors[first : first + BLOCK], np.float32)
            own = np.arange(start + first, start + first + len(block))
            near, value = _others(*space.index.search(block, k + 1), own)
            rows = space.number[own]
            found[rows, : near.shape[1]] = np.where(near < 0, -1, space.number[near])
            cosine[rows, : near.shape[1]] = value
        start += len(part)
    if space.index.engine != "exact":
        return completed(space, found, cosine)
    return found, cosine


def _within(
    space: Space, members: Int[NDArray, " m"], k: int, engine: Engine, recall: float
) -> tuple[Int[NDArray, "m j"], Float32[NDArray, "m j"]]:
    """The nearest others of a cell, as places in it."""
    vectors, own = space.rows(members), np.arange(len(members))
    if len(members) > SMALL:
        blank = [""] * len(members)
        part: Part = make_part(blank, blank, vectors, engine, recall)
        return _others(*part.search(vectors, min(k + 1, len(members))), own)
    cosine = vectors @ vectors.T
    near = np.argsort(-cosine, axis=1, kind="stable")[:, : k + 1]
    return _others(near, np.take_along_axis(cosine, near, axis=1), own)


def _others(
    near: Int[NDArray, "m j"], value: Float32[NDArray, "m j"], own: Int[NDArray, " m"]
) -> tuple[Int[NDArray, "m i"], Float32[NDArray, "m i"]]:
    """Leaves each listing out of its own neighbours; the last one where it is not among them."""
    order = np.argsort(near == own[:, None], axis=1, kind="stable")[:, :-1]
    # Of many equal listings one may not find itself; those that it finds keep their order.
    return np.take_along_axis(near, order, axis=1), np.take_along_axis(value, order, axis=1)


def _mean(cosine: Float32[NDArray, "n k"]) -> Float32[NDArray, " n"]:
    there = np.isfinite(cosine)
    total = np.where(there, cosine, 0).sum(axis=1)
    return (total / np.maximum(there.sum(axis=1), 1)).astype(np.float32)


def _cells(cell: Int[NDArray, " n"]) -> Iterator[Int[NDArray, " m"]]:
    """Members of each cell of two or more."""
    order = np.argsort(cell, kind="stable")
    bounds = np.flatnonzero(np.diff(cell[order])) + 1
    for members in np.split(order, bounds):
        if len(members) > 1 and cell[members[0]] >= 0:
            yield members
