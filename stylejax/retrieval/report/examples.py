"""Queries to look at: drawn by lot, with what they find and whether it is right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int
from numpy.typing import NDArray

from stylejax.labels import Card
from stylejax.retrieval.album import Album
from stylejax.retrieval.evaluation.ranks import Ranks, rank_right
from stylejax.retrieval.evaluation.top import top_answers
from stylejax.retrieval.evaluation.truth import Truth
from stylejax.retrieval.report.lot import by_lot
from stylejax.retrieval.vectors import Vectors

SHOWN_RESULTS = 5
WRONG_EXAMPLES, RIGHT_EXAMPLES = 2, 1  # of each category


@dataclass(frozen=True)
class Result:
    """One listing found for a query."""

    card: Card
    picture: str  # CSS class, empty = no photo
    rank: int
    score: float
    right: bool


@dataclass(frozen=True)
class Answer:
    """What a query finds in one direction."""

    direction: str
    results: list[Result]
    first_right: Result | None  # the best right result where `results` has none


@dataclass(frozen=True)
class Example:
    """A query to look at."""

    card: Card
    picture: str
    answers: list[Answer]

    @property
    def right(self) -> bool:
        """Whether the first result by photo and title is right."""
        return self.answers[0].results[0].right


class Judged:
    """One direction of the evaluation, ranked as its metrics were."""

    def __init__(self, vectors: Vectors, truth: Truth, direction: str):
        """Ranks what is right for every query."""
        self.vectors, self.truth, self.direction = vectors, truth, direction
        self.ranks: Ranks = rank_right(vectors, vectors, direction, truth)
        rows = truth.queries[self.ranks.query].tolist()
        best = self.ranks.starts[:-1]
        self.first_right: dict[int, int] = dict(
            zip(rows, self.ranks.rank[best].tolist(), strict=True)
        )  # row of each query with something to find -> its first rank
        self._number = {int(row): number for number, row in enumerate(truth.queries)}
        self._best = dict(zip(rows, best.tolist(), strict=True))

    def answers(
        self, rows: Sequence[int], cards: Sequence[Card], album: Album
    ) -> dict[int, Answer]:
        """The first results of some queries, by row; without those that lack the view."""
        here = [row for row in rows if self.vectors.present[self.direction[0]][row]]
        numbers = np.array([self._number[row] for row in here], np.int64)
        top = top_answers(
            self.vectors, self.vectors, self.direction, self.truth, numbers, SHOWN_RESULTS
        )
        return {
            row: self._answer(row, top.found[n], top.score[n], cards, album)
            for n, row in enumerate(here)
        }

    def _answer(
        self,
        row: int,
        found: Int[NDArray, " k"],
        scores: NDArray[np.float32],
        cards: Sequence[Card],
        album: Album,
    ) -> Answer:
        mine = self.truth.query == self._number[row]
        right = set(self.truth.found[mine].tolist())

        def result(number: int, rank: int, score: float) -> Result:
            card = cards[int(self.truth.gallery[number])]
            return Result(card, album.add(card.image), rank, score, number in right)

        results = [
            result(int(number), rank, float(score))
            for rank, (number, score) in enumerate(zip(found, scores, strict=True), 1)
            if number >= 0
        ]
        first = None
        if row in self._best and not any(one.right for one in results):
            at = self._best[row]
            first = result(
                int(self.ranks.found[at]), int(self.ranks.rank[at]), float(self.ranks.score[at])
            )
        return Answer(self.direction, results, first)


def examples(
    rows: Iterable[int],
    judged: Mapping[str, Judged],
    cards: Sequence[Card],
    album: Album,
) -> Iterator[Example]:
    """Queries with what they find in the judged directions, as far as they have the views."""
    rows = list(rows)
    found = [one.answers(rows, cards, album) for one in judged.values()]
    for row in rows:
        answers = [answers[row] for answers in found if row in answers]
        yield Example(cards[row], album.add(cards[row].image), answers)


def drawn(ranks: Mapping[int, int], item_id: Sequence[str], groups: Sequence[str]) -> Iterable[int]:
    """Rows of wrong and right examples, drawn by lot: the same ones in every report of the data.

    A second query of a product comes only after one of every other product.
    """
    queries = by_lot(ranks, item_id)
    for wanted, count in ((False, WRONG_EXAMPLES), (True, RIGHT_EXAMPLES)):
        earlier: Counter[str] = Counter()
        order = []
        for row in queries:
            if (ranks[row] == 1) == wanted:
                order.append((earlier[groups[row]], len(order), row))
                earlier[groups[row]] += 1
        yield from (row for _, _, row in sorted(order)[:count])
