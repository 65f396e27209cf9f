"""A tower's tokens to one vector, and that vector to the product's space."""

from __future__ import annotations

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Float

from stylejax.config import TransformerConfig
from stylejax.encoder.attention import attend
from stylejax.encoder.blocks import MLP, dense


def masked_mean(x: Float[Array, "b t w"], present: Bool[Array, "b t"]) -> Float[Array, "b w"]:
    """Mean of the tokens that are present; zero where none is."""
    weight = present.astype(x.dtype)[..., None]
    return jnp.sum(x * weight, axis=1) / jnp.maximum(jnp.sum(weight, axis=1), 1)


def last_token(x: Float[Array, "b t w"], present: Bool[Array, "b t"]) -> Float[Array, "b w"]:
    """The last token that is present; the first where none is."""
    places = jnp.max(jnp.where(present, jnp.arange(x.shape[1]), 0), axis=1)
    return jnp.take_along_axis(x, places[:, None, None], axis=1)[:, 0]


class AttentionPool(nnx.Module):
    """A learned query attends to the tokens, an MLP follows (MAP head: Zhai et al. 2022)."""

    def __init__(
        self, config: TransformerConfig, *, dtype: str, rngs: nnx.Rngs, attention: str = "auto"
    ):
        width = config.width
        init = nnx.initializers.xavier_uniform()
        self.heads, self.attention = config.heads, attention
        self.query = nnx.Param(init(rngs.params(), (1, width))[0])
        self.q = nnx.Linear(width, width, dtype=dtype, kernel_init=init, rngs=rngs)
        self.kv = nnx.Linear(width, 2 * width, dtype=dtype, kernel_init=init, rngs=rngs)
        self.out = nnx.Linear(width, width, dtype=dtype, kernel_init=init, rngs=rngs)
        self.norm = nnx.LayerNorm(width, epsilon=config.epsilon, dtype=dtype, rngs=rngs)
        self.mlp = MLP(config, dtype=dtype, rngs=rngs)

    def __call__(self, x: Float[Array, "b t w"]) -> Float[Array, "b w"]:
        """Returns `[B, width]`."""
        b, t, width = x.shape
        size = width // self.heads
        query = jnp.broadcast_to(self.q(self.query[...]), (b, width)).reshape(b, 1, -1, size)
        k, v = jnp.split(dense(self.kv, x).reshape(b, t, 2 * self.heads, size), 2, axis=2)
        mixed = attend(query, k, v, choice=self.attention)
        x = self.out(mixed.reshape(b, width))
        return x + self.mlp(self.norm(x))


def head(kind: str, width: int, dim: int, *, rngs: nnx.Rngs) -> nnx.Linear | None:
    """The layer from a pooled vector to the product's: linear, affine, or none."""
    return None if kind == "none" else nnx.Linear(width, dim, use_bias=kind == "affine", rngs=rngs)
