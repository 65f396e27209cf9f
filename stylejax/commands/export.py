"""``stylejax export``."""

from __future__ import annotations

import argparse
from pathlib import Path

from stylejax.commands.opened import Run, add_catalogue_options


def run(parser: argparse.ArgumentParser, argv: list[str]) -> None:
    """Encodes a catalogue and writes its vectors."""
    parser.add_argument("--checkpoint", required=True, help="folder of a trained run")
    add_catalogue_options(parser)
    parser.add_argument("--views", default="m,t,i", help="m = photo + title, t = title, i = photo")
    parser.add_argument("--out", default="", help="folder to write; empty = vectors/ in the run")
    args = parser.parse_args(argv)
    import numpy as np

    from input_pipeline.listing_text import listing_texts
    from input_pipeline.listings import product_batches
    from input_pipeline.pictures import Pictures, require_pictures, write_quarantine
    from stylejax.retrieval.export import export, parse_views

    views = parse_views(args.views)
    opened = Run(Path(args.checkpoint))
    catalogue = opened.catalogue(args)
    require_pictures(catalogue.image, catalogue.images)
    config = opened.encoder.config
    # Every listing is read once: a cache would only cost memory.
    pictures = Pictures(
        catalogue.item_id, catalogue.image, catalogue.images, config.picture.read_size, cache_mib=0
    )
    batches = product_batches(
        np.arange(len(catalogue)),
        pictures,
        opened.tokenizer(listing_texts(catalogue, config.text)),
        config.evaluation.batch_size,
    )
    out = Path(args.out) if args.out else opened.folder / "vectors"
    (out / "quarantine.csv").unlink(missing_ok=True)
    manifest = export(opened.encoder, batches, catalogue.item_id, out, views=views)
    if pictures.quarantine:
        named = write_quarantine(pictures.quarantine, out / "quarantine.csv")
        print(f"{len(pictures.quarantine)} pictures could not be read; named in {named}")
    counts = ", ".join(f"{view} {count:,}" for view, count in manifest["vectors"].items())
    print(f"vectors    {out}  ({counts})")
