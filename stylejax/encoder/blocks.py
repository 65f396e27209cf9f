"""Transformer layers, stacked under one scan so that depth costs no compile time."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Float


def dense(layer: nnx.Linear, x: Float[Array, "*lead width"]) -> Float[Array, "*lead out"]:
    """Applies a linear layer to `[..., width]` as one matrix product.

    Flattened on purpose: XLA's CPU backend computes the weight gradient of a contraction with
    several leading axes at less than half the speed of the same product in two dimensions.
    """
    return layer(x.reshape(-1, x.shape[-1])).reshape(*x.shape[:-1], -1)


class TransformerLayer(nnx.Module):
    """Pre-norm self-attention and MLP."""

    def __init__(self, width: int, heads: int, mlp_ratio: int, *, dtype: str, rngs: nnx.Rngs):
        kernel_init = nnx.initializers.xavier_uniform()
        self.heads = heads
        self.attention_norm = nnx.LayerNorm(width, dtype=dtype, rngs=rngs)
        self.qkv = nnx.Linear(width, 3 * width, dtype=dtype, kernel_init=kernel_init, rngs=rngs)
        self.out = nnx.Linear(width, width, dtype=dtype, kernel_init=kernel_init, rngs=rngs)
        self.mlp_norm = nnx.LayerNorm(width, dtype=dtype, rngs=rngs)
        hidden = mlp_ratio * width
        self.up = nnx.Linear(width, hidden, dtype=dtype, kernel_init=kernel_init, rngs=rngs)
        self.down = nnx.Linear(hidden, width, dtype=dtype, kernel_init=kernel_init, rngs=rngs)

    def __call__(
        self, x: Float[Array, "b t width"], present: Bool[Array, "b t"]
    ) -> Float[Array, "b t width"]:
        """Returns `[B, T, width]`; tokens that are not `present` are attended to by none."""
        b, t, width = x.shape
        qkv = dense(self.qkv, self.attention_norm(x))
        q, k, v = jnp.split(qkv.reshape(b, t, 3 * self.heads, width // self.heads), 3, axis=2)
        attended = jax.nn.dot_product_attention(q, k, v, mask=present[:, None, None, :])
        x = x + dense(self.out, attended.reshape(b, t, width))
        return x + dense(self.down, jax.nn.gelu(dense(self.up, self.mlp_norm(x))))


class TransformerStack(nnx.Module):
    """`depth` layers of one shape with their parameters stacked along axis 0; 0 = identity."""

    def __init__(
        self, depth: int, width: int, heads: int, mlp_ratio: int, *, dtype: str, rngs: nnx.Rngs
    ):
        self.depth = depth
        if depth == 0:
            return

        @nnx.split_rngs(splits=depth)
        @nnx.vmap(in_axes=0, out_axes=0)
        def create(rngs: nnx.Rngs) -> TransformerLayer:
            return TransformerLayer(width, heads, mlp_ratio, dtype=dtype, rngs=rngs)

        self.layers = create(rngs)
        self.norm = nnx.LayerNorm(width, dtype=dtype, rngs=rngs)

    def __call__(
        self, x: Float[Array, "b t width"], present: Bool[Array, "b t"]
    ) -> Float[Array, "b t width"]:
        """Returns `[B, T, width]`, normalised after the last layer when there is one."""
        if self.depth == 0:
            return x
        graph, stacked = nnx.split(self.layers)

        def layer(x: Array, parameters: nnx.State) -> tuple[Array, None]:
            return nnx.merge(graph, parameters)(x, present), None

        x, _ = jax.lax.scan(layer, x, stacked)
        return self.norm(x)
