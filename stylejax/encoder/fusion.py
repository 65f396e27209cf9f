"""Fusion transformer: tokens of picture and title, whichever are there, to one vector."""

from __future__ import annotations

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Float, Float32

from stylejax.config import EncoderConfig
from stylejax.encoder.blocks import TransformerStack, dense

# Vectors, and which of them count. Pictures and titles have tokens of different number and width.
ImageTokens = tuple[Float[Array, "b p v"], Bool[Array, "b p"]]
TextTokens = tuple[Float[Array, "b t w"], Bool[Array, "b t"]]


class Fusion(nnx.Module):
    """A class token reads the tokens of both modalities through a stack of layers."""

    def __init__(self, config: EncoderConfig, *, rngs: nnx.Rngs):
        width, dtype = config.fusion.width, config.compute_dtype
        init = nnx.initializers.normal(0.02)
        self.class_token = nnx.Param(init(rngs.params(), (width,)))
        self.modality = nnx.Param(init(rngs.params(), (2, width)))
        self.adapters = nnx.List(
            [
                None
                if tower.width == width
                else nnx.Linear(tower.width, width, dtype=dtype, rngs=rngs)
                for tower in (config.image, config.text)
            ]
        )
        self.layers = TransformerStack(
            config.fusion, dtype=dtype, rngs=rngs, remat=config.remat, attention=config.attention
        )
        self.head = nnx.Linear(width, config.dim, use_bias=False, rngs=rngs)

    def __call__(
        self, image: ImageTokens | None, text: TextTokens | None
    ) -> Float32[Array, "b dim"]:
        """Reads the tokens of one modality or of both; those of None are not computed with."""
        return self.head(self.first(image, text).astype(jnp.float32))

    def title_tokens(self, text: TextTokens) -> Float32[Array, "b t dim"]:
        """Every token of a title, as the layers understand it, where the vectors are."""
        return self.head(self.layers(*self.join(None, text))[:, 1:].astype(jnp.float32))

    def first(self, image: ImageTokens | None, text: TextTokens | None) -> Float[Array, "b width"]:
        """The class token after the last layer."""
        return self.layers(*self.join(image, text), read=1)[:, 0]

    def join(
        self, image: ImageTokens | None, text: TextTokens | None
    ) -> tuple[Float[Array, "b n width"], Bool[Array, "b n"]]:
        """What the layers read: class token, picture, title; and which of the tokens count."""
        parts, present = [], []
        for number, tokens in enumerate((image, text)):
            if tokens is None:
                continue
            x, counted = tokens
            adapter = self.adapters[number]
            x = x if adapter is None else dense(adapter, x)
            parts.append(x + self.modality[number].astype(x.dtype))
            present.append(counted)
        rows = parts[0].shape[0]
        front = self.class_token[...].astype(parts[0].dtype)
        parts = [jnp.broadcast_to(front, (rows, 1, len(front))), *parts]
        present = [jnp.ones((rows, 1), bool), *present]
        return jnp.concatenate(parts, axis=1), jnp.concatenate(present, axis=1)
