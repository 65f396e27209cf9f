"""The report of a run: one self-contained page of numbers, curves and results to look at."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int
from numpy.typing import NDArray

from stylejax.config import Config, ConfigError, to_json
from stylejax.labels import Card, Label
from stylejax.retrieval.album import Album
from stylejax.retrieval.charts import (
    SAME_VIEW,
    VIEW_NAMES,
    progress_charts,
    recall_chart,
    training_charts,
)
from stylejax.retrieval.evaluation import rank_direction, split_rows, worst_first
from stylejax.retrieval.funnel import bars
from stylejax.retrieval.metrics import Ranking
from stylejax.retrieval.page import render
from stylejax.retrieval.vectors import VectorSet

EXAMPLE_DIRECTIONS = ("m-m", "i-i")
SHOWN_RESULTS = 5
WRONG_EXAMPLES, RIGHT_EXAMPLES = 2, 1  # of each category
EXAMPLE_CATEGORIES = 24  # the worst ones: a taxonomy of a thousand leaves must not fill the page


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


@dataclass(frozen=True)
class _Hit:
    """A place in a ranking."""

    row: int
    rank: int
    score: float
    right: bool


def _hit(ranking: Ranking, found: Int[NDArray, " g"], rank: int) -> _Hit:
    place = ranking.order[rank - 1]
    row = int(found[ranking.gallery[place]])
    return _Hit(row, rank, float(ranking.scores[place]), bool(ranking.relevant[place]))


class _Search:
    """One direction of the evaluation, ranked as its metrics were, with what the page shows."""

    def __init__(
        self,
        vectors: VectorSet,
        groups: Int[NDArray, " n"],
        queries: Int[NDArray, " q"],
        gallery: Int[NDArray, " g"],
        direction: str,
    ):
        self.direction = direction
        self.first_right: dict[int, int] = {}  # query with something to find -> its first rank
        self._shown: dict[int, list[_Hit]] = {}  # query -> its best results
        self._later: dict[int, _Hit] = {}  # query -> its first right result where that comes later
        asking, found, rankings = rank_direction(vectors, groups, queries, gallery, direction)
        for ranking in rankings:
            row = int(asking[ranking.query])
            last = min(SHOWN_RESULTS, ranking.ranked)
            self._shown[row] = [_hit(ranking, found, rank) for rank in range(1, last + 1)]
            if len(ranking.positions):
                self.first_right[row] = first = int(ranking.positions[0])
                if first > last:
                    self._later[row] = _hit(ranking, found, first)

    def answer(self, row: int, cards: Sequence[Card], album: Album) -> Answer | None:
        """The results of one query; None when the listing lacks the view."""
        if row not in self._shown:
            return None

        def result(hit: _Hit) -> Result:
            card = cards[hit.row]
            return Result(card, album.add(card.image), hit.rank, hit.score, hit.right)

        return Answer(
            direction=self.direction,
            results=[result(hit) for hit in self._shown[row]],
            first_right=result(self._later[row]) if row in self._later else None,
        )


def write_report(
    path: Path,
    *,
    name: str,
    config: Config,
    metrics: dict[str, Any],
    record: list[dict[str, float]],
    funnel: list[tuple[str, int]],
    vectors: VectorSet,
    labels: Mapping[str, Label],
    cards: Sequence[Card],
    note: str,
    read: Callable[[Path], bytes] = Path.read_bytes,
) -> None:
    """Writes the report of an evaluated run.

    Args:
      path: page to write; it needs no other file and no network.
      name: of the run.
      config: of the run.
      metrics: what `evaluate_splits` returned for these vectors.
      record: lines of ``metrics.jsonl``; may be empty.
      funnel: mining constraint and what it leaves; may be empty.
      vectors: the export that was evaluated.
      labels: item id to truth.
      cards: what to show of the listings, by item id.
      note: what of the data is simulated; shown on top, "" = nothing to say.
      read: from a card's picture to what is in its file.

    Raises:
      ConfigError: when the catalogue lacks an exported listing.
    """
    card_of = {card.item_id: card for card in cards}
    lost = [item for item in vectors.item_id if item not in labels or item not in card_of]
    if lost:
        raise ConfigError(
            f"{len(lost)} exported listings are not in the catalogue, the first {lost[0]!r}; "
            "give the catalogue that was exported with --catalog"
        )
    aligned = [card_of[item] for item in vectors.item_id]
    truth = [labels[item] for item in vectors.item_id]
    groups = np.unique(np.array([t.group for t in truth], dtype=str), return_inverse=True)[1]
    protocol = metrics["protocol"]
    queries, gallery = split_rows(
        [label.split for label in truth], protocol["queries"], protocol["gallery"]
    )
    if "m" not in vectors.vectors:
        raise ConfigError("the report shows results by photo and title: export view m as well")
    shown_views = [d for d in SAME_VIEW if d[0] in vectors.vectors]
    searches = {d: _Search(vectors, groups, queries, gallery, d) for d in shown_views}
    first = {direction: search.first_right for direction, search in searches.items()}

    categories = worst_first(metrics["by_category"])
    album = Album(read=read)
    examples = []
    for category, _ in categories[:EXAMPLE_CATEGORIES]:
        ranks = {row: k for row, k in first["m-m"].items() if truth[row].category == category}
        drawn = _drawn(ranks, vectors.item_id, groups)
        shown = [_example(row, searches, aligned, album) for row in drawn]
        examples.append((category, shown))
    loss, parts = training_charts(record)
    render(
        path,
        "report",
        name=name,
        config=config,
        config_json=to_json(config),
        metrics=metrics,
        steps=int(max((line["step"] for line in record), default=config.training.steps)),
        note=note,
        view_names=VIEW_NAMES,
        directions=[f"{q}-{t}" for q in VIEW_NAMES for t in VIEW_NAMES],
        same_view=SAME_VIEW,
        categories=categories,
        funnel=bars(funnel),
        curves=[chart for chart in (recall_chart(first), *progress_charts(record)) if chart],
        loss=loss,
        parts=parts,
        examples=examples,
        by_photo="i-i" in searches,
        example_categories=EXAMPLE_CATEGORIES,
        album=album,
    )


def _example(
    row: int, searches: Mapping[str, _Search], cards: Sequence[Card], album: Album
) -> Example:
    answers = [searches[d].answer(row, cards, album) for d in EXAMPLE_DIRECTIONS if d in searches]
    return Example(
        card=cards[row],
        picture=album.add(cards[row].image),
        answers=[answer for answer in answers if answer is not None],
    )


def _drawn(
    ranks: Mapping[int, int], item_id: Sequence[str], groups: Int[NDArray, " n"]
) -> Iterable[int]:
    """Rows of wrong and right examples, drawn by lot: the same ones in every report of the data.

    The lot is the checksum of the item id, so that no one picks and the catalogue's order does
    not either. A second query of a product comes only after one of every other product.
    """
    by_lot = sorted(ranks, key=lambda row: (zlib.crc32(item_id[row].encode()), row))
    for wanted, count in ((False, WRONG_EXAMPLES), (True, RIGHT_EXAMPLES)):
        earlier: Counter[int] = Counter()
        order = []
        for row in by_lot:
            if (ranks[row] == 1) == wanted:
                order.append((earlier[groups[row]], len(order), row))
                earlier[groups[row]] += 1
        yield from (row for _, _, row in sorted(order)[:count])
