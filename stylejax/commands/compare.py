"""``stylejax compare``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stylejax.commands.opened import Run
from stylejax.commands.outputs import output_file
from stylejax.config import ConfigError

if TYPE_CHECKING:
    from stylejax.retrieval.comparison import ComparedRun, Row
    from stylejax.retrieval.evaluation.comparable import Difference

TESTED = ("first", "second", "difference", "95 %", "p", "queries")


def run(parser: argparse.ArgumentParser, argv: list[str]) -> None:
    """Prints runs side by side and writes a page with their curves."""
    parser.add_argument("runs", nargs="+", metavar="RUN", help="folder of a run")
    parser.add_argument(
        "--metrics", default="metrics.json", help="what evaluate wrote, in each run's folder"
    )
    parser.add_argument("--out", default="", help="page; empty = compare.html in the first run")
    args = parser.parse_args(argv)
    from stylejax.retrieval.album import Album
    from stylejax.retrieval.comparison import curves, named, paired_rows, results, settings
    from stylejax.retrieval.render import render

    folders = [Path(folder) for folder in args.runs]
    out = output_file(Path(args.out) if args.out else folders[0] / "compare.html", "--out")
    names = named(folders)
    compared = [
        opened(folder, name, args.metrics) for folder, name in zip(folders, names, strict=True)
    ]
    stale = out_of_date_runs(folders, compared, args.metrics)
    for reason in stale:
        print(f"! {reason}")
    differing, found = settings(compared), results(compared)
    show("Settings that differ", names, differing)
    show("Results", names, found)
    tested, why_not = compared_queries(folders, compared, args.metrics)
    if any(tested.values()):
        show("The same queries in both runs", TESTED, paired_rows(tested))
    for reason in why_not:
        print(f"not tested: {reason}")
    render(
        out,
        "compare",
        album=Album(),
        names=names,
        settings=differing,
        results=found,
        paired=paired_rows(tested),
        paired_columns=TESTED,
        why_not=why_not,
        stale=stale,
        charts=curves(compared),
    )
    print(f"page       {out}")


def opened(folder: Path, name: str, file: str) -> ComparedRun:
    """A run's settings, its record, and what evaluate wrote of it, where it did.

    Raises:
      ConfigError: when the folder holds no run, or the file is of something else.
    """
    from stylejax.retrieval.comparison import ComparedRun
    from stylejax.retrieval.json_file import read_json
    from stylejax.training.record import read_record

    path = folder / file
    metrics = read_json(path, "run `stylejax evaluate` again") if path.is_file() else {}
    if metrics and not isinstance(metrics.get("directions"), dict):
        raise ConfigError(
            f"{path} is nothing that `stylejax evaluate` wrote; name that by --metrics"
        )
    return ComparedRun(name, Run(folder).config, read_record(folder), metrics)


def out_of_date_runs(folders: Sequence[Path], runs: Sequence[ComparedRun], file: str) -> list[str]:
    """What is said of runs whose metrics are not of the vectors that they hold now."""
    from stylejax.retrieval.evaluation.provenance import out_of_date

    found = [
        (run.name, out_of_date(run.metrics, folder / file, folder / "vectors"))
        for folder, run in zip(folders, runs, strict=True)
        if run.metrics
    ]
    return [f"{name}: {reason}" for name, reason in found if reason]


def compared_queries(
    folders: Sequence[Path], runs: Sequence[ComparedRun], file: str
) -> tuple[dict[tuple[str, str], list[Difference]], list[str]]:
    """Each evaluated run against the first: by their names; and why some cannot be."""
    from stylejax.retrieval.evaluation.comparable import (
        differences,
        read_queries,
        require_same_protocol,
    )

    tested, why_not = {}, []
    for folder, run in list(zip(folders, runs, strict=True))[1:]:
        names = f"{runs[0].name} and {run.name}"
        try:
            first, other = (read_queries(where / file) for where in (folders[0], folder))
        except ConfigError as error:  # which names the run
            why_not.append(str(error))
            continue
        try:
            require_same_protocol(runs[0].metrics, run.metrics)
            found = tested[runs[0].name, run.name] = differences(first, other)
        except ConfigError as error:
            why_not.append(f"{names}: {error}")
            continue
        if not found:
            why_not.append(f"{names} have no direction with queries in common")
    return tested, list(dict.fromkeys(why_not))


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
