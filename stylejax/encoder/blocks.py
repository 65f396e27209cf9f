"""Transformer layers, stacked under one scan so that depth costs no compile time."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Float

from stylejax.config import TransformerConfig
from stylejax.encoder.attention import attend

ACTIVATIONS = {
    "gelu_tanh": functools.partial(jax.nn.gelu, approximate=True),
    "gelu": functools.partial(jax.nn.gelu, approximate=False),
    "quick_gelu": lambda x: x * jax.nn.sigmoid(1.702 * x),
}
# What a layer computes again in its backward pass instead of keeping it.
REMAT = {
    "elementwise": jax.checkpoint_policies.dots_saveable,
    "attention": jax.checkpoint_policies.dots_with_no_batch_dims_saveable,
    "layers": jax.checkpoint_policies.nothing_saveable,
}


def dense(layer: nnx.Linear, x: Float[Array, "*lead width"]) -> Float[Array, "*lead out"]:
    """Applies a linear layer to `[..., width]` as one matrix product.

    Flattened on purpose: XLA's CPU backend computes the weight gradient of a contraction with
    several leading axes at less than half the speed of the same product in two dimensions.
    """
    return layer(x.reshape(-1, x.shape[-1])).reshape(*x.shape[:-1], -1)


class MLP(nnx.Module):
    """Two linear layers with an activation between them."""

    def __init__(self, config: TransformerConfig, *, dtype: str, rngs: nnx.Rngs):
        linear = functools.partial(
            nnx.Linear, dtype=dtype, kernel_init=nnx.initializers.xavier_uniform(), rngs=rngs
        )
        self.activation = ACTIVATIONS[config.activation]
        self.up = linear(config.width, config.hidden)
        self.down = linear(config.hidden, config.width)

    def __call__(self, x: Float[Array, "*lead width"]) -> Float[Array, "*lead width"]:
        """Returns the same shape."""
        return dense(self.down, self.activation(dense(self.up, x)))


class TransformerLayer(nnx.Module):
    """Self-attention and MLP, each beside the identity."""

    def __init__(
        self,
        config: TransformerConfig,
        *,
        dtype: str,
        rngs: nnx.Rngs,
        causal: bool = False,
        attention: str = "auto",
    ):
        width = config.width
        linear = functools.partial(
            nnx.Linear, dtype=dtype, kernel_init=nnx.initializers.xavier_uniform(), rngs=rngs
        )
        norm = functools.partial(
            nnx.LayerNorm, width, epsilon=config.epsilon, dtype=dtype, rngs=rngs
        )
        self.heads, self.pre, self.causal = config.heads, config.norm == "pre", causal
        self.attention = attention
        self.attention_norm = norm()
        self.qkv = linear(width, 3 * width)
        self.out = linear(width, width)
        self.mlp_norm = norm()
        self.mlp = MLP(config, dtype=dtype, rngs=rngs)
        self.scaled = config.layer_scale
        if self.scaled:
            self.attention_scale = nnx.Param(jnp.full((width,), 1e-5))
            self.mlp_scale = nnx.Param(jnp.full((width,), 1e-5))

    def __call__(
        self,
        x: Float[Array, "b t width"],
        present: Bool[Array, "b t"] | None = None,
        *,
        read: int | None = None,
    ) -> Float[Array, "b r width"]:
        """One layer.

        Args:
          x: tokens.
          present: which of them are attended to; None: all.
          read: how many tokens, from the first on, are wanted; None: all.

        Returns:
          `[B, read, width]`; the others are attended to, and not computed.
        """
        if self.pre:
            attended = self._attend(self.attention_norm(x), present, read)
            x = x[:, :read] + self._scaled("attention", attended)
            return x + self._scaled("mlp", self.mlp(self.mlp_norm(x)))
        attended = self._attend(x, present, read)
        x = self.attention_norm(x[:, :read] + self._scaled("attention", attended))
        return self.mlp_norm(x + self._scaled("mlp", self.mlp(x)))

    def _attend(self, x: Array, present: Array | None, read: int | None) -> Array:
        b, t, width = x.shape
        qkv = dense(self.qkv, x)
        q, k, v = jnp.split(qkv.reshape(b, t, 3 * self.heads, width // self.heads), 3, axis=2)
        attended = attend(q[:, :read], k, v, present, causal=self.causal, choice=self.attention)
        return dense(self.out, attended.reshape(b, -1, width))

    def _scaled(self, branch: str, x: Array) -> Array:
        if not self.scaled:
            return x
        return x * getattr(self, f"{branch}_scale")[...].astype(x.dtype)


class TransformerStack(nnx.Module):
    """`depth` layers of one shape with their parameters stacked along axis 0; 0 = identity."""

    def __init__(
        self,
        config: TransformerConfig,
        *,
        dtype: str,
        rngs: nnx.Rngs,
        causal: bool = False,
        remat: str = "elementwise",
        attention: str = "auto",
    ):
        """Creates the parameters.

        Args:
          config: the layers.
          dtype: of activations.
          rngs: stream `params`.
          causal: a token sees those before it only.
          remat: what the backward pass computes again instead of keeping it: nothing ("none"),
            norms, activations and softmax ("elementwise"), the products of attention too
            ("attention"), everything ("layers").
          attention: the kernel, see `stylejax.encoder.attention`.
        """
        self.depth, self.remat = config.depth, remat
        self.pre = config.norm == "pre"
        if self.depth == 0:
            return

        @nnx.split_rngs(splits=self.depth)
        @nnx.vmap(in_axes=0, out_axes=0)
        def create(rngs: nnx.Rngs) -> TransformerLayer:
            return TransformerLayer(
                config, dtype=dtype, rngs=rngs, causal=causal, attention=attention
            )

        self.layers = create(rngs)
        if self.pre:
            self.norm = nnx.LayerNorm(config.width, epsilon=config.epsilon, dtype=dtype, rngs=rngs)

    def __call__(
        self,
        x: Float[Array, "b t width"],
        present: Bool[Array, "b t"] | None = None,
        *,
        read: int | None = None,
    ) -> Float[Array, "b r width"]:
        """All layers, and the norm after the last one where there is one.

        Args:
          x: tokens.
          present: which of them are attended to; None: all.
          read: how many tokens, from the first on, are wanted; None: all. The last layer computes
            those alone.

        Returns:
          `[B, read, width]`.
        """
        if self.depth == 0:
            return x[:, :read]
        graph, stacked = nnx.split(self.layers)

        def layer(x: Array, parameters: nnx.State) -> tuple[Array, None]:
            return nnx.merge(graph, parameters)(x, present), None

        def last(x: Array, parameters: nnx.State) -> Array:
            return nnx.merge(graph, parameters)(x, present, read=read)

        if self.remat != "none":
            # Inside a scan nothing can be merged across layers, so no barrier is needed.
            layer = jax.checkpoint(layer, policy=REMAT[self.remat], prevent_cse=False)
            last = jax.checkpoint(last, policy=REMAT[self.remat])
        if read is None:
            x, _ = jax.lax.scan(layer, x, stacked)
        else:
            x, _ = jax.lax.scan(layer, x, jax.tree.map(lambda p: p[:-1], stacked))
            x = last(x, jax.tree.map(lambda p: p[-1], stacked))
        return self.norm(x) if self.pre else x
