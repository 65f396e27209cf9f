"""config.json of an encoder that was saved whole: what encodes a listing, nothing of its data."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from stylejax.config.encoder import EncoderConfig
from stylejax.config.files import structured
from stylejax.config.run import Config

OWN = "stylejax"  # its `model_type`


def own_config(config: Config) -> dict[str, Any]:
    """The settings of an encoder that can be saved; where it started from is left out."""
    encoder = config.encoder
    towers = {
        name: dataclasses.replace(getattr(encoder, name), weights="")
        for name in ("image", "text", "fusion")
    }
    return {
        "model_type": OWN,
        "encoder": dataclasses.asdict(dataclasses.replace(encoder, **towers)),
        "text": dataclasses.asdict(dataclasses.replace(config.text, tokenizer="")),
        "picture": dataclasses.asdict(config.picture),
    }


def own_encoder(described: Mapping[str, Any], source: str) -> EncoderConfig:
    """The encoder that `own_config` wrote down, each part with `source` to start from.

    Raises:
      ConfigError: naming every field that is unknown or has a value of the wrong type.
    """
    encoder = structured(described["encoder"], EncoderConfig, f"{source}/config.json")
    towers = {
        name: dataclasses.replace(getattr(encoder, name), weights=source)
        for name in ("image", "text", "fusion")
    }
    return dataclasses.replace(encoder, **towers)
