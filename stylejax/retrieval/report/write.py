"""The report of a run: one self-contained page of numbers, curves and results to look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

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
from stylejax.retrieval.evaluation.evaluate import truth_of_splits, worst_first
from stylejax.retrieval.funnel import bars
from stylejax.retrieval.page import render
from stylejax.retrieval.report.examples import Judged, drawn, examples
from stylejax.retrieval.vectors import Vectors

EXAMPLE_DIRECTIONS = ("m-m", "i-i")
EXAMPLE_CATEGORIES = 24  # the worst ones: a taxonomy of a thousand leaves must not fill the page


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
    known = [labels[item] for item in vectors.item_id]
    groups = [label.group for label in known]
    if "m" not in vectors.present:
        raise ConfigError("the report shows results by photo and title: export view m as well")
    truth = truth_of_splits(known, metrics["protocol"])
    judged = {d: Judged(vectors, truth, d) for d in SAME_VIEW if d[0] in vectors.present}
    first = {direction: one.first_right for direction, one in judged.items()}

    categories = worst_first(metrics["breakdowns"]["category"])
    album = Album(read=read)
    looked_at = []
    for category, _ in categories[:EXAMPLE_CATEGORIES]:
        ranks = {row: k for row, k in first["m-m"].items() if known[row].category == category}
        rows = drawn(ranks, vectors.item_id, groups)
        looked_at.append((category, [*examples(rows, judged, EXAMPLE_DIRECTIONS, aligned, album)]))
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
        examples=looked_at,
        by_photo="i-i" in judged,
        example_categories=EXAMPLE_CATEGORIES,
        album=album,
    )
