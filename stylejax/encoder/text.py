"""Text tower: WordPiece ids to token vectors."""

from __future__ import annotations

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Float, Int

from stylejax.config import EncoderConfig
from stylejax.encoder.blocks import TransformerStack


class TextTower(nnx.Module):
    """Token and position embeddings, then `text_depth` transformer layers."""

    def __init__(self, config: EncoderConfig, vocab_size: int, max_tokens: int, *, rngs: nnx.Rngs):
        init = nnx.initializers.normal(0.02)
        self.dtype = jnp.dtype(config.compute_dtype)
        self.tokens = nnx.Embed(vocab_size, config.width, embedding_init=init, rngs=rngs)
        self.positions = nnx.Param(init(rngs.params(), (max_tokens, config.width)))
        self.layers = TransformerStack(
            config.text_depth,
            config.width,
            config.heads,
            config.mlp_ratio,
            dtype=config.compute_dtype,
            rngs=rngs,
        )

    def __call__(
        self, tokens: Int[Array, "b t"]
    ) -> tuple[Float[Array, "b t width"], Bool[Array, "b t"]]:
        """Returns `[B, T, width]` token vectors and `[B, T]`, false at padding (id 0)."""
        present = tokens != 0
        x = self.tokens(tokens) + self.positions[: tokens.shape[1]]
        return self.layers(x.astype(self.dtype), present), present
