"""Weights of well-known pretrained models, read from safetensors files."""

from stylejax.encoder.pretrained.load import Loaded, load_pretrained

__all__ = ["Loaded", "load_pretrained"]
