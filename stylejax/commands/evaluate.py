"""``stylejax evaluate``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from stylejax.commands.opened import open_run


def run(parser: argparse.ArgumentParser, argv: list[str]) -> None:
    """Judges an export by the catalogue's true products."""
    parser.add_argument("--run", required=True, help="folder of a trained run")
    parser.add_argument("--vectors", default="", help="an export; empty = vectors/ in the run")
    parser.add_argument("--queries", default="", help="split that searches; empty = the recipe's")
    parser.add_argument(
        "--gallery",
        default="",
        help="split that is found, the query split = leave one out; empty = the recipe's",
    )
    parser.add_argument("--out", default="", help="file to write; empty = metrics.json in the run")
    opened, args = open_run(parser, argv, with_truth=True)
    from stylejax.retrieval.evaluation import evaluate_splits
    from stylejax.retrieval.manifest import identity
    from stylejax.retrieval.table import print_metrics
    from stylejax.retrieval.vectors import read_vectors

    options = opened.config.evaluation
    catalogue = opened.catalogue(args, with_truth=True)
    folder, manifest = opened.export(args.vectors)
    metrics = evaluate_splits(
        read_vectors(folder),
        catalogue.labels(options.category_level),
        args.queries or options.query_split,
        args.gallery or options.gallery_split,
    )
    metrics["vectors"] = identity(manifest)
    metrics["truth"] = args.columns.group  # the report judges by the same column
    out = Path(args.out) if args.out else opened.folder / "metrics.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(metrics, indent=1) + "\n")
    print_metrics(metrics)
    print(f"metrics    {out}")
