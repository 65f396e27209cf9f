"""``stylejax report``."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from stylejax.commands.opened import images_setting, open_run
from stylejax.commands.page_pictures import warn_without_pictures
from stylejax.config import ConfigError


def run(parser: argparse.ArgumentParser, argv: list[str]) -> None:
    """Writes one self-contained page about a run."""
    parser.add_argument("--run", required=True, help="folder of an evaluated run")
    parser.add_argument("--vectors", default="", help="an export; empty = vectors/ in the run")
    parser.add_argument(
        "--metrics", default="", help="what evaluate wrote of it; empty = metrics.json in the run"
    )
    parser.add_argument("--out", default="", help="page to write; empty = report.html in the run")
    opened, args = open_run(parser, argv, with_truth=True)
    from stylejax.retrieval.evaluation.evaluate import require_metrics_of
    from stylejax.retrieval.json_file import read_json
    from stylejax.retrieval.report.write import write_report
    from stylejax.retrieval.stored_vectors import StoredVectors
    from stylejax.training.record import read_record

    config, funnel = opened.config, opened.folder / "mining.json"
    path = Path(args.metrics) if args.metrics else opened.folder / "metrics.json"
    if not path.is_file():
        raise ConfigError(f"no {path}; run `stylejax evaluate --run {args.run}` first")
    metrics = read_json(path, "run `stylejax evaluate` again")
    if args.columns.group == config.data.columns.group:  # no other was named
        args.columns = replace(args.columns, group=metrics.get("truth", args.columns.group))
    catalogue = opened.catalogue(args, with_truth=True)
    folder, manifest = opened.export(args.vectors)
    require_metrics_of(metrics, manifest, path)
    steps = read_json(funnel, "mine again")["funnel"] if funnel.is_file() else []
    out = Path(args.out) if args.out else opened.folder / "report.html"
    warn_without_pictures(catalogue, images_setting(args))
    write_report(
        out,
        name=opened.folder.name,
        config=config,
        metrics=metrics,
        record=read_record(opened.folder),
        funnel=[(name, count) for name, count in steps],
        vectors=StoredVectors(folder),
        labels=catalogue.labels(config.evaluation.category_level),
        cards=[catalogue.card(row) for row in range(len(catalogue))],
        note=config.data.note,
        read=catalogue.picture_reader(),
    )
    print(f"report     {out}")
