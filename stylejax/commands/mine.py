"""``stylejax mine``."""

from __future__ import annotations

import argparse
from pathlib import Path

from stylejax.commands.recipe import parse_recipe


def run(parser: argparse.ArgumentParser, argv: list[str]) -> None:
    """Mines pairs and prints how many each constraint leaves."""
    config, _ = parse_recipe(parser, argv)
    from input_pipeline.catalogue import load_catalogue
    from input_pipeline.mining import mine, write_pairs
    from input_pipeline.sources import locate

    sources = locate(config)
    catalogue = load_catalogue(config.data, sources.catalogue, sources.images)
    mined = mine(config.data, config.mining, catalogue, sources.clicks)
    write_pairs(mined, Path(config.run_dir))
    width = max(len(name) for name, _ in mined.funnel)
    for name, count in mined.funnel:
        print(f"  {name:<{width}}  {count:>12,}")
    print(f"pairs      {Path(config.run_dir) / 'pairs.parquet'}")
