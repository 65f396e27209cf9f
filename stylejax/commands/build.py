"""``stylejax build``."""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from stylejax.commands.mapping import parse_mapping
from stylejax.config import ConfigError, DataConfig

if TYPE_CHECKING:
    from input_pipeline.datasets.builder import ListingBuilder
    from stylejax.progress import Advance

# Data set -> its own flags, without the dashes. Another's are refused, not passed over.
_FLAGS = {
    "grocery": ("manual_dir", "title_seed"),
    "esspr": ("train", "eval", "cache", "retries", "timeout"),
    "catalogue": ("catalog", "images", "config", "cache", "retries", "timeout"),
}


def run(parser: argparse.ArgumentParser, argv: list[str]) -> None:
    """Writes a data set of listings and picture bytes that trainings read at random."""
    add = parser.add_argument
    add("--dataset", required=True, choices=sorted(_FLAGS), help="catalogue = a table of your own")
    add("--out", required=True, help="folder to write; the data set is a folder below it")
    add("--manual-dir", default="", help="grocery: a copy of its repository; empty = download it")
    add("--title-seed", type=int, default=0, help="grocery: other seed, other titles")
    add("--train", default="", help="esspr: the file esspr_data4train")
    add("--eval", default="", help="esspr: the file esspr_data4eval")
    add("--catalog", default="", help="catalogue: .parquet, .csv, .csv.gz or .jsonl")
    add("--images", default="", help="catalogue: folder of its pictures; empty = data.images")
    add("--cache", default="", help="keeps fetched pictures; empty = pictures/ in --out")
    add("--retries", type=int, default=3, help="further tries to fetch a picture")
    add("--timeout", type=float, default=20.0, help="seconds to wait for a picture's server")
    add("--beam", action="store_true", help="make examples in an Apache Beam pipeline")
    add("--beam-options", default="", help="e.g. runner=FlinkRunner,parallelism=64; needs --beam")
    data, args = parse_mapping(parser, argv)
    _refuse_foreign_flags(parser, args, data)
    from input_pipeline.datasets.build import CATALOGUE, FAILURES, PHOTOS, build_dataset
    from input_pipeline.datasets.esspr import Esspr
    from stylejax.progress import progress

    with progress("build", "listings") as advance, contextlib.redirect_stdout(sys.stderr):
        builder = _builder(args, data, advance)
        built = build_dataset(builder, manual_dir=args.manual_dir, beam_options=args.beam_options)
    counts = ", ".join(f"{split} {count:,}" for split, count in built.listings.items())
    further = f", {built.photos:,} further photos" if built.photos else ""
    print(f"data set   {built.folder}  ({counts}; {built.pictures:,} pictures{further})")
    if built.failures:
        print(f"{built.failures:,} pictures could not be had; named in {built.folder / FAILURES}")
    if isinstance(builder, Esspr) and args.train:
        pairs = built.folder / "pairs.parquet"
        print(f"pairs      {pairs}  ({builder.write_pairs(pairs):,})")
    settings = [f"--data.root {built.folder}", f"--data.catalogue {CATALOGUE}"]
    # What a recipe says of the files is not so of the records.
    if data.photos:
        settings.append(f"--data.photos {PHOTOS}" if built.photos else '--data.photos ""')
    if data.images:
        settings.append('--data.images ""')
    print(f"use it with  {' '.join(settings)}")


def _builder(args: argparse.Namespace, data: DataConfig, advance: Advance) -> ListingBuilder:
    """The builder of the data set that was asked for."""
    from input_pipeline.datasets.catalogue import ProductCatalogue
    from input_pipeline.datasets.esspr import Esspr
    from input_pipeline.datasets.fetch import PictureLoader
    from input_pipeline.datasets.grocery import ARCHIVE, GroceryStore

    shared = {"data_dir": args.out, "beam": args.beam, "progress": advance}
    if args.dataset == "grocery":
        if args.manual_dir and not Path(args.manual_dir).is_dir():
            raise ConfigError(f"no folder {args.manual_dir}; --manual-dir is a copy of {ARCHIVE}")
        if not args.manual_dir:
            print(f"downloading {ARCHIVE} into {Path(args.out) / 'downloads'}")
        return GroceryStore(seed=args.title_seed, **shared)
    cache = args.cache or str(Path(args.out) / "pictures")
    loader = PictureLoader(cache=cache, retries=args.retries, timeout=args.timeout)
    if args.dataset == "esspr":
        return Esspr(train=args.train, evaluation=args.eval, loader=loader, **shared)
    if not args.catalog:
        raise ConfigError("--dataset catalogue needs --catalog FILE")
    return ProductCatalogue(
        catalogue=args.catalog, images=args.images, data=data, loader=loader, **shared
    )


def _refuse_foreign_flags(
    parser: argparse.ArgumentParser, args: argparse.Namespace, data: DataConfig
) -> None:
    """Raises ConfigError for a flag that the data set does not read."""
    own = _FLAGS[args.dataset]
    for flag in sorted({flag for flags in _FLAGS.values() for flag in flags} - set(own)):
        if getattr(args, flag) != parser.get_default(flag):
            raise ConfigError(f"--{flag.replace('_', '-')} is no flag of --dataset {args.dataset}")
    if data != DataConfig() and "config" not in own:
        raise ConfigError(f"--data.* is no flag of --dataset {args.dataset}")
    if args.beam_options and not args.beam:
        raise ConfigError("--beam-options needs --beam")
