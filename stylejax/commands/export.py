"""``stylejax export``."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stylejax.commands.opened import Run, images_setting, open_run
from stylejax.config import Config, ConfigError
from stylejax.training.launch import join_hosts, several_hosts

if TYPE_CHECKING:
    from stylejax.retrieval.export.job import ExportJob

QUARANTINE = "quarantine.csv"


def run(parser: argparse.ArgumentParser, argv: list[str]) -> None:
    """Encodes a catalogue and writes its vectors."""
    from stylejax.retrieval.vector_table import DTYPES

    parser.add_argument("--checkpoint", required=True, help="folder of a trained run")
    parser.add_argument(
        "--photos", default="", help="table of further photos of --catalog: item_id, image"
    )
    parser.add_argument("--views", default="m,t,i", help="m = photo + title, t = title, i = photo")
    parser.add_argument(
        "--dtype",
        choices=DTYPES,
        default="float32",
        help="of the numbers on disk; int8 has a scale for each vector",
    )
    parser.add_argument(
        "--prefix",
        type=int,
        default=0,
        help="numbers of a vector to keep, from its front: a length that loss.prefixes trained; "
        "0 = all",
    )
    parser.add_argument("--out", default="", help="folder to write; empty = vectors/ in the run")
    parser.add_argument(
        "--since",
        default="",
        help="folder of an earlier export: its vectors are kept where listings are unchanged",
    )
    parser.add_argument(
        "--shard-listings", type=int, default=65_536, help="listings a shard, which is done or not"
    )
    parser.add_argument(
        "--hosts",
        choices=("auto", "one", "many"),
        default="auto",
        help="whether hosts share the shards; auto = as the environment says (docs/export.md)",
    )
    parser.add_argument(
        "--verify", action="store_true", help="check the export in --out instead, all of its files"
    )
    opened, args = open_run(parser, argv, "checkpoint")
    if args.verify:
        _require_unused(parser, args)
    if args.shard_listings < 1:
        raise ConfigError(f"--shard-listings is {args.shard_listings}; use 1 or more")
    out = Path(args.out) if args.out else opened.folder / "vectors"
    if args.verify:
        _verify(opened, out)
        return
    if args.since and Path(args.since).resolve() == out.resolve():
        raise ConfigError(f"--since is {args.since}, which is written anew; choose another --out")
    if several_hosts(args.hosts):
        join_hosts(opened.config.mesh.host_timeout)
    _export(opened, args, out)


def _require_unused(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Raises ConfigError for options of an export that is made, not checked."""
    used = ("checkpoint", "out", "verify", "columns")
    for name, value in vars(args).items():
        if name not in used and value != parser.get_default(name):
            raise ConfigError(
                f"--{name.replace('_', '-')} says how vectors are made, but --verify checks those "
                "that are there; leave one of them out"
            )


def _export(opened: Run, args: argparse.Namespace, out: Path) -> None:
    import jax

    from input_pipeline.listing_shards import listing_shards
    from input_pipeline.pictures import require_pictures, write_quarantine
    from stylejax.retrieval.export.earlier import EarlierExport
    from stylejax.retrieval.export.finish import finish
    from stylejax.retrieval.export.job import ExportJob, parse_views
    from stylejax.retrieval.export.run import export

    if args.prefix and args.prefix not in (lengths := trained_lengths(opened.config)):
        raise ConfigError(
            f"--prefix is {args.prefix}, but vectors were trained to serve at a length of "
            f"{', '.join(map(str, lengths))} (loss.prefixes)"
        )
    encoder, views = opened.encoder, parse_views(args.views)
    listings, images = opened.located(args)
    config = replace(opened.config, data=replace(opened.config.data, columns=args.columns))
    with listing_shards(
        config,
        listings,
        images,
        opened.photos(args),
        opened.tokenizer,
        args.shard_listings,
        with_pictures=views != ["t"],
    ) as shards:
        require_pictures(shards.sampled_images(), images, setting=images_setting(args))
        # The run may have been trained on fewer devices than there are here.
        devices = encoder.mesh.size
        job = ExportJob(
            encoder.origin,
            len(shards),
            views,
            args.dtype,
            dim=args.prefix or config.encoder.dim,
            batch_size=config.evaluation.batch_size + -config.evaluation.batch_size % devices,
            shard_listings=args.shard_listings,
        )
        if args.since:
            earlier = EarlierExport.open(Path(args.since), job.described())
            job = replace(job, earlier=earlier)
        _tell_replaced(out, job)
        mine = range(jax.process_index(), len(shards), jax.process_count())
        done_before = export(encoder, shards.read(mine), job, out, shards.count(mine))
    if done_before:
        print(f"done       {done_before:,} of {len(mine):,} shards before this start")
    ended = finish(job, out)
    if ended is None:
        print(f"vectors    {out} lacks shards of other hosts; the last one to end completes it")
        return
    manifest, quarantine = ended
    (out / QUARANTINE).unlink(missing_ok=True)
    if quarantine:
        named = write_quarantine(quarantine, out / QUARANTINE)
        print(f"{len(quarantine):,} pictures could not be read; named in {named}")
    if since := manifest.get("since"):
        counts = ", ".join(f"{name} {count:,}" for name, count in since.items())
        print(f"listings   {manifest['encoded']:,} encoded ({counts})")
        if not manifest["encoded"]:
            print(f"! no listing is new or changed since {args.since}")
    print(f"vectors    {out}  ({_counts(manifest)})")


def _tell_replaced(out: Path, job: ExportJob) -> None:
    """Says that an export of other vectors is replaced, and how they differ."""
    from stylejax.retrieval.manifest import read_manifest

    try:
        there = read_manifest(out)
    except ConfigError:  # there is none yet, or it is damaged: it is written anew
        return
    told = [
        f"{name} {there.get(name)} -> {value}"
        for name, value in job.described().items()
        if name not in ("run", "config", "weights") and there.get(name) != value
    ]
    if not told and there.get("weights") != job.origin.weights:
        told = ["other weights"]
    if told:
        print(f"replacing  the export in {out}: {', '.join(told)}")


def _verify(opened: Run, out: Path) -> None:
    from stylejax.retrieval.export.verify import verified

    opened.export(str(out))  # raises where another checkpoint made it
    manifest = verified(out)
    files, listings = len(manifest["files"]), manifest["listings"]
    print(f"verified   {out}  ({_counts(manifest)}; {listings:,} listings in {files:,} shards)")


def _counts(manifest: Mapping[str, Any]) -> str:
    return ", ".join(f"{view} {count:,}" for view, count in manifest["vectors"].items())


def trained_lengths(config: Config) -> list[int]:
    """Lengths of vectors that the loss compared, shortest first."""
    return sorted({*config.loss.prefixes, config.encoder.dim})
