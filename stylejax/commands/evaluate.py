"""``stylejax evaluate``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from stylejax.commands.opened import Run, open_run
from stylejax.config import ConfigError

if TYPE_CHECKING:
    from stylejax.retrieval.evaluation.evaluate import Evaluation
    from stylejax.retrieval.stored_vectors import StoredVectors


def run(parser: argparse.ArgumentParser, argv: list[str]) -> None:
    """Judges an export by the catalogue's true products, or by a file of judgements."""
    parser.add_argument("--run", required=True, help="folder of a trained run")
    parser.add_argument("--vectors", default="", help="an export; empty = vectors/ in the run")
    parser.add_argument("--queries", default="", help="split that searches; empty = the recipe's")
    parser.add_argument(
        "--gallery",
        default="",
        help="split that is found, the query split = leave one out; empty = the recipe's",
    )
    parser.add_argument(
        "--sample", type=int, default=0, help="queries drawn, for galleries of millions; 0 = all"
    )
    parser.add_argument(
        "--ann",
        type=float,
        default=0.0,
        metavar="RECALL",
        help="search with ScaNN too, tuned for this recall@10, and tell what it loses; 0 = not",
    )
    parser.add_argument(
        "--judgements",
        default="",
        metavar="FILE",
        help="judge by these: trigger_id, recall_id, label, or query, item_id, label",
    )
    parser.add_argument(
        "--grades",
        default="",
        metavar="NAME=GAIN,...",
        help="gains of labels that are no numbers, such as E=3,S=2,C=1,I=0",
    )
    parser.add_argument(
        "--out",
        default="",
        help="file to write; empty = metrics.json, or judged.json, in the run",
    )
    opened, args = open_run(parser, argv, with_truth=True)
    if args.sample < 0:
        raise ConfigError(f"--sample is {args.sample}; use 1 or more, or 0 for all queries")
    if args.ann and not 0 < args.ann < 1:
        raise ConfigError(f"--ann is {args.ann}; use a recall between 0 and 1, such as 0.95")
    if args.judgements:
        from stylejax.commands.judged_evaluation import run_judged

        run_judged(opened, args)
        return
    if args.grades:
        raise ConfigError("--grades goes with --judgements")
    from stylejax.retrieval.evaluation.table import print_ann, print_metrics
    from stylejax.retrieval.manifest import identity
    from stylejax.retrieval.stored_vectors import StoredVectors

    folder, manifest = opened.export(args.vectors)
    vectors = StoredVectors(folder)
    result = by_products(opened, args, vectors)
    result.metrics["vectors"] = identity(manifest)
    result.metrics["truth"] = args.columns.group  # the report judges by the same column
    out = Path(args.out) if args.out else opened.folder / "metrics.json"
    write(result, out)
    print_metrics(result.metrics)
    if args.ann:
        print_ann(result.metrics["ann"])
    print(f"metrics    {out}")


def by_products(opened: Run, args: argparse.Namespace, vectors: StoredVectors) -> Evaluation:
    """Listings of one product are right for each other."""
    from stylejax.retrieval.evaluation.ann import ann_loss
    from stylejax.retrieval.evaluation.breakdowns import breakdowns
    from stylejax.retrieval.evaluation.evaluate import (
        DIRECTIONS,
        evaluate_splits,
        labels_of,
        truth_of_splits,
    )

    options, data = opened.config.evaluation, opened.config.data
    labels = opened.catalogue(args, with_truth=True).labels(options.category_level)
    known = labels_of(vectors, labels)
    result = evaluate_splits(
        vectors,
        labels,
        args.queries or options.query_split,
        args.gallery or options.gallery_split,
        breakdowns=breakdowns(vectors, labels, data.train_split, mined_pairs(opened.folder)),
        sample=args.sample,
    )
    if args.ann:
        truth = truth_of_splits(known, result.metrics["protocol"])
        result.metrics["ann"] = ann_loss(vectors, truth, DIRECTIONS, args.ann)
    return result


def mined_pairs(folder: Path) -> list[tuple[str, str]]:
    """Ids of the pairs that a run was trained on; none where it holds none."""
    import pyarrow.parquet as pq

    path = folder / "pairs.parquet"
    if not path.is_file():
        return []
    pairs = pq.read_table(path, columns=["left_id", "right_id"])
    return list(zip(pairs["left_id"].to_pylist(), pairs["right_id"].to_pylist(), strict=True))


def write(result: Evaluation, out: Path) -> None:
    """Writes the metrics, and those of every query beside them."""
    import pyarrow.parquet as pq

    from stylejax.retrieval.evaluation.comparable import queries_file
    from stylejax.retrieval.manifest import write_json

    out.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(result.queries, queries_file(out))
    write_json(out, result.metrics)
