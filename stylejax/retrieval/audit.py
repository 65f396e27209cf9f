"""The audit of mined pairs: one page that shows what they are, to be read before training."""

from __future__ import annotations

import heapq
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Float, Int, Num
from numpy.typing import NDArray

from stylejax.config import Config, ConfigError, to_json
from stylejax.labels import Card
from stylejax.retrieval.album import Album
from stylejax.retrieval.charts import round_ticks
from stylejax.retrieval.funnel import bars
from stylejax.retrieval.render import render

SAMPLE = 50  # pairs to look at
CATEGORIES = 40  # rows of the table; the rest is folded
BINS = 12  # bars of a histogram
SCORES = {
    "weight": "sum over its keys of 1 / log2(1 + listings): narrow queries weigh more",
    "support": "distinct queries, sessions or clicks that gave the pair",
    "relevance": "of the less relevant listing, averaged over the pair's keys",
}


@dataclass(frozen=True)
class Listings:
    """The listings that pairs were mined from; all lists are aligned."""

    cards: Sequence[Card]
    category: Sequence[str]  # at the level that mining compares
    group: Sequence[str] | None  # true products, for this page only; None = unknown


@dataclass(frozen=True)
class CategoryRow:
    """One category; precision and recall are None without the truth or without pairs."""

    name: str
    listings: int
    covered: float  # share of the listings that have a pair
    pairs: int
    precision: float | None
    recall: float | None


@dataclass(frozen=True)
class Histogram:
    """Counts of a score; a bar is (from, to, count, share of the highest bar)."""

    name: str
    meaning: str
    bars: list[tuple[float, float, int, float]]


@dataclass(frozen=True)
class Sampled:
    """A pair to look at; `right` is None where nobody knows."""

    left: Card
    right_side: Card
    pictures: tuple[str, str]
    weight: float
    support: int
    relevance: float
    right: bool | None


def write_audit(
    path: Path,
    *,
    name: str,
    config: Config,
    pairs: pa.Table,
    funnel: Sequence[tuple[str, int]],
    findings: Sequence[tuple[str, int, str]],
    listings: Listings,
    confirmed: float | None = None,
    with_relevance: bool = True,
    read: Callable[[Path], bytes] = Path.read_bytes,
) -> None:
    """Writes the page.

    Args:
      path: page to write; it needs no other file and no network.
      name: of the run.
      config: of the run.
      pairs: left_id, right_id, weight, support, relevance, category.
      funnel: constraint and what it left.
      findings: what was wrong with the log, how often, and what was done about it.
      listings: of the train split.
      confirmed: share of the pairs that later events give again; None = not asked.
      with_relevance: whether the pairs' relevance says anything: without one in the log it is 1.
      read: from a card's picture to what is in its file.

    Raises:
      ConfigError: when a pair names a listing that is not among `listings`.
    """
    row_of = {card.item_id: row for row, card in enumerate(listings.cards)}
    ends = [pairs[end].to_pylist() for end in ("left_id", "right_id")]
    lost = next((item for end in ends for item in end if item not in row_of), None)
    if lost is not None:
        raise ConfigError(f"pair of {lost!r}, which is no listing of the train split; mine again")
    left, right = (np.array([row_of[item] for item in end], np.int64) for end in ends)
    true = None
    if listings.group is not None:
        group = np.unique(np.array(listings.group, str), return_inverse=True)[1]
        true = group[left] == group[right]
    rows = _categories(listings, left, right, true)
    album = Album(read=read)
    render(
        path,
        "audit",
        name=name,
        config=config,
        config_json=to_json(config),
        pairs=len(left),
        total=_total(listings, left, right, true),
        with_truth=true is not None,
        with_relevance=with_relevance,
        confirmed=confirmed,
        findings=[finding for finding in findings if finding[1]],
        checked=len(findings),
        funnel=bars(funnel),
        categories=rows[:CATEGORIES],
        folded=rows[CATEGORIES:],
        histograms=[
            _histogram(score, pairs[score].to_numpy())
            for score in SCORES
            if with_relevance or score != "relevance"
        ],
        sample=_sample(pairs, listings.cards, left, right, true, album),
        album=album,
    )


