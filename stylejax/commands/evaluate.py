"""``stylejax evaluate``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from stylejax.commands.opened import Run, open_run
from stylejax.commands.outputs import output_file
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
        help="judge by a table of trigger_id, recall_id, label (or query_id, item_id, label) for "
        "listings, or of query, item_id, label for searches by words",
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
    from stylejax.retrieval.evaluation.provenance import provenance
    from stylejax.retrieval.evaluation.table import print_ann, print_metrics
    from stylejax.retrieval.stored_vectors import StoredVectors

    out = Path(args.out) if args.out else opened.folder / "metrics.json"
    output_file(out, "--out")
    folder, manifest = opened.export(args.vectors)
    vectors = StoredVectors(folder)
    result = by_products(opened, args, vectors)
    result.metrics["vectors"] = provenance(manifest, folder, opened.folder / "vectors")
    result.metrics["truth"] = args.columns.group  # the report judges by the same column
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
    catalogue = opened.catalogue(args, with_truth=True)
    labels = catalogue.labels(options.category_level)
    known = labels_of(vectors, labels)
    queries, gallery = args.queries or options.query_split, args.gallery or options.gallery_split
    exported = set(vectors.item_id)
    for split in dict.fromkeys((queries, gallery)):
        lost = sum(x.split == split and item not in exported for item, x in labels.items())
        if lost:
            print(f"! listings of split {split} without any vector in this export: {lost:,}")
        unknown = catalogue.without_product(split)
        if unknown:
            print(
                f"! listings of split {split} whose true product is unknown: {unknown:,}; they "
                "search for nothing, and whoever finds them is wrong"
            )
    result = evaluate_splits(
        vectors,
        labels,
        queries,
        gallery,
        breakdowns=breakdowns(vectors, labels, data.train_split, pair_counts(opened.folder)),
        sample=args.sample,
    )
    if not result.queries.num_rows:
        fix = "for leave one out give both --queries and --gallery the same split"
        if queries == gallery:
            fix = f"is {args.columns.group!r} the column of true products (--data.columns.group)?"
        raise ConfigError(
            f"no listing of split {queries!r} has another listing of its product in split "
            f"{gallery!r}: nothing can be judged; {fix}"
        )
    if args.ann:
        truth = truth_of_splits(known, result.metrics["protocol"])
        result.metrics["ann"] = ann_loss(vectors, truth, DIRECTIONS, args.ann)
    return result


def pair_counts(folder: Path) -> dict[str, int]:
    """Item id to the number of its pairs that a run was trained on; none where it holds none.

    Raises:
      ConfigError: when the pairs cannot be read.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    path = folder / "pairs.parquet"
    if not path.is_file():
        return {}
    try:
        pairs = pq.read_table(path, columns=["left_id", "right_id"])
    except (pa.ArrowInvalid, OSError) as error:
        raise ConfigError(f"cannot read {path}: {error}; run `stylejax mine` again") from error
    ends = pa.chunked_array([*pairs["left_id"].chunks, *pairs["right_id"].chunks])
    counts = pc.value_counts(ends)
    return dict(
        zip(counts.field("values").to_pylist(), counts.field("counts").to_pylist(), strict=True)
    )


def write(result: Evaluation, out: Path) -> None:
    """Writes the metrics, and those of every query beside them."""
    import pyarrow.parquet as pq

    from stylejax.retrieval.evaluation.comparable import queries_file
    from stylejax.retrieval.manifest import write_json

    pq.write_table(result.queries, queries_file(out))
    write_json(out, result.metrics)
