"""``stylejax report``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from stylejax.commands.opened import Run
from stylejax.config import ConfigError


def run(parser: argparse.ArgumentParser, argv: list[str]) -> None:
    """Writes one self-contained page about a run."""
    parser.add_argument("--run", required=True, help="folder of an evaluated run")
    parser.add_argument("--out", default="", help="page to write; empty = report.html in the run")
    args = parser.parse_args(argv)
    from stylejax.retrieval.report import write_report
    from stylejax.training.record import read_record

    opened = Run(Path(args.run))
    config, path = opened.config, opened.folder / "metrics.json"
    if not path.is_file():
        raise ConfigError(f"no {path}; run `stylejax evaluate --run {args.run}` first")
    funnel = opened.folder / "mining.json"
    catalogue = opened.catalogue(with_truth=True)
    out = Path(args.out) if args.out else opened.folder / "report.html"
    write_report(
        out,
        name=opened.folder.name,
        config=config,
        metrics=json.loads(path.read_text()),
        record=read_record(opened.folder),
        funnel=json.loads(funnel.read_text())["funnel"] if funnel.is_file() else [],
        vectors=opened.vectors(),
        labels=catalogue.labels(config.evaluation.category_level),
        cards=[catalogue.card(row) for row in range(len(catalogue))],
        note=config.data.note,
    )
    print(f"report     {out}")
