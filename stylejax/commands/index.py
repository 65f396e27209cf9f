"""``stylejax index``."""

from __future__ import annotations

import argparse
from pathlib import Path

from stylejax.commands.outputs import output_folder
from stylejax.config import ConfigError


def run(parser: argparse.ArgumentParser, argv: list[str]) -> None:
    """Indexes the vectors of one view."""
    parser.add_argument("--vectors", required=True, help="folder of an export")
    parser.add_argument("--view", default="m", choices=("m", "t", "i"), help="view to index")
    parser.add_argument("--out", default="", help="folder to write; empty = index/ beside vectors")
    parser.add_argument(
        "--engine",
        default="auto",
        choices=("auto", "scann", "exact", "approx"),
        help="auto = ScaNN where it is installed (few vectors are searched exactly all the same); "
        "approx = approximate search of TPUs, exact elsewhere",
    )
    parser.add_argument(
        "--recall",
        type=float,
        default=0.95,
        help="share of the true 10 nearest that ScaNN is tuned, or a TPU asked, to find",
    )
    parser.add_argument(
        "--part-vectors",
        type=int,
        default=10_000_000,
        help="vectors a part, which is built in memory and ends where a shard of the export does",
    )
    args = parser.parse_args(argv)
    if not 0 < args.recall <= 1:
        raise ConfigError(f"--recall is {args.recall}; use a share above 0, up to 1")
    if args.part_vectors < 1:
        raise ConfigError(f"--part-vectors is {args.part_vectors}; use 1 or more")
    from stylejax.origin import Origin
    from stylejax.retrieval.index.build import engine_of, parts_of
    from stylejax.retrieval.index.folder import load_index, save_index
    from stylejax.retrieval.manifest import MANIFEST, read_manifest

    folder = Path(args.vectors)
    out = output_folder(Path(args.out) if args.out else folder.parent / "index", "--out")
    origin = Origin.read(read_manifest(folder), folder / MANIFEST)
    engine = engine_of(args.engine)
    parts = parts_of(folder, args.view, engine, args.recall, args.part_vectors)
    save_index(out, parts, args.view, args.recall, origin)
    index = load_index(out)
    for part in index.parts:
        if part.tree is not None and part.tuning is not None:
            effort, tuning = part.tuning.effort, part.tuning
            print(
                f"tree       {len(part):,} vectors: {effort.leaves:,} of {part.tree.leaves:,} "
                f"leaves searched, {effort.rescored} rescored: recall@10 {tuning.recall:.3f} of "
                f"{tuning.queries} queries"
            )
    if index.recall is not None and index.recall < index.target:
        print(f"warning: recall@10 {index.recall:.3f} is below the target of {index.target}")
    how = {"scann": "scann", "exact": "exact search", "approx": "the devices' search"}
    print(f"index      {out}  ({len(index):,} vectors of view {args.view}, {how[index.engine]})")