def _categories(
    listings: Listings,
    left: Int[NDArray, " p"],
    right: Int[NDArray, " p"],
    true: Bool[NDArray, " p"] | None,
) -> list[CategoryRow]:
    """One row a category, that with most listings first."""
    names, code = np.unique(np.array(listings.category, str), return_inverse=True)
    sizes = np.bincount(code, minlength=len(names))
    paired = np.zeros(len(code), bool)
    paired[left] = paired[right] = True
    covered = np.bincount(code, weights=paired, minlength=len(names)) / np.maximum(sizes, 1)
    counts = np.bincount(code[left], minlength=len(names))
    hits = wanted = np.zeros(len(names))
    if true is not None and listings.group is not None:
        hits = np.bincount(code[left], weights=true, minlength=len(names))
        wanted = _same_pairs(code, listings.group)
    rows = [
        CategoryRow(
            str(category),
            int(sizes[number]),
            float(covered[number]),
            int(counts[number]),
            float(hits[number] / counts[number]) if true is not None and counts[number] else None,
            float(hits[number] / wanted[number]) if wanted[number] else None,
        )
        for number, category in enumerate(names)
    ]
    return sorted(rows, key=lambda row: (-row.listings, row.name))


def _total(
    listings: Listings,
    left: Int[NDArray, " p"],
    right: Int[NDArray, " p"],
    true: Bool[NDArray, " p"] | None,
) -> CategoryRow:
    """The same over all categories; a pair of two categories counts here alone."""
    precision = recall = None
    if true is not None and listings.group is not None:
        wanted = _same_pairs(np.zeros(len(listings.group), np.int64), listings.group)[0]
        precision = float(true.mean()) if len(true) else None
        recall = float(true.sum() / wanted) if wanted else None
    covered = len(np.union1d(left, right)) / len(listings.cards)
    return CategoryRow("all", len(listings.cards), covered, len(left), precision, recall)


def _same_pairs(code: Int[NDArray, " n"], groups: Sequence[str]) -> Float[NDArray, " c"]:
    """Pairs of listings that are one product and of one category, by category number."""
    product = np.unique(np.array(groups, str), return_inverse=True)[1]
    products = int(product.max()) + 1
    both, sizes = np.unique(code * products + product, return_counts=True)
    return np.bincount(both // products, weights=sizes * (sizes - 1) / 2)


def _histogram(name: str, values: Num[NDArray, " p"]) -> Histogram:
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    if low == high:
        return Histogram(name, SCORES[name], [(low, high, len(values), 1.0)])
    if name == "support" and high - low < BINS:  # whole numbers: one bar each
        edges = np.arange(low, high + 2)
    else:
        edges = np.array(round_ticks(low, high, about=BINS))
    counts = np.histogram(values, edges)[0]
    most = max(1, int(counts.max()))
    bars = [
        (float(start), float(end), int(count), int(count) / most)
        for start, end, count in zip(edges[:-1], edges[1:], counts, strict=True)
    ]
    return Histogram(name, SCORES[name], bars)


def _sample(
    pairs: pa.Table,
    cards: Sequence[Card],
    left: Int[NDArray, " p"],
    right: Int[NDArray, " p"],
    true: Bool[NDArray, " p"] | None,
    album: Album,
) -> list[Sampled]:
    """Pairs drawn by lot, the checksum of both ids: no one picks, and a new page shows the same."""

    def lot(pair: int) -> tuple[int, int]:
        ids = f"{cards[left[pair]].item_id} {cards[right[pair]].item_id}"
        return zlib.crc32(ids.encode()), pair

    weight, support, relevance = (pairs[score].to_pylist() for score in SCORES)
    return [
        Sampled(
            left=cards[left[pair]],
            right_side=cards[right[pair]],
            pictures=(album.add(cards[left[pair]].image), album.add(cards[right[pair]].image)),
            weight=weight[pair],
            support=support[pair],
            relevance=relevance[pair],
            right=None if true is None else bool(true[pair]),
        )
        for pair in heapq.nsmallest(SAMPLE, range(len(left)), key=lot)
    ]
