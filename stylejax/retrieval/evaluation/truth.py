"""What is right for whom: the one form that all protocols of evaluation come to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray


@dataclass(frozen=True)
class Truth:
    """Who searches, who is found, and which answers are right.

    Rows count in the vectors that search and in those that are found, which may be the same;
    numbers count in `queries` and in `gallery`.
    """

    queries: Int[NDArray, " q"]  # rows that search
    gallery: Int[NDArray, " g"]  # rows that are found, ascending
    left_out: Int[NDArray, " q"]  # number in the gallery of the query itself; -1 = not there
    query: Int[NDArray, " p"]  # of each right answer: number of its query
    found: Int[NDArray, " p"]  # of each right answer: number in the gallery
    gain: Float[NDArray, " p"]  # of each right answer: how right it is, more than 0

    @property
    def graded(self) -> bool:
        """Whether some right answers are better than others."""
        return len(self.gain) > 0 and bool((self.gain != self.gain[0]).any())


def of_groups(
    groups: Sequence[str], queries: Int[NDArray, " q"], gallery: Int[NDArray, " g"]
) -> Truth:
    """The listings of a query's product are right for it, but for the query itself.

    Args:
      groups: true product of each row.
      queries: rows that search.
      gallery: rows that are found.
    """
    gallery = np.sort(gallery)
    code: dict[str, int] = {}
    numbers = (code.setdefault(str(group), len(code)) for group in groups)
    product = np.fromiter(numbers, np.int64, len(groups))
    by_product = np.argsort(product[gallery], kind="stable")
    ordered = product[gallery][by_product]
    first = np.searchsorted(ordered, product[queries], side="left")
    count = np.searchsorted(ordered, product[queries], side="right") - first
    query = np.repeat(np.arange(len(queries)), count)
    within = np.arange(len(query)) - np.repeat(np.cumsum(count) - count, count)
    found = by_product[np.repeat(first, count) + within]
    other = gallery[found] != queries[query]
    query, found = query[other], found[other]
    left_out = own_numbers(queries, gallery)
    return Truth(queries, gallery, left_out, query, found, np.ones(len(query)))


def own_numbers(queries: Int[NDArray, " q"], gallery: Int[NDArray, " g"]) -> Int[NDArray, " q"]:
    """The number of each row in an ascending gallery; -1 where it is not there."""
    if not len(gallery):
        return np.full(len(queries), -1)
    place = np.minimum(np.searchsorted(gallery, queries), len(gallery) - 1)
    return np.where(gallery[place] == queries, place, -1)
