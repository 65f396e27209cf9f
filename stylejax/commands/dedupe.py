"""``stylejax dedupe``."""

from __future__ import annotations

import argparse
import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from stylejax.commands.opened import Run, images_setting, open_run
from stylejax.commands.outputs import output_folder
from stylejax.commands.page_pictures import warn_without_pictures
from stylejax.config import VIEWS, ConfigError

if TYPE_CHECKING:
    from input_pipeline.catalogue import Catalogue
    from input_pipeline.pair_labels import PairLabels

PART_VECTORS = 10_000_000  # of a part of the index, which is built in memory
SETTINGS = ("view", "within", "neighbours", "local")


def run(parser: argparse.ArgumentParser, argv: list[str]) -> None:
    """Groups the listings of an export that are one product."""
    parser.add_argument("--run", required=True, help="folder of a trained run")
    parser.add_argument("--vectors", default="", help="an export; empty = vectors/ in the run")
    parser.add_argument(
        "--precision",
        type=float,
        default=0.95,
        help="wanted share of the pairs in one group that are one product",
    )
    parser.add_argument(
        "--confidence",
        type=float,
        default=0.95,
        help="of the interval whose lower end has to reach it; 0 = the estimate alone has to",
    )
    parser.add_argument(
        "--labels",
        default="",
        help="table of labelled pairs: left_id, right_id, label (1 = one product, 0 = two); "
        "empty = the true products of --split",
    )
    parser.add_argument(
        "--split",
        default="",
        help="split whose true products the threshold is chosen by; empty = the recipe's queries",
    )
    parser.add_argument(
        "--threshold", type=float, help="score of groups that are merged; it is not chosen then"
    )
    parser.add_argument(
        "--view", default="m", choices=VIEWS, help="view whose vectors are compared"
    )
    parser.add_argument(
        "--within",
        default="",
        metavar="COLUMN",
        help="only listings with the same value in this column of the catalogue, such as supplier",
    )
    parser.add_argument("--neighbours", type=int, default=20, help="candidates of each listing")
    parser.add_argument(
        "--local",
        type=int,
        default=10,
        help="nearest others whose mean cosine is taken off a listing's scores; 0 = none is",
    )
    parser.add_argument(
        "--engine",
        default="auto",
        choices=("auto", "scann", "exact", "approx"),
        help="that finds the candidates, as of `stylejax index`",
    )
    parser.add_argument(
        "--recall", type=float, default=0.95, help="of the candidates that ScaNN is tuned to find"
    )
    parser.add_argument("--out", default="", help="folder to write; empty = duplicates/ in the run")
    opened, args = open_run(parser, argv, with_truth=True)
    _require(args)
    from input_pipeline.catalogue import has_truth
    from input_pipeline.pair_labels import load_pair_labels

    labels = load_pair_labels(Path(args.labels)) if args.labels else None
    listings, _ = opened.located(args)
    known = has_truth(replace(opened.config.data, columns=args.columns), listings)
    if not (known or args.labels or args.threshold is not None):
        raise ConfigError(
            f"nothing says which pairs are one product: {listings} has no column "
            f"{args.columns.group!r} of true products (name yours with --data.columns.group), and "
            "there are no --labels. To make some: a first look with --threshold 0 writes "
            "to_label.csv and shows its pairs in review.html; write 1 or 0 into its column label, "
            "and come again with --labels to_label.csv"
        )
    _dedupe(opened, args, opened.catalogue(args, with_truth=known), labels)


def _require(args: argparse.Namespace) -> None:
    if args.neighbours < 1:
        raise ConfigError(f"--neighbours is {args.neighbours}; use 1 or more")
    if args.threshold is not None and not math.isfinite(args.threshold):
        raise ConfigError(f"--threshold is {args.threshold}; use a number")
    if args.local < 0:
        raise ConfigError(f"--local is {args.local}; use 0 or more")
    if not 0 < args.recall <= 1:
        raise ConfigError(f"--recall is {args.recall}; use a share above 0, up to 1")
    if args.labels and args.split:
        raise ConfigError("--labels and --split both say which pairs are known; leave one out")


def _dedupe(
    opened: Run, args: argparse.Namespace, catalogue: Catalogue, labels: PairLabels | None
) -> None:
    import dataclasses
    import tempfile

    from stylejax.commands.known_products import Products, labelled_split, within_values
    from stylejax.retrieval.duplicates.find import Wanted, find_duplicates
    from stylejax.retrieval.duplicates.neighbours import neighbours
    from stylejax.retrieval.duplicates.output import (
        GROUPS,
        REVIEW,
        draft,
        write_groups,
        write_result,
    )
    from stylejax.retrieval.duplicates.review import write_review
    from stylejax.retrieval.duplicates.space import Space
    from stylejax.retrieval.duplicates.summary import print_summary
    from stylejax.retrieval.duplicates.to_label import TO_LABEL, drawn_pairs, write_pairs
    from stylejax.retrieval.index.build import engine_of, parts_of
    from stylejax.retrieval.index.folder import load_index, save_index
    from stylejax.retrieval.manifest import identity

    wanted = Wanted(args.precision, args.confidence)
    # What the flags name is looked for before the index is made, which takes long.
    within, split = within_values(opened, args), labelled_split(opened, args, catalogue)
    out = output_folder(Path(args.out) if args.out else opened.folder / "duplicates", "--out")
    folder, manifest = opened.export(args.vectors)
    engine = engine_of(args.engine)
    with draft(out) as new, tempfile.TemporaryDirectory(dir=new) as scratch:
        # Vectors are read from the files of an index, so that they need not be in memory at once.
        parts = parts_of(folder, args.view, engine, args.recall, PART_VECTORS)
        save_index(Path(scratch), parts, args.view, args.recall, opened.origin)
        space = Space(load_index(Path(scratch)))
        products = Products.of(args, catalogue, space, labels, within, split)
        near = neighbours(
            space,
            args.neighbours,
            local=args.local,
            cell=products.cell if args.within else None,
            engine=engine,
            recall=args.recall,
        )
        how = {"engine": space.index.engine, "recall@10": space.index.recall}
        space = space.searched()
        judge = products.judge(space, near)
        found = find_duplicates(space, near, judge, wanted, args.threshold)
        told = {
            "wanted": None if args.threshold is not None else dataclasses.asdict(wanted),
            "threshold_by": products.told(chosen=args.threshold is None),
            "vectors": identity(manifest),
            "settings": {name: getattr(args, name) for name in SETTINGS},
            "index": how,
            "truth": products.judged(found),
        }
        # Labels are somebody's work: a table that is there is not written again.
        ask = judge is None and not (out / TO_LABEL).exists()
        pairs = drawn_pairs(found) if ask else None
        if pairs is not None:
            write_pairs(new / TO_LABEL, found, *pairs)
        write_groups(new, found)
        warn_without_pictures(catalogue, images_setting(args))
        write_review(
            new / REVIEW,
            found,
            name=opened.folder.name,
            note=opened.config.data.note,
            card=products.card,
            read=catalogue.picture_reader(),
            product=None if products.truth is None else products.truth.product,
            told=told,
            pairs=pairs,
        )
        write_result(new, found, told)
    print_summary(found, told)
    if pairs is not None:
        print(f"to label   {out / TO_LABEL}: {len(pairs[0])} pairs, shown in the review")
    print(f"review     {out / REVIEW}")
    print(f"groups     {out / GROUPS}")
