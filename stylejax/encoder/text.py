"""Text tower: token ids to token vectors."""

from __future__ import annotations

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Float, Float32, Int

from stylejax.config import EncoderConfig
from stylejax.encoder.blocks import TransformerStack
from stylejax.encoder.pool import head, last_token, masked_mean


class TextTower(nnx.Module):
    """Token and position embeddings, then transformer layers."""

    def __init__(self, config: EncoderConfig, vocab_size: int, max_tokens: int, *, rngs: nnx.Rngs):
        """Creates the parameters.

        Args:
          config: the encoder's; `config.text` is the tower's.
          vocab_size: number of token ids.
          max_tokens: longest text in tokens.
          rngs: stream `params`.
        """
        tower, dtype = config.text, config.compute_dtype
        init = nnx.initializers.normal(0.02)
        self.config, self.dtype = tower, jnp.dtype(dtype)
        self.tokens = nnx.Embed(vocab_size, tower.width, embedding_init=init, rngs=rngs)
        self.positions = nnx.Param(init(rngs.params(), (max_tokens, tower.width)))
        if tower.padding == "attended":
            self.padding = nnx.Param(init(rngs.params(), (tower.width,)))
        if tower.input_norm:
            self.input_norm = nnx.LayerNorm(
                tower.width, epsilon=tower.epsilon, dtype=dtype, rngs=rngs
            )
        self.layers = TransformerStack(
            tower,
            dtype=dtype,
            rngs=rngs,
            causal=tower.causal,
            remat=config.remat,
            attention=config.attention,
        )
        # Without a fusion above it nobody reads more than the first token.
        self.read = 1 if tower.pool == "first" and not config.fusion.depth else None
        if not config.fusion.depth:
            self.head = head(tower.head, tower.width, config.dim, rngs=rngs)

    def __call__(
        self, tokens: Int[Array, "b t"]
    ) -> tuple[Float[Array, "b r width"], Bool[Array, "b r"]]:
        """Returns `[B, R, width]` token vectors and `[B, R]`, false where there is no token.

        R is T, or 1 where only the first token is read (`read`).
        """
        present = tokens >= 0
        x = self.tokens(jnp.maximum(tokens, 0))
        if self.config.padding == "attended":
            x = jnp.where(present[..., None], x, self.padding[...])
            present = jnp.ones_like(present)
        x = x + self.positions[: tokens.shape[1]]
        x = x.astype(self.dtype)
        if self.config.input_norm:
            x = self.input_norm(x)
        return self.layers(x, present, read=self.read), present[:, : self.read]

    def pool(
        self, tokens: Float[Array, "b t width"], present: Bool[Array, "b t"]
    ) -> Float32[Array, "b width"]:
        """One vector of a text's tokens, as `pool` of the config says."""
        if self.config.pool == "first":
            return tokens[:, 0].astype(jnp.float32)
        pool = last_token if self.config.pool == "last" else masked_mean
        return pool(tokens.astype(jnp.float32), present)
