"""Image tower: pixels to token vectors, through linear patches or a residual convolution stem."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, Float32, UInt8

from stylejax.config import EncoderConfig, ImageTowerConfig
from stylejax.encoder.blocks import TransformerStack, dense
from stylejax.encoder.conv import ConvStem
from stylejax.encoder.pool import AttentionPool, head


def standardise(
    image: UInt8[Array, "b h w 3"], config: ImageTowerConfig, dtype: jnp.dtype
) -> Float[Array, "b h w 3"]:
    """Bytes to numbers of about unit variance, on the device so that bytes travel, not floats."""
    mean = 255.0 * jnp.asarray(config.pixel_mean, jnp.float32)
    std = 255.0 * jnp.asarray(config.pixel_std, jnp.float32)
    return ((image.astype(jnp.float32) - mean) / std).astype(dtype)


class ImageTower(nnx.Module):
    """Stem, learned positions, then transformer layers."""

    def __init__(self, config: EncoderConfig, picture_size: int, *, rngs: nnx.Rngs):
        """Creates the parameters.

        Args:
          config: the encoder's; `config.image` is the tower's.
          picture_size: side in pixels the positions are learned for; other sizes interpolate.
          rngs: stream `params`.

        Raises:
          ConfigError: when `picture_size` is not a multiple of the stem's total stride.
        """
        tower, dtype = config.image, config.compute_dtype
        tower.check_side(picture_size, "picture.size")
        self.config, self.dtype = tower, jnp.dtype(dtype)
        self.grid = picture_size // tower.stride
        init = nnx.initializers.normal(0.02)
        if tower.stem == "conv":
            self.stem = ConvStem(tower, dtype=dtype, rngs=rngs)
            self.project = nnx.Linear(tower.conv_widths[-1], tower.width, dtype=dtype, rngs=rngs)
        else:
            self.stem = nnx.Conv(
                3,
                tower.width,
                (tower.patch, tower.patch),
                strides=(tower.patch, tower.patch),
                padding="VALID",
                dtype=dtype,
                rngs=rngs,
            )
        self.positions = nnx.Param(init(rngs.params(), (self.grid, self.grid, tower.width)))
        if tower.class_token:
            self.class_token = nnx.Param(init(rngs.params(), (tower.width,)))
        if tower.registers:
            self.registers = nnx.Param(init(rngs.params(), (tower.registers, tower.width)))
        if tower.input_norm:
            self.input_norm = nnx.LayerNorm(
                tower.width, epsilon=tower.epsilon, dtype=dtype, rngs=rngs
            )
        self.layers = TransformerStack(
            tower, dtype=dtype, rngs=rngs, remat=config.remat, attention=config.attention
        )
        # Without a fusion above it nobody reads more than the class token.
        self.read = 1 if tower.pool == "class" and not config.fusion.depth else None
        if not config.fusion.depth:
            if tower.pool == "attention":
                self.attention_pool = AttentionPool(
                    tower, dtype=dtype, rngs=rngs, attention=config.attention
                )
            self.head = head(tower.head, tower.width, config.dim, rngs=rngs)

    def __call__(self, image: UInt8[Array, "b h w 3"]) -> Float[Array, "b t width"]:
        """Returns `[B, T, width]`: class token and registers if any, then grid * grid patches.

        Where only the class token is read (`read`), T is 1. Every token of a row is present, or
        none.
        """
        tower = self.config
        x = self.stem(standardise(image, tower, self.dtype))
        if tower.stem == "conv":
            x = dense(self.project, x)
        rows, height, width, channels = x.shape
        positions = self.positions[...]
        if (height, width) != (self.grid, self.grid):
            positions = jax.image.resize(positions, (height, width, channels), "bilinear")
        x = (x + positions.astype(x.dtype)).reshape(rows, height * width, channels)
        front = []
        if tower.class_token:
            front.append(self.class_token[...][None])
        if tower.registers:
            front.append(self.registers[...])
        if front:
            learned = jnp.concatenate(front).astype(x.dtype)
            learned = jnp.broadcast_to(learned, (rows, *learned.shape))
            x = jnp.concatenate([learned, x], axis=1)
        if tower.input_norm:
            x = self.input_norm(x)
        return self.layers(x, read=self.read)

    def pool(self, tokens: Float[Array, "b t width"]) -> Float32[Array, "b width"]:
        """One vector of a picture's tokens, as `pool` of the config says."""
        if self.config.pool == "class":
            return tokens[:, 0].astype(jnp.float32)
        learned = self.config.class_token + self.config.registers
        if self.config.pool == "attention":
            return self.attention_pool(tokens).astype(jnp.float32)
        return jnp.mean(tokens[:, learned:].astype(jnp.float32), axis=1)
