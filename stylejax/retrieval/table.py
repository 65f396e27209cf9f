"""Metrics as tables on the terminal."""

from __future__ import annotations

from typing import Any

from stylejax.retrieval.evaluation import worst_first

SHOWN = (
    ("R@1", "recall@1"),
    ("R@5", "recall@5"),
    ("R@10", "recall@10"),
    ("MRR", "mrr"),
    ("mAP@R", "map@r"),
    ("nDCG@10", "ndcg@10"),
)


def print_metrics(metrics: dict[str, Any]) -> None:
    """Prints all directions, then R@1 by category for photo, title and both."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(width=100)
    protocol = metrics["protocol"]
    where = (
        f"{protocol['queries']}, leave one out"
        if protocol["leave_one_out"]
        else f"{protocol['queries']} -> {protocol['gallery']}"
    )
    table = Table(title=f"Retrieval, {where}  (i = photo, t = title, m = both)", box=None)
    table.add_column("query-gallery")
    (first, _), *others = SHOWN
    for header in (first, "95 %", *(name for name, _ in others), "queries"):
        table.add_column(header, justify="right")
    for direction, values in metrics["directions"].items():
        cell, *cells = [f"{values[name]:.3f}" if name in values else "-" for _, name in SHOWN]
        ends = metrics["intervals"].get(direction, {}).get(SHOWN[0][1])
        interval = f"{ends[0]:.3f}-{ends[1]:.3f}" if ends else "-"
        table.add_row(direction, cell, interval, *cells, f"{values['queries']:,}")
    console.print(table)

    table = Table(title="R@1 by category, worst first", box=None)
    table.add_column("category")
    for header in ("photo only", "title only", "both", "queries: photo / title / both"):
        table.add_column(header, justify="right")
    rows = [*worst_first(metrics["by_category"]), (None, metrics["directions"])]
    for category, directions in rows:
        shown = [directions.get(d, {}) for d in ("i-i", "t-t", "m-m")]
        cells = [values.get("recall@1") for values in shown]
        counts = [values.get("queries", 0) for values in shown]
        table.add_row(
            "[bold]all" if category is None else escape(category),
            *("-" if cell is None else f"{cell:.3f}" for cell in cells),
            " / ".join(f"{count:,}" for count in counts),
        )
    console.print(table)
