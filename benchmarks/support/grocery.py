"""The real data of the benchmarks, where it is at hand."""

from __future__ import annotations

from pathlib import Path

from input_pipeline.catalogue import Catalogue, load_catalogue
from input_pipeline.sources import locate
from stylejax.config import Config, ConfigError, load_config


def grocery() -> tuple[Config, Catalogue, Path] | None:
    """Recipe, listings with the truth, and click log; None, and why on the screen, without data."""
    config = load_config("configs/grocery.py")
    try:
        sources = locate(config)
    except ConfigError as error:
        print(f"without the grocery data: {error}")
        return None
    assert isinstance(sources.clicks, Path)
    catalogue = load_catalogue(config.data, sources.catalogue, sources.images, with_truth=True)
    return config, catalogue, sources.clicks
