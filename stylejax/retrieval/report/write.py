"""The report of a run: one self-contained page of numbers, curves and results to look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stylejax.config import Config, ConfigError, to_json
from stylejax.labels import Card, Label, require_in_catalogue
from stylejax.retrieval.album import Album
from stylejax.retrieval.charts import (
    SAME_VIEW,
    VIEW_NAMES,
    pair_charts,
    progress_charts,
    recall_chart,
    training_charts,
)
from stylejax.retrieval.evaluation.comparable import Difference
from stylejax.retrieval.evaluation.evaluate import truth_of_splits, worst_first
from stylejax.retrieval.evaluation.table import DIVIDED
from stylejax.retrieval.evaluation.truth import Truth
from stylejax.retrieval.funnel import bars
from stylejax.retrieval.render import render
from stylejax.retrieval.report.clusters import clusters
from stylejax.retrieval.report.examples import Judged, drawn, examples
from stylejax.retrieval.report.plane import plane
from stylejax.retrieval.report.versus import Versus, versus
from stylejax.retrieval.vectors import Vectors

SHOWN_DIRECTIONS = ("m-m", "i-i", "t-t")
EXAMPLE_CATEGORIES = 24  # the worst ones: a taxonomy of a thousand leaves must not fill the page


@dataclass(frozen=True)
class Other:
    """Another run, judged by the same queries."""

    name: str
    vectors: Vectors
    metrics: Mapping[str, Any]  # of its evaluation
    differences: Sequence[Difference]  # this run's metrics less its


def write_report(
    path: Path,
    *,
    name: str,
    config: Config,
    metrics: dict[str, Any],
    record: list[dict[str, float]],
    funnel: list[tuple[str, int]],
    vectors: Vectors,
    labels: Mapping[str, Label],
    cards: Sequence[Card],
    note: str,
    other: Other | None = None,
    read: Callable[[Path], bytes] = Path.read_bytes,
) -> None:
    """Writes the report of an evaluated run.

    Args:
      path: page to write; it needs no other file and no network.
      name: of the run.
      config: of the run.
      metrics: of the evaluation of these vectors by split.
      record: lines of ``metrics.jsonl``; may be empty.
      funnel: mining constraint and what it leaves; may be empty.
      vectors: the export that was evaluated.
      labels: item id to truth.
      cards: what to show of the listings, by item id.
      note: what of the data is simulated; shown on top, "" = nothing to say.
      other: a run to compare with; None = none.
      read: from a card's picture to what is in its file.

    Raises:
      ConfigError: when the catalogue lacks an exported listing, or the run has no vectors of photo
        and title together.
    """
    card_of = {card.item_id: card for card in cards}
    known, aligned = require_known(vectors, labels, card_of)
    groups = [label.group for label in known]
    truth = truth_of_splits(known, metrics["protocol"])
    judged = judged_directions(vectors, truth)
    first = {direction: one.first_right for direction, one in judged.items()}

    categories = worst_first(metrics["breakdowns"]["category"])
    album = Album(read=read)
    looked_at = []
    for category, _ in categories[:EXAMPLE_CATEGORIES]:
        ranks = {row: k for row, k in first["m-m"].items() if known[row].category == category}
        rows = drawn(ranks, vectors.item_id, groups)
        looked_at.append((category, [*examples(rows, judged, aligned, album)]))
    gallery = truth.gallery.tolist()
    loss, parts = training_charts(record)
    quality = [recall_chart(first), *pair_charts(metrics["pairs"]), *progress_charts(record)]
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
        industries=worst_first(metrics["breakdowns"].get("industry", {})),
        divided={
            DIVIDED[name]: values
            for name, values in metrics["breakdowns"].items()
            if name in DIVIDED and name != "industry"
        },
        funnel=bars(funnel),
        curves=[chart for chart in quality if chart],
        loss=loss,
        parts=parts,
        examples=looked_at,
        by_photo="i-i" in judged,
        example_categories=EXAMPLE_CATEGORIES,
        clusters=clusters(vectors, gallery, groups, aligned, album),
        plane=plane(vectors, gallery, aligned, known, album),
        versus=None if other is None else _versus(other, judged, labels, card_of, album),
        album=album,
    )


def require_known(
    vectors: Vectors, labels: Mapping[str, Label], card_of: Mapping[str, Card]
) -> tuple[list[Label], list[Card]]:
    """Truth and card of each listing.

    Raises:
      ConfigError: when the catalogue lacks one.
    """
    require_in_catalogue(vectors.item_id, labels.keys() & card_of.keys())
    return [labels[i] for i in vectors.item_id], [card_of[i] for i in vectors.item_id]


def judged_directions(vectors: Vectors, truth: Truth) -> dict[str, Judged]:
    """The directions within one view, as far as they were exported.

    Raises:
      ConfigError: when photo and title together was not.
    """
    if "m" not in vectors.present:
        raise ConfigError("the report shows results by photo and title: export view m as well")
    return {d: Judged(vectors, truth, d) for d in SHOWN_DIRECTIONS if d[0] in vectors.present}


def _versus(
    other: Other,
    judged: Mapping[str, Judged],
    labels: Mapping[str, Label],
    card_of: Mapping[str, Card],
    album: Album,
) -> Versus:
    known, _ = require_known(other.vectors, labels, card_of)
    theirs = judged_directions(other.vectors, truth_of_splits(known, other.metrics["protocol"]))
    return versus(other.name, other.differences, judged, theirs, card_of, album)
