"""``stylejax index``."""

from __future__ import annotations

import argparse
from pathlib import Path


def run(parser: argparse.ArgumentParser, argv: list[str]) -> None:
    """Indexes the vectors of one view."""
    parser.add_argument("--vectors", required=True, help="folder of an export")
    parser.add_argument("--view", default="m", choices=("m", "t", "i"), help="view to index")
    parser.add_argument("--out", default="", help="folder to write; empty = index/ beside vectors")
    parser.add_argument(
        "--engine",
        default="auto",
        choices=("auto", "scann", "exact"),
        help="auto = ScaNN where it is installed",
    )
    args = parser.parse_args(argv)
    from stylejax.origin import Origin
    from stylejax.retrieval.index import build_index
    from stylejax.retrieval.manifest import MANIFEST, read_manifest
    from stylejax.retrieval.vectors import read_vectors

    folder = Path(args.vectors)
    out = Path(args.out) if args.out else folder.parent / "index"
    origin = Origin.read(read_manifest(folder), folder / MANIFEST)
    index = build_index(read_vectors(folder), args.view, args.engine, origin)
    index.save(out)
    print(f"index      {out}  ({len(index.item_id):,} vectors of view {args.view}, {index.engine})")
