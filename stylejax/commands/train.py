"""``stylejax train``: the same job as ``python train.py``."""

from __future__ import annotations

import argparse


def run(parser: argparse.ArgumentParser, argv: list[str]) -> None:
    """Trains a recipe."""
    import train

    train.main(parser, argv)
