"""The ranks of the right answers over a whole gallery, which is read a block at a time.

A ranking is never sorted, and no row of scores outlives its block: to know where a right answer
stands it is enough to count who is ahead of it. Memory holds the vectors of the queries, a block of
the gallery, and a number for each right answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int
from numpy.typing import NDArray

from stylejax.config import ConfigError
from stylejax.retrieval.evaluation.truth import Truth
from stylejax.retrieval.vectors import Vectors

EQUAL = 1e-6  # cosines that differ by no more are equal: float32 knows no better
QUERIES, COLUMNS = 256, 8192  # scores at a time
MANY = 64  # right answers of a query from which on its scores are sorted
BINS = 4000  # of the cosines of wrong answers, from -1 to 1
DRAWN, BINNED = 1000, 200_000_000  # queries whose wrong answers are binned, and answers, at most


@dataclass(frozen=True)
class Ranks:
    """Where the right answers of each query stand, in one direction; queries without any left out.

    The answers of query `query[n]` are those from ``starts[n]`` to ``starts[n + 1]``, the best
    ranked first.
    """

    query: Int[NDArray, " k"]  # number of each query with something to find
    starts: Int[NDArray, " k_and_1"]
    rank: Int[NDArray, " p"]  # from 1, in the gallery without the query itself
    found: Int[NDArray, " p"]  # number in the gallery
    gain: Float64[NDArray, " p"]
    score: Float32[NDArray, " p"]  # cosine
    drawn: Bool[NDArray, " k"]  # queries whose wrong answers are in `wrong`
    wrong: Int[NDArray, " bins"]  # wrong answers by cosine, in equal bins from -1 to 1


def rank_right(
    asking: Vectors, found: Vectors, direction: str, truth: Truth, *, seed: int = 0
) -> Ranks:
    """Ranks every right answer by cosine, exactly.

    A listing without the direction's view takes no part. Listings with equal cosines stand in one
    random order for all queries, so a constant encoder scores what chance scores.

    Args:
      asking: vectors that search.
      found: vectors that are found.
      direction: query view - gallery view, both exported.
      truth: what is right for whom.
      seed: of the order among equals, and of the queries that are drawn.
    """
    ask, answer = direction.split("-")
    here = asking.present[ask][truth.queries], found.present[answer][truth.gallery]
    taken = here[0][truth.query] & here[1][truth.found]
    place = np.cumsum(here[1]) - 1  # of each gallery number among those that take part
    counted, query = np.unique(truth.query[taken], return_inverse=True)
    right, gain = place[truth.found[taken]], truth.gain[taken].astype(np.float64)
    rows = truth.gallery[here[1]]
    vectors = asking.take(ask, truth.queries[counted])
    _require_numbers(vectors, asking, truth.queries[counted], ask)
    own = truth.left_out[counted]
    own = np.where((own >= 0) & here[1][own], place[own], -1)

    lot = lots(len(rows), seed)
    drawn = np.zeros(len(counted), bool)
    some = min(DRAWN, max(1, BINNED // max(1, len(rows))))
    drawn[np.random.default_rng(seed).permutation(len(counted))[:some]] = True
    score = _scores_of(vectors, query, right, found, answer, rows)
    order = np.lexsort((lot[right], -score, query))
    query, right, gain, score = query[order], right[order], gain[order], score[order]
    starts = np.searchsorted(query, np.arange(len(counted) + 1))
    ahead, wrong = _ahead(
        _Asked(vectors, starts, right, score, lot[right], own, drawn), found, answer, rows, lot
    )
    before = np.arange(len(query)) - starts[query]  # right answers that are better
    # Of two right answers that a wrong one equals, it may be counted before the better alone.
    apart = query * (len(rows) + 1)
    ahead = np.maximum.accumulate(ahead + apart) - apart
    number = np.flatnonzero(here[1])[right]
    return Ranks(counted, starts, ahead + before + 1, number, gain, score, drawn, wrong)


def lots(count: int, seed: int) -> Int[NDArray, " count"]:
    """The place of each of `count` listings in the order among equals."""
    return np.random.default_rng(seed).permutation(count)


@dataclass(frozen=True)
class _Asked:
    """The queries of one direction, and their right answers in the order of `Ranks`."""

    vectors: Float32[NDArray, "k d"]
    starts: Int[NDArray, " k_and_1"]
    right: Int[NDArray, " p"]  # place of each right answer among the rows that take part
    score: Float32[NDArray, " p"]
    lot: Int[NDArray, " p"]
    own: Int[NDArray, " k"]  # place of the query itself; -1 = not there
    drawn: Bool[NDArray, " k"]


def _scores_of(
    vectors: Float32[NDArray, "k d"],
    query: Int[NDArray, " p"],
    right: Int[NDArray, " p"],
    found: Vectors,
    view: str,
    rows: Int[NDArray, " g"],
) -> Float32[NDArray, " p"]:
    scores = np.zeros(len(query), np.float32)
    by_place = np.argsort(right, kind="stable")
    for start, block in found.blocks(view, rows):
        _require_numbers(block, found, rows[start : start + len(block)], view)
        first, last = np.searchsorted(right[by_place], (start, start + len(block)))
        for at in range(first, last, COLUMNS):
            some = by_place[at : min(last, at + COLUMNS)]
            scores[some] = np.einsum("pd,pd->p", vectors[query[some]], block[right[some] - start])
    return scores


def _ahead(
    asked: _Asked, found: Vectors, view: str, rows: Int[NDArray, " g"], lot: Int[NDArray, " g"]
) -> tuple[Int[NDArray, " p"], Int[NDArray, " bins"]]:
    """Wrong answers ahead of each right one, and all wrong answers of the drawn queries, binned."""
    ahead = np.zeros(len(asked.right), np.int64)
    wrong = np.zeros(BINS, np.int64)
    for start, whole in found.blocks(view, rows):
        for column in range(0, len(whole), COLUMNS):
            block = whole[column : column + COLUMNS].T.copy()
            for query in range(0, len(asked.vectors), QUERIES):
                _count(
                    asked, slice(query, query + QUERIES), block, start + column, lot, ahead, wrong
                )
    return ahead, wrong


def _count(
    asked: _Asked,
    some: slice,
    block: Float32[NDArray, "d columns"],
    start: int,
    lot: Int[NDArray, " g"],
    ahead: Int[NDArray, " p"],
    wrong: Int[NDArray, " bins"],
) -> None:
    """Adds what one block of scores tells."""
    scores = asked.vectors[some] @ block
    width = block.shape[1]
    starts = asked.starts[some.start : some.start + len(scores) + 1]
    counts = np.diff(starts)
    answers = slice(starts[0], starts[-1])
    # Right answers, and the query itself, are no wrong ones.
    row = np.repeat(np.arange(len(scores)), counts)
    column = asked.right[answers] - start
    inside = (column >= 0) & (column < width)
    scores[row[inside], column[inside]] = -np.inf
    own = asked.own[some] - start
    inside = (own >= 0) & (own < width)
    scores[np.flatnonzero(inside), own[inside]] = -np.inf

    drawn = scores[asked.drawn[some]]
    drawn = drawn[np.isfinite(drawn)]
    bins = np.clip((drawn + 1) * (BINS / 2), 0, BINS - 1).astype(np.int64)
    wrong += np.bincount(bins, minlength=BINS)

    lots = lot[start : start + width]
    highest = scores.max(axis=1)
    for number in np.flatnonzero(counts > MANY):
        here = slice(starts[number], starts[number + 1])
        ahead[here] += _ahead_of_many(scores[number], asked.score[here], asked.lot[here], lots)
    few = np.where(counts > MANY, 0, counts)
    for nth in range(int(few.max())):
        having = np.flatnonzero(few > nth)
        answer = starts[:-1][having] + nth
        passed = highest[having] >= asked.score[answer] - EQUAL  # few, where answers rank high
        having, answer = having[passed], answer[passed]
        mine, than = scores[having], asked.score[answer][:, None]
        better = np.count_nonzero(mine > than + EQUAL, axis=1)
        level = np.flatnonzero(np.count_nonzero(mine >= than - EQUAL, axis=1) > better)
        if len(level):
            equal = np.abs(mine[level] - than[level]) <= EQUAL
            earlier = lots[None] < asked.lot[answer[level]][:, None]
            better[level] += np.count_nonzero(equal & earlier, axis=1)
        ahead[answer] += better


def _ahead_of_many(
    scores: Float32[NDArray, " columns"],
    than: Float32[NDArray, " r"],
    lot: Int[NDArray, " r"],
    lots: Int[NDArray, " columns"],
) -> Int[NDArray, " r"]:
    """How many scores are ahead of each of many right answers."""
    ascending = np.sort(scores)
    better = len(scores) - np.searchsorted(ascending, than + EQUAL, side="right")
    level = len(scores) - np.searchsorted(ascending, than - EQUAL, side="left")
    for n in np.flatnonzero(level > better):
        better[n] += np.count_nonzero((np.abs(scores - than[n]) <= EQUAL) & (lots < lot[n]))
    return better


def _require_numbers(
    vectors: Float32[NDArray, "n d"], of: Vectors, rows: Int[NDArray, " n"], view: str
) -> None:
    """Raises ConfigError, naming a listing, where a vector has something that is no number."""
    sound = np.isfinite(vectors).all(axis=1)
    if not sound.all():
        item = of.item_id[int(rows[int(np.argmin(sound))])]
        raise ConfigError(
            f"{int((~sound).sum())} vectors of view {view} hold something that is no number, the "
            f"first that of {item!r}: the encoder is broken; train again, or take an earlier step"
        )
