"""``stylejax report``."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stylejax.commands.opened import Run, images_setting, open_run
from stylejax.commands.outputs import output_file
from stylejax.commands.page_pictures import warn_without_pictures
from stylejax.config import ConfigError

if TYPE_CHECKING:
    from stylejax.retrieval.report.write import Other
    from stylejax.retrieval.stored_vectors import StoredVectors


SHOWN = ("directions", "intervals", "breakdowns", "pairs", "queries", "gallery")


def run(parser: argparse.ArgumentParser, argv: list[str]) -> None:
    """Writes one self-contained page about a run."""
    parser.add_argument("--run", required=True, help="folder of an evaluated run")
    parser.add_argument("--vectors", default="", help="an export; empty = vectors/ in the run")
    parser.add_argument(
        "--metrics", default="", help="what evaluate wrote of it; empty = metrics.json in the run"
    )
    parser.add_argument(
        "--against",
        default="",
        metavar="RUN",
        help="another run, evaluated with the same splits: what each got right alone",
    )
    parser.add_argument("--out", default="", help="page to write; empty = report.html in the run")
    opened, args = open_run(parser, argv, with_truth=True)
    from stylejax.retrieval.comparison import named
    from stylejax.retrieval.report.write import write_report
    from stylejax.training.record import read_record

    out = Path(args.out) if args.out else opened.folder / "report.html"
    output_file(out, "--out")
    config, funnel = opened.config, opened.folder / "mining.json"
    path = Path(args.metrics) if args.metrics else opened.folder / "metrics.json"
    metrics = metrics_of(opened, path)
    if args.columns.group == config.data.columns.group:  # no other was named
        args.columns = replace(args.columns, group=metrics.get("truth", args.columns.group))
    catalogue = opened.catalogue(args, with_truth=True)
    vectors = vectors_of(opened, args.vectors, metrics, path)
    steps = funnel_of(funnel) if funnel.is_file() else []
    warn_without_pictures(catalogue, images_setting(args))
    names, other = [opened.folder.name], None
    if args.against:
        names = named([opened.folder, Path(args.against)])
        other = other_run(Path(args.against), names[1], path, metrics)
    write_report(
        out,
        name=names[0],
        config=config,
        metrics=metrics,
        record=read_record(opened.folder),
        funnel=steps,
        vectors=vectors,
        labels=catalogue.labels(config.evaluation.category_level),
        cards=[catalogue.card(row) for row in range(len(catalogue))],
        note=config.data.note,
        other=other,
        read=catalogue.picture_reader(),
    )
    print(f"report     {out}")


def funnel_of(path: Path) -> list[tuple[str, int]]:
    """What each constraint of mining left.

    Raises:
      ConfigError: when the file says something else.
    """
    from stylejax.retrieval.json_file import read_json, require_keys

    values = require_keys(read_json(path, "mine again"), ["funnel"], path, "mine again")
    try:
        return [(str(name), int(count)) for name, count in values["funnel"]]
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{path} is damaged ({error}); mine again") from error


def metrics_of(opened: Run, path: Path) -> dict[str, Any]:
    """What evaluate wrote of a run.

    Raises:
      ConfigError: when it wrote nothing, judged by people's judgements, or is of another version.
    """
    from stylejax.retrieval.json_file import read_json, require_keys

    if not path.is_file():
        raise ConfigError(f"no {path}; run `stylejax evaluate --run {opened.folder}` first")
    metrics = read_json(path, "run `stylejax evaluate` again")
    if "queries" not in metrics.get("protocol", {}):
        raise ConfigError(f"{path} is no evaluation by splits; the report is of such a one")
    return require_keys(metrics, SHOWN, path, "run `stylejax evaluate` again")


def vectors_of(opened: Run, folder: str, metrics: dict[str, Any], path: Path) -> StoredVectors:
    """The vectors that metrics are of.

    Raises:
      ConfigError: when they are not there, or others are.
    """
    from stylejax.retrieval.evaluation.provenance import require_metrics_of
    from stylejax.retrieval.stored_vectors import StoredVectors

    where, manifest = opened.export(folder)
    require_metrics_of(metrics, manifest, path, where)
    return StoredVectors(where)


def other_run(folder: Path, name: str, mine: Path, metrics: dict[str, Any]) -> Other:
    """A run to compare with, and how it differs from the metrics that are reported.

    Raises:
      ConfigError: when it was not evaluated, or by other queries.
    """
    from stylejax.retrieval.evaluation.comparable import (
        differences,
        read_queries,
        require_same_protocol,
    )
    from stylejax.retrieval.report.write import Other

    opened, path = Run(folder), folder / "metrics.json"
    theirs = metrics_of(opened, path)
    vectors = vectors_of(opened, "", theirs, path)
    require_same_protocol(metrics, theirs)
    found = differences(read_queries(path), read_queries(mine))
    return Other(name, vectors, theirs, found)
