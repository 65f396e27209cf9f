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
from stylejax.encoder.fusion import Fusion, TextTokens
from stylejax.encoder.image import ImageTower
from stylejax.encoder.pool import masked_mean
from stylejax.encoder.prune import kept_tokens
from stylejax.encoder.text import TextTower


def _unit(x: Float[Array, "b d"]) -> Float32[Array, "b d"]:
    # max before rsqrt: a listing without the view is a zero row, whose gradient must not be nan.
    x = x.astype(jnp.float32)
    return x * jax.lax.rsqrt(jnp.maximum(jnp.sum(x * x, axis=-1, keepdims=True), 1e-12))


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
        image, text, fusion = config.image, config.text, config.fusion
        self.config, self.fused = config, fusion.depth > 0
        self.image = ImageTower(config, picture_size, rngs=rngs)
        self.text = TextTower(config, vocab_size, max_tokens, rngs=rngs)
        self.gated = not self.fused and config.late_fusion == "gated"
        if self.fused:
            self.fusion = Fusion(config, rngs=rngs)
        elif config.pictures == "attention":  # zero: all pictures count alike at the start
            self.telling = nnx.Linear(
                image.width, 1, use_bias=False, kernel_init=nnx.initializers.zeros, rngs=rngs
            )
        if self.gated:  # zero: both modalities count alike at the start
            self.gate = nnx.Linear(
                image.width + text.width, 1, kernel_init=nnx.initializers.zeros, rngs=rngs
            )

    def __call__(
        self, products: Products, views: Iterable[str] = ("m", "t", "i"), *, training: bool = False
    ) -> dict[str, Float32[Array, "b dim"]]:
        """Encodes the wanted views; every tower runs once whatever their number.

        Args:
          products: B listings.
          views: any of m, t, i.
          training: leave tokens out as `prune` of the config says.

        Returns:
          View name to `[B, dim]` float32 unit vectors. A row that lacks a view's modality has no
          meaning there: see `present_views`.
        """
        wanted = sorted(set(views))
        unknown = set(wanted) - {"m", "t", "i"}
        if unknown or not wanted:
            raise ConfigError(f"views {wanted} must be some of m, t, i")
        needs_image, needs_text = wanted != ["t"], wanted != ["i"]
        prunes = training and needs_text and self.config.prune > 0
        guided = prunes and self.config.prune_by == "image"
        image = self._image(products.image) if needs_image or guided else None
        text = self.text(products.tokens) if needs_text else None
        if self.fused:
            return self._fused_views(wanted, products, image, text, prunes, guided)
        if prunes:
            assert text is not None
            text = text[0], self._kept(products, image if guided else None, *text)
        return {view: self._late_view(view, products, image, text) for view in wanted}

    def _kept(self, products: Products, image: Array | None, text: Array, present: Array) -> Array:
        """Which of the titles' tokens are read; see `stylejax.encoder.prune`."""
        tokens = self._headed(self.text, text.astype(jnp.float32))
        if image is None:
            title = self._headed(self.text, self.text.pool(text, present))
            return kept_tokens(tokens, title, present, self.config.prune)
        picture = self._headed(self.image, self._pooled(image, products.has_image))
        kept = kept_tokens(tokens, picture, present, self.config.prune)
        return jnp.where(products.pictured[:, None], kept, present)

    def _fused_views(
        self,
        wanted: list[str],
        products: Products,
        image: Float[Array, "b p k v"] | None,
        text: TextTokens | None,
        prunes: bool,
        guided: bool,
    ) -> dict[str, Float32[Array, "b dim"]]:
        """The views as the fusion transformer makes them, one pass each.

        Where tokens are left out it reads every title alone beforehand, without gradient, so that
        its words lie where the vectors do: those least like the picture's vector, or like their
        mean, are not read.
        """
        pictures = None
        if image is not None:
            rows, _, _, width = image.shape
            there = products.has_image.reshape(*image.shape[:2], 1)
            there = jnp.broadcast_to(there, image.shape[:3]).reshape(rows, -1)
            pictures = image.reshape(rows, -1, width), there
        if text is not None:
            text = text[0], text[1] & products.has_text[:, None]
        alone = {}
        if guided or "i" in wanted:
            alone["i"] = _unit(self.fusion(pictures, None))
        if prunes:
            assert text is not None
            tokens = jax.lax.stop_gradient(self.fusion.title_tokens(text))
            guide = alone["i"] if guided else masked_mean(tokens, text[1])
            kept = kept_tokens(tokens, guide, text[1], self.config.prune)
            if guided:
                kept = jnp.where(products.pictured[:, None], kept, text[1])
            text = text[0], kept
        inputs = {"m": (pictures, text), "t": (None, text)}
        views = alone | {v: _unit(self.fusion(*inputs[v])) for v in wanted if v != "i"}
        return {view: views[view] for view in wanted}

    def _image(self, pictures: Array) -> Float[Array, "b p t width"]:
        """Tokens of every picture of every listing."""
        pictures = pictures if pictures.ndim == 5 else pictures[:, None]
        tokens = self.image(pictures.reshape(-1, *pictures.shape[2:]))
        return tokens.reshape(*pictures.shape[:2], *tokens.shape[1:])

    def _pooled(
        self, tokens: Float[Array, "b p t width"], there: Bool[Array, "b *p"]
    ) -> Float32[Array, "b width"]:
        """A listing's pictures as one vector: their mean, or weighed by how telling each is."""
        rows, pictures = tokens.shape[:2]
        vectors = self.image.pool(tokens.reshape(-1, *tokens.shape[2:])).reshape(rows, pictures, -1)
        if pictures == 1:
            return vectors[:, 0]
        if self.config.pictures == "mean":
            return masked_mean(vectors, there)
        # Where there is no picture at all the weights mean nothing, but must not be nan.
        weights = jax.nn.softmax(jnp.where(there, self.telling(vectors)[..., 0], -1e9), axis=1)
        return jnp.einsum("bp,bpw->bw", weights, vectors)

    def _late_view(self, view, products, image, text) -> Float32[Array, "b dim"]:
        rows = products.tokens.shape[0]
        vectors, pooled = [], []
        if view != "t":
            pooled.append(self._pooled(image, products.has_image))
            vectors.append(_unit(self._headed(self.image, pooled[-1])))
            vectors[-1] *= products.pictured[:, None]
        if view != "i":
            pooled.append(self.text.pool(*text))
            vectors.append(_unit(self._headed(self.text, pooled[-1])))
            vectors[-1] *= products.has_text[:, None]
        if view != "m" or not self.gated:
            return _unit(sum(vectors, jnp.zeros((rows, 1), jnp.float32)))
        has_image, has_text = products.pictured[:, None], products.has_text[:, None]
        seen = jnp.concatenate([pooled[0] * has_image, pooled[1] * has_text], axis=1)
        share = jax.nn.sigmoid(self.gate(seen))
        # A modality that is alone counts whole, whatever the gate thinks of the absent one.
        image_share = jnp.where(has_text, share, 1.0)
        text_share = jnp.where(has_image, 1.0 - share, 1.0)
        return _unit(image_share * vectors[0] + text_share * vectors[1])

    @staticmethod
    def _headed(tower: ImageTower | TextTower, pooled: Array) -> Float32[Array, "b *t dim"]:
        return pooled if tower.head is None else tower.head(pooled)


def present_views(products: Products) -> dict[str, Any]:
    """View name to `[B]` bool: whether the listing has what the view needs."""
    return {
        "m": products.pictured | products.has_text,
        "t": products.has_text,
        "i": products.pictured,
    }
