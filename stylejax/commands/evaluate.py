"""``stylejax evaluate``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from stylejax.commands.opened import Run


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
    args = parser.parse_args(argv)
    from stylejax.retrieval.evaluation import evaluate_splits
    from stylejax.retrieval.table import print_metrics

    opened = Run(Path(args.run))
    options = opened.config.evaluation
    catalogue = opened.catalogue(with_truth=True)
    queries = args.queries or options.query_split
    gallery = args.gallery or options.gallery_split
    metrics = evaluate_splits(
        opened.vectors(args.vectors),
        catalogue.labels(options.category_level),
        queries,
        gallery,
    )
    out = Path(args.out) if args.out else opened.folder / "metrics.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(metrics, indent=1) + "\n")
    print_metrics(metrics)
    print(f"metrics    {out}")
