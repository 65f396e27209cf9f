"""Metrics as tables on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from stylejax.retrieval.evaluation.evaluate import worst_first

if TYPE_CHECKING:
    from rich.table import Table

SHOWN = (
    ("R@1", "recall@1"),
    ("R@5", "recall@5"),
    ("R@10", "recall@10"),
    ("MRR", "mrr"),
    ("mAP@R", "map@r"),
    ("nDCG@10", "ndcg@10"),
)
GRADED = (*SHOWN[:4], ("nDCG@10", "ndcg@10"), ("ERR", "err"), ("RBP", "rbp"))
LISTED = (SHOWN[0], SHOWN[1], SHOWN[2], SHOWN[3], SHOWN[5])
ALONE = ("i-i", "t-t", "m-m")
# Breakdown -> what stands above its values; the category has a table of its own.
DIVIDED = {
    "industry": "by industry",
    "shows": "the query shows",
    "product": "its product, in training",
    "listing": "the query itself, in training",
    "demand": "pairs of its product",
    "query": "the query's words, in the click log",
}


def print_metrics(metrics: dict[str, Any]) -> None:
    """Prints all directions, then R@1 by category and all else that divides the queries."""
    protocol = metrics["protocol"]
    where = (
        f"{protocol['queries']}, leave one out"
        if protocol["leave_one_out"]
        else f"{protocol['queries']} -> {protocol['gallery']}"
    )
    if "sample" in protocol:
        where += f", {metrics['queries']:,} queries drawn"
    print_directions(f"Retrieval, {where}  (i = photo, t = title, m = both)", metrics)
    divided = metrics["breakdowns"]
    rows = [*worst_first(divided["category"]), (None, metrics["directions"])]
    table = _by_view("R@1 by category, worst first", "category")
    for category, directions in rows:
        _add_row(table, category, directions)
    _print(table)
    others = {name: values for name, values in divided.items() if name in DIVIDED}
    if others:
        table = _by_view("R@1 by what the query is", "")
        for name, values in others.items():
            table.add_row(f"[dim]{DIVIDED[name]}")
            for value, directions in values.items():
                _add_row(table, f"  {value}", directions)
        _print(table)


def print_directions(title: str, metrics: Mapping[str, Any], *, graded: bool = False) -> None:
    """Prints a row a direction: the first metric with its interval, and the others."""
    table = _table(title, "query-gallery")
    (first, _), *others = shown = GRADED if graded else SHOWN
    for header in (first, "95 %", *(name for name, _ in others), "queries"):
        table.add_column(header, justify="right")
    for direction, values in metrics["directions"].items():
        cell, *cells = _cells(values, shown)
        ends = metrics["intervals"].get(direction, {}).get(shown[0][1])
        interval = f"{ends[0]:.3f}-{ends[1]:.3f}" if ends else "-"
        table.add_row(direction, cell, interval, *cells, f"{values['queries']:,}")
    _print(table)


def print_ann(ann: Mapping[str, Any]) -> None:
    """Prints the first 100 answers' metrics by exact search, by ScaNN, and the difference."""
    table = _table(f"First 100 answers, ScaNN tuned for recall@10 {ann['target']}", "query-gallery")
    for header in ("", *(name for name, _ in LISTED), "queries"):
        table.add_column(header, justify="right")
    for direction, found in ann["directions"].items():
        exact, scann = found["exact"], found["scann"]
        lost = [f"{scann[name] - exact[name]:+z.3f}" for _, name in LISTED]
        table.add_row(direction, "exact", *_cells(exact, LISTED), f"{found['queries']:,}")
        table.add_row("", "scann", *_cells(scann, LISTED), "")
        table.add_row("", "[dim]difference", *lost, "")
    _print(table)
    for view, tree in ann["trees"].items():
        print(
            f"tree of view {view}: {tree['searched']:,} of {tree['leaves']:,} leaves searched, "
            f"{tree['rescored']} rescored: recall@10 {tree['recall@10']:.3f}"
            + (", below the target" if tree["recall@10"] < ann["target"] else "")
        )


def print_pairs(pairs: Mapping[str, Mapping[str, Any]]) -> None:
    """Prints how well a threshold of the cosine tells right from wrong."""
    table = _table("Judged pairs, by a threshold of the cosine", "query-gallery")
    for header in ("ROC area", "average precision", "right", "wrong"):
        table.add_column(header, justify="right")
    names = (("", "roc_auc"), ("", "average_precision"))
    for direction, found in pairs.items():
        counts = (f"{found['right']:,}", f"{found['wrong']:,}")
        table.add_row(direction, *_cells(found, names), *counts)
    _print(table)


def _table(title: str, first: str) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=escape(title), box=None)
    table.add_column(first)
    return table


def _by_view(title: str, first: str) -> Table:
    table = _table(title, first)
    for header in ("photo only", "title only", "both", "queries: photo / title / both"):
        table.add_column(header, justify="right")
    return table


def _add_row(table: Table, name: str | None, directions: Mapping[str, Any]) -> None:
    from rich.markup import escape

    shown = [directions.get(d, {}) for d in ALONE]
    table.add_row(
        "[bold]all" if name is None else escape(name),
        *(_cells(values, SHOWN[:1])[0] for values in shown),
        " / ".join(f"{values.get('queries', 0):,}" for values in shown),
    )


def _cells(values: Mapping[str, Any], shown: Sequence[tuple[str, str]]) -> list[str]:
    return [f"{values[name]:.3f}" if name in values else "-" for _, name in shown]


def _print(table: Table) -> None:
    from rich.console import Console

    Console(width=100).print(table)
