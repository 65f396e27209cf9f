"""ProductEncoder: a listing's picture, title, or both, to one unit vector."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Float, Float32

from stylejax.batch import Products
from stylejax.config import ConfigError, EncoderConfig
from stylejax.encoder.blocks import TransformerStack
from stylejax.encoder.image import ImageTower
from stylejax.encoder.text import TextTower


def _unit(x: Float[Array, "b d"]) -> Float32[Array, "b d"]:
    # max before rsqrt: a listing without the view is a zero row, whose gradient must not be nan.
    x = x.astype(jnp.float32)
    return x * jax.lax.rsqrt(jnp.maximum(jnp.sum(x * x, axis=-1, keepdims=True), 1e-12))


def _masked_mean(x: Float[Array, "b t w"], present: Bool[Array, "b t"]) -> Float[Array, "b w"]:
    weight = present.astype(x.dtype)[..., None]
    return jnp.sum(x * weight, axis=1) / jnp.maximum(jnp.sum(weight, axis=1), 1)


class ProductEncoder(nnx.Module):
    """Image tower -> text tower -> fusion transformer -> projection, each of any depth.

    Fusion depth > 0 is the single-stream encoder of eSSPR (arXiv 2302.05093) behind optional
    towers: a class token reads the picture and title tokens that are present. Fusion depth 0 is
    CLIP's two towers: the vector of both is the normalised mean of the two, or, gated, their
    weighted mean, whose weight is read off both (gated multimodal unit: Arevalo et al. 2017): a
    dress is told by its photo, a resistor by its title.

    Views are a choice of present modalities: m = picture and title, i = picture, t = title. The
    tokens of an absent modality are dropped, not masked, so a single view costs its own tokens.
    """

    def __init__(
        self,
        config: EncoderConfig,
        *,
        picture_size: int,
        vocab_size: int,
        max_tokens: int,
        rngs: nnx.Rngs,
    ):
        """Creates the parameters in float32.

        Args:
          config: depths and widths.
          picture_size: side of the pictures in pixels.
          vocab_size: number of token ids.
          max_tokens: longest title in tokens.
          rngs: stream `params` seeds the initial weights.

        Raises:
          ConfigError: when the picture size does not divide into the stem's patches.
        """
        self.fused = config.fusion_depth > 0
        self.image = ImageTower(config, picture_size, rngs=rngs)
        self.text = TextTower(config, vocab_size, max_tokens, rngs=rngs)
        self.fusion = TransformerStack(
            config.fusion_depth,
            config.width,
            config.heads,
            config.mlp_ratio,
            dtype=config.compute_dtype,
            rngs=rngs,
        )
        init = nnx.initializers.normal(0.02)
        if self.fused:
            self.class_token = nnx.Param(init(rngs.params(), (config.width,)))
            self.modality = nnx.Param(init(rngs.params(), (2, config.width)))
            self.projection = nnx.Linear(config.width, config.dim, use_bias=False, rngs=rngs)
        else:
            self.image_projection = nnx.Linear(config.width, config.dim, use_bias=False, rngs=rngs)
            self.text_projection = nnx.Linear(config.width, config.dim, use_bias=False, rngs=rngs)
        self.gated = not self.fused and config.late_fusion == "gated"
        if self.gated:  # zero: both modalities count alike at the start
            self.gate = nnx.Linear(
                2 * config.width, 1, kernel_init=nnx.initializers.zeros, rngs=rngs
            )

    def __call__(
        self, products: Products, views: Iterable[str] = ("m", "t", "i")
    ) -> dict[str, Float32[Array, "b dim"]]:
        """Encodes the wanted views; every tower runs once whatever their number.

        Args:
          products: B listings.
          views: any of m, t, i.

        Returns:
          View name to `[B, dim]` float32 unit vectors. A row that lacks a view's modality has no
          meaning there: see `present_views`.
        """
        wanted = sorted(set(views))
        unknown = set(wanted) - {"m", "t", "i"}
        if unknown or not wanted:
            raise ConfigError(f"views {wanted} must be some of m, t, i")
        needs_image, needs_text = wanted != ["t"], wanted != ["i"]
        image = self.image(products.image) if needs_image else None
        text = self.text(products.tokens) if needs_text else None
        encode = self._fused_view if self.fused else self._mean_view
        return {view: encode(view, products, image, text) for view in wanted}

    def _fused_view(self, view, products, image, text) -> Float32[Array, "b dim"]:
        rows = products.tokens.shape[0]
        parts = [jnp.broadcast_to(self.class_token[...], (rows, 1, self.class_token.shape[0]))]
        present = [jnp.ones((rows, 1), bool)]
        if view != "t":
            parts.append(image + self.modality[0].astype(image.dtype))
            present.append(jnp.broadcast_to(products.has_image[:, None], image.shape[:2]))
        if view != "i":
            parts.append(text[0] + self.modality[1].astype(text[0].dtype))
            present.append(text[1] & products.has_text[:, None])
        tokens = jnp.concatenate([part.astype(parts[-1].dtype) for part in parts], axis=1)
        fused = self.fusion(tokens, jnp.concatenate(present, axis=1))
        return _unit(self.projection(fused[:, 0].astype(jnp.float32)))

    def _mean_view(self, view, products, image, text) -> Float32[Array, "b dim"]:
        rows = products.tokens.shape[0]
        vectors, pooled = [], []
        if view != "t":
            pooled.append(jnp.mean(image.astype(jnp.float32), axis=1))
            vectors.append(_unit(self.image_projection(pooled[-1])) * products.has_image[:, None])
        if view != "i":
            pooled.append(_masked_mean(text[0].astype(jnp.float32), text[1]))
            vectors.append(_unit(self.text_projection(pooled[-1])) * products.has_text[:, None])
        if view != "m" or not self.gated:
            return _unit(sum(vectors, jnp.zeros((rows, 1), jnp.float32)))
        has_image, has_text = products.has_image[:, None], products.has_text[:, None]
        seen = jnp.concatenate([pooled[0] * has_image, pooled[1] * has_text], axis=1)
        share = jax.nn.sigmoid(self.gate(seen))
        # A modality that is alone counts whole, whatever the gate thinks of the absent one.
        image_share = jnp.where(has_text, share, 1.0)
        text_share = jnp.where(has_image, 1.0 - share, 1.0)
        return _unit(image_share * vectors[0] + text_share * vectors[1])


def present_views(products: Products) -> dict[str, Any]:
    """View name to `[B]` bool: whether the listing has what the view needs."""
    return {
        "m": products.has_image | products.has_text,
        "t": products.has_text,
        "i": products.has_image,
    }
