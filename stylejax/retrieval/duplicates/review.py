"""The review page: what the groups are like, before anybody acts on them."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from stylejax.labels import Card
from stylejax.retrieval.album import Album
from stylejax.retrieval.charts import SHARE_TICKS, Chart, Series, round_ticks
from stylejax.retrieval.duplicates.find import Duplicates
from stylejax.retrieval.duplicates.output import counts
from stylejax.retrieval.render import render

SECTIONS = 6  # groups of each kind
BY_LOT = 12  # groups drawn from all
SHOWN = 12  # listings of a group; of a larger one the surest and the least sure
EDGE = 10  # one in so many groups is among the surest, or the least sure
TITLE = 300  # characters: some suppliers write novels


@dataclass(frozen=True)
class Member:
    """A listing of a group; `right` is None where its product is not known."""

    card: Card
    picture: str
    score: float
    right: bool | None


@dataclass(frozen=True)
class ShownGroup:
    """A group to look at."""

    number: int
    size: int
    whole_to: float
    members: list[Member]
    left_out: int  # members between those that are shown


@dataclass(frozen=True)
class PairToLabel:
    """A pair of which somebody is to say whether it is one product."""

    number: int
    cards: tuple[Card, Card]
    pictures: tuple[str, str]
    score: float


def write_review(
    path: Path,
    found: Duplicates,
    *,
    name: str,
    note: str,
    card: Callable[[str], Card],
    read: Callable[[Path], bytes],
    product: Int[NDArray, " n"] | None,
    told: Mapping[str, Any],
    pairs: tuple[Int[NDArray, "p 2"], Float[NDArray, " p"]] | None,
) -> None:
    """Writes the page; its size does not grow with the catalogue.

    Args:
      path: page to write; it needs no other file and no network.
      found: the groups.
      name: of the run.
      note: what of the data is simulated.
      card: from the id of a listing to what is shown of it.
      read: from a card's picture to what is in its file.
      product: true product of each listing, negative = unknown; None = of none.
      told: what `write_result` writes: what was wanted, by whom the threshold was chosen, and how
        the groups agree with the true products of each split.
      pairs: to label, and their scores; None = none are.
    """
    album = Album(read=read)
    view = _View(found, card, album, product)
    shown: set[int] = set()
    sections = []
    for title, text, numbers in _samples(found):
        fresh = [number for number in numbers if number not in shown]
        shown |= set(fresh)
        if fresh:
            sections.append((title, text, [view.group(number) for number in fresh]))
    render(
        path,
        "dedupe",
        name=name,
        note=note,
        counts=counts(found),
        threshold=found.threshold,
        estimate=found.estimate,
        wanted=told["wanted"],
        threshold_by=told["threshold_by"],
        truth=told["truth"],
        chart=_chart(found),
        sections=sections,
        with_truth=product is not None,
        pairs=[] if pairs is None else view.pairs(*pairs),
        album=album,
    )


def _samples(found: Duplicates) -> list[tuple[str, str, list[int]]]:
    """Kinds of groups, and groups of each, as 0, 1, ...; lots are drawn from the ids."""
    groups, bounds = found.groups, found.groups.bounds()
    if not groups.count:
        return []
    lowest = np.minimum.reduceat(groups.listing, bounds[:-1])
    lot = np.array([zlib.crc32(found.space.item_id[number].encode()) for number in lowest])
    sizes, whole = np.diff(bounds), groups.whole_to[bounds[:-1]]
    many = max(SECTIONS, groups.count // EDGE)
    surest = np.lexsort((lot, -whole))
    edges = [
        np.sort(part)[np.argsort(lot[np.sort(part)], kind="stable")][:SECTIONS]
        for part in (surest[-many:], surest[:many])
    ]
    return [
        ("Drawn by lot", "From all groups.", np.argsort(lot, kind="stable")[:BY_LOT].tolist()),
        (
            "The least sure",
            "From the tenth of the groups that would fall apart first if the threshold rose.",
            edges[0].tolist(),
        ),
        (
            "The surest",
            "From the tenth of the groups that would stay whole longest.",
            edges[1].tolist(),
        ),
        ("The largest", "", np.lexsort((lot, -sizes))[:SECTIONS].tolist()),
    ]


@dataclass(frozen=True)
class _View:
    """Turns numbers into what is shown of them."""

    found: Duplicates
    card: Callable[[str], Card]
    album: Album
    product: Int[NDArray, " n"] | None

    def group(self, number: int) -> ShownGroup:
        groups = self.found.groups
        start, stop = groups.bounds()[number : number + 2].tolist()
        rows = list(range(start, stop))
        left_out = max(0, len(rows) - SHOWN)
        if left_out:
            rows = rows[: SHOWN // 2] + rows[-(SHOWN // 2) :]
        right = self._verdicts(groups.listing[start:stop])
        members = []
        for row in rows:
            card = self._shown(int(groups.listing[row]))
            picture, score = self.album.add(card.image), float(groups.score[row])
            members.append(Member(card, picture, score, right[row - start]))
        return ShownGroup(
            number + 1, stop - start, float(groups.whole_to[start]), members, left_out
        )

    def _verdicts(self, listings: Int[NDArray, " m"]) -> Sequence[bool | None]:
        """Whether each listing is of the product that most of the group are of."""
        if self.product is None:
            return [None] * len(listings)
        products = self.product[listings].tolist()
        known = Counter(product for product in products if product >= 0)
        most = known.most_common(1)[0][0] if known else -1
        return [None if product < 0 else product == most for product in products]

    def pairs(self, pairs: Int[NDArray, "p 2"], scores: Float[NDArray, " p"]) -> list[PairToLabel]:
        shown = []
        for number, ((a, b), score) in enumerate(zip(pairs.tolist(), scores, strict=True), 1):
            one, other = self._shown(a), self._shown(b)
            pictures = self.album.add(one.image), self.album.add(other.image)
            shown.append(PairToLabel(number, (one, other), pictures, float(score)))
        return shown

    def _shown(self, number: int) -> Card:
        card = self.card(self.found.space.item_id[number])
        return replace(card, title=card.title[:TITLE], category=card.category[:TITLE])


def _chart(found: Duplicates) -> Chart | None:
    """Precision, the lower end of its interval, and recall over the threshold."""
    points = sorted(found.points, key=lambda point: point.threshold)
    if len(points) < 2 or points[0].threshold == points[-1].threshold:
        return None
    ticks = round_ticks(points[0].threshold, points[-1].threshold)
    lines = [
        Series("precision", "m", _known((p.threshold, p.precision) for p in points)),
        Series("lower end of its interval", "i", [(p.threshold, p.low) for p in points]),
        Series("recall", "t", _known((p.threshold, p.recall) for p in points)),
        Series("chosen", "run5", [(found.threshold, 0.0), (found.threshold, 1.0)]),
    ]
    return Chart(
        title="Precision and recall over the threshold",
        x_label="threshold",
        y_label="%",
        x_range=(ticks[0], ticks[-1]),
        x_ticks=ticks,
        y_ticks=SHARE_TICKS,
        series=[line for line in lines if line.points],
        percent=True,
    )


def _known(points: Iterable[tuple[float, float | None]]) -> list[tuple[float, float]]:
    return [(x, y) for x, y in points if y is not None]
