"""``stylejax save-pretrained``."""

from __future__ import annotations

import argparse
from pathlib import Path

from stylejax.commands.opened import Run


def run(parser: argparse.ArgumentParser, argv: list[str]) -> None:
    """Writes a trained encoder as a folder that other programs load."""
    parser.add_argument("--checkpoint", required=True, help="folder of a trained run")
    parser.add_argument("--out", required=True, help="folder to write; it must not hold files yet")
    parser.add_argument(
        "--format",
        default="stylejax",
        choices=("stylejax", "transformers", "open_clip"),
        help="stylejax: the whole encoder, and a compiled function that needs JAX alone; the "
        "others: the towers of a CLIP or SigLIP under their original names",
    )
    args = parser.parse_args(argv)
    opened = Run(Path(args.checkpoint))
    opened.config  # noqa: B018  a folder without a run is refused before JAX starts
    from stylejax.origin import Origin
    from stylejax.retrieval.json_file import read_json
    from stylejax.saved.card import model_card
    from stylejax.saved.folder import write_weights
    from stylejax.training.snapshot import Snapshot

    encoder, out = opened.encoder, Path(args.out)
    loss = Snapshot(opened.folder).loss_parameters(encoder.mesh)
    path = opened.folder / "metrics.json"
    metrics = read_json(path, "run `stylejax evaluate` again") if path.is_file() else None
    if metrics is not None and Origin.read(metrics.get("vectors"), path) != encoder.origin:
        metrics = None  # of another checkpoint
    names = write_weights(out, encoder, args.format, loss)
    card = model_card(encoder.config, encoder.origin, args.format, metrics)
    (out / "README.md").write_text(card, encoding="utf-8")
    print(f"saved      {out}  ({', '.join([*names, 'README.md'])})")
