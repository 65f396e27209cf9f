"""Two runs over the same queries: what each of them got right alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stylejax.labels import Card
from stylejax.retrieval.album import Album
from stylejax.retrieval.evaluation.comparable import Difference
from stylejax.retrieval.report.examples import Answer, Judged
from stylejax.retrieval.report.lot import by_lot

SHOWN = 4  # queries that either run got right alone


@dataclass(frozen=True)
class Tally:
    """How many queries of a direction have a right first result in both runs, one, or none."""

    direction: str
    both: int
    mine: int
    theirs: int
    neither: int


@dataclass(frozen=True)
class Duel:
    """A query that one of the runs got right alone, and what each of them found."""

    card: Card
    picture: str
    mine: Answer
    theirs: Answer


@dataclass(frozen=True)
class Versus:
    """What the page says of another run."""

    name: str
    differences: Sequence[Difference]  # this run less the other one, by query
    tallies: list[Tally]
    only_mine: list[Duel]
    only_theirs: list[Duel]


def versus(
    name: str,
    differences: Sequence[Difference],
    mine: Mapping[str, Judged],
    theirs: Mapping[str, Judged],
    cards: Mapping[str, Card],
    album: Album,
) -> Versus:
    """Compares the first results of all queries that both runs were judged by.

    Args:
      name: of the other run.
      differences: of the paired tests.
      mine: direction to this run's ranking.
      theirs: likewise of the other run.
      cards: what to show of listings, by id.
      album: takes the pictures.
    """
    tallies = []
    for direction in (d for d in mine if d in theirs):
        firsts = [_firsts(side[direction]) for side in (mine, theirs)]
        pairs = [(firsts[0][item], firsts[1][item]) for item in firsts[0] if item in firsts[1]]
        counts = [pairs.count(pair) for pair in _KINDS]
        tallies.append(Tally(direction, *counts))
    shown = [_duels(mine["m-m"], theirs["m-m"], wanted, cards, album) for wanted in (True, False)]
    return Versus(name, differences, tallies, *shown)


_KINDS = ((True, True), (True, False), (False, True), (False, False))


def _firsts(judged: Judged) -> dict[str, bool]:
    """Whether the first result of each query is right, by the query's id."""
    ids = judged.vectors.item_id
    return {ids[row]: rank == 1 for row, rank in judged.first_right.items()}


def _duels(
    mine: Judged,
    theirs: Judged,
    first_wins: bool,
    cards: Mapping[str, Card],
    album: Album,
) -> list[Duel]:
    """Queries that only the first run got right, or only the second, drawn by lot."""
    firsts, seconds = _firsts(mine), _firsts(theirs)
    wanted = (first_wins, not first_wins)
    ids = [item for item in firsts if (firsts[item], seconds.get(item)) == wanted]
    drawn = [ids[n] for n in by_lot(range(len(ids)), ids)][:SHOWN]
    answers = []
    for judged in (mine, theirs):
        row_of = {item: row for row, item in enumerate(judged.vectors.item_id)}
        aligned = [cards[item] for item in judged.vectors.item_id]
        found = judged.answers([row_of[item] for item in drawn], aligned, album)
        answers.append([found[row_of[item]] for item in drawn])
    return [
        Duel(cards[item], album.add(cards[item].image), one, other)
        for item, one, other in zip(drawn, *answers, strict=True)
    ]
