"""``stylejax compare``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stylejax.commands.opened import Run

if TYPE_CHECKING:
    from stylejax.retrieval.comparison import ComparedRun, Row


def run(parser: argparse.ArgumentParser, argv: list[str]) -> None:
    """Prints runs side by side and writes a page with their curves."""
    parser.add_argument("runs", nargs="+", metavar="RUN", help="folder of a run")
    parser.add_argument("--out", default="", help="page; empty = compare.html in the first run")
    args = parser.parse_args(argv)
    from stylejax.retrieval.album import Album
    from stylejax.retrieval.comparison import curves, named, results, settings
    from stylejax.retrieval.page import render

    folders = [Path(folder) for folder in args.runs]
    names = named(folders)
    compared = [opened(folder, name) for folder, name in zip(folders, names, strict=True)]
    differing, found = settings(compared), results(compared)
    show("Settings that differ", names, differing)
    show("Results", names, found)
    out = Path(args.out) if args.out else folders[0] / "compare.html"
    render(
        out,
        "compare",
        album=Album(),
        names=names,
        settings=differing,
        results=found,
        charts=curves(compared),
    )
    print(f"page       {out}")


def opened(folder: Path, name: str) -> ComparedRun:
    """A run's settings, its record, and what evaluate wrote of it, where it did.

    Raises:
      ConfigError: when the folder holds no run.
    """
    from stylejax.retrieval.comparison import ComparedRun
    from stylejax.retrieval.json_file import read_json
    from stylejax.training.record import read_record

    path = folder / "metrics.json"
    metrics = read_json(path, "run `stylejax evaluate` again") if path.is_file() else {}
    return ComparedRun(name, Run(folder).config, read_record(folder), metrics)


def show(title: str, names: Sequence[str], rows: Sequence[Row]) -> None:
    """Prints one table; nothing where it has no rows."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    if not rows:
        print(f"{title}: none")
        return
    table = Table(title=title, box=None, title_justify="left")
    table.add_column("")
    for name in names:
        table.add_column(escape(name), justify="right", overflow="fold")
    for row in rows:
        cells = [
            f"[bold]{escape(cell)}[/bold]" if n in row.best else escape(cell)
            for n, cell in enumerate(row.cells)
        ]
        table.add_row(row.name, *cells)
    Console(width=None if Console().is_terminal else 120).print(table)
