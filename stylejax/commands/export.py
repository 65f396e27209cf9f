"""``stylejax export``."""

from __future__ import annotations

import argparse
from pathlib import Path

from stylejax.commands.opened import images_setting, open_run
from stylejax.config import Config, ConfigError


def run(parser: argparse.ArgumentParser, argv: list[str]) -> None:
    """Encodes a catalogue and writes its vectors."""
    parser.add_argument("--checkpoint", required=True, help="folder of a trained run")
    parser.add_argument(
        "--photos", default="", help="table of further photos of --catalog: item_id, image"
    )
    parser.add_argument("--views", default="m,t,i", help="m = photo + title, t = title, i = photo")
    parser.add_argument(
        "--prefix",
        type=int,
        default=0,
        help="numbers of a vector to keep, from its front: a length that loss.prefixes trained; "
        "0 = all",
    )
    parser.add_argument("--out", default="", help="folder to write; empty = vectors/ in the run")
    opened, args = open_run(parser, argv, "checkpoint")
    import numpy as np

    from input_pipeline.listing_text import listing_texts
    from input_pipeline.listings import ListingPictures, product_batches
    from input_pipeline.photos import all_photos
    from input_pipeline.pictures import Pictures, require_pictures, write_quarantine
    from stylejax.retrieval.export import export, parse_views

    views = parse_views(args.views)
    if args.prefix and args.prefix not in (lengths := trained_lengths(opened.config)):
        raise ConfigError(
            f"--prefix is {args.prefix}, but vectors were trained to serve at a length of "
            f"{', '.join(map(str, lengths))} (loss.prefixes)"
        )
    catalogue = opened.catalogue(args)
    photos = all_photos(catalogue, opened.photos(args))
    require_pictures(photos.images, catalogue.images, setting=images_setting(args))
    config, mesh = opened.encoder.config, opened.encoder.mesh
    # Every listing is read once: a cache would only cost memory.
    pictures = Pictures(
        photos.items, photos.images, catalogue.images, config.picture.read_size, cache_mib=0
    )
    # The run may have been trained on fewer devices than there are here.
    batch_size = config.evaluation.batch_size + -config.evaluation.batch_size % mesh.size
    batches = product_batches(
        np.arange(len(catalogue)),
        ListingPictures(photos, pictures, config.picture.per_listing),
        opened.tokenizer(listing_texts(catalogue, config.text)),
        batch_size,
    )
    out = Path(args.out) if args.out else opened.folder / "vectors"
    (out / "quarantine.csv").unlink(missing_ok=True)
    manifest = export(
        opened.encoder, batches, catalogue.item_id, out, views=views, length=args.prefix
    )
    if pictures.quarantine:
        named = write_quarantine(pictures.quarantine, out / "quarantine.csv")
        print(f"{len(pictures.quarantine)} pictures could not be read; named in {named}")
    counts = ", ".join(f"{view} {count:,}" for view, count in manifest["vectors"].items())
    print(f"vectors    {out}  ({counts})")


def trained_lengths(config: Config) -> list[int]:
    """Lengths of vectors that the loss compared, shortest first."""
    return sorted({*config.loss.prefixes, config.encoder.dim})
