"""``stylejax export``."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path

from stylejax.commands.opened import Run
from stylejax.config import VIEWS, ConfigError


def run(parser: argparse.ArgumentParser, argv: list[str]) -> None:
    """Encodes a catalogue and writes its vectors."""
    parser.add_argument("--checkpoint", required=True, help="folder of a trained run")
    parser.add_argument("--catalog", default="", help="listings; empty = the run's own catalogue")
    parser.add_argument("--images", default="", help="folder of their pictures; empty = beside it")
    parser.add_argument("--views", default="m,t,i", help="m = photo + title, t = title, i = photo")
    parser.add_argument("--out", default="", help="folder to write; empty = vectors/ in the run")
    args = parser.parse_args(argv)
    if args.images and not args.catalog:
        raise ConfigError("--images goes with --catalog; the run's own pictures need neither")
    views = [view.strip() for view in args.views.split(",")]
    if set(views) - set(VIEWS):
        raise ConfigError(f"--views {args.views!r}: give some of m, t, i, divided by commas")
    import numpy as np

    from input_pipeline.catalogue import load_catalogue
    from input_pipeline.listings import product_batches
    from input_pipeline.pictures import Pictures, require_pictures, write_quarantine
    from stylejax.progress import progress
    from stylejax.retrieval.vectors import write_vectors

    opened = Run(Path(args.checkpoint))
    encoder, config = opened.encoder, opened.encoder.config
    if args.catalog:
        path = Path(args.catalog)
        catalogue = load_catalogue(config.data, path, Path(args.images or path.parent))
    else:
        catalogue = opened.catalogue()
    require_pictures(catalogue.image, catalogue.images)
    # Every listing is read once: a cache would only cost memory.
    pictures = Pictures(
        catalogue.item_id, catalogue.image, catalogue.images, config.picture.read_size, cache_mib=0
    )
    batches = product_batches(
        np.arange(len(catalogue)),
        pictures,
        opened.tokenizer(catalogue.title),
        config.evaluation.batch_size,
    )
    out = Path(args.out) if args.out else opened.folder / "vectors"
    (out / "quarantine.csv").unlink(missing_ok=True)
    origin = {"run": opened.folder.name, "step": encoder.step, "config": encoder.config_digest}
    with progress("export", "listings") as advance:

        def counted(encoded: Iterable) -> Iterator:
            done = 0
            for batch in encoded:
                done += len(batch[0])
                advance(done, len(catalogue))
                yield batch

        manifest = write_vectors(
            counted(encoder.encode(batches, views)), catalogue.item_id, out, origin
        )
    if pictures.quarantine:
        named = write_quarantine(pictures.quarantine, out / "quarantine.csv")
        print(f"{len(pictures.quarantine)} pictures could not be read; named in {named}")
    counts = ", ".join(f"{view} {count:,}" for view, count in manifest["vectors"].items())
    print(f"vectors    {out}  ({counts})")
