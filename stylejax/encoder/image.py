"""Image tower: pixels to token vectors, through linear patches or a residual convolution stem."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, UInt8

from stylejax.config import EncoderConfig
from stylejax.encoder.blocks import TransformerStack, dense
from stylejax.encoder.conv import ConvStem


def standardise(image: UInt8[Array, "b h w 3"], dtype: jnp.dtype) -> Float[Array, "b h w 3"]:
    """Bytes to numbers of about unit variance, on the device so that bytes travel, not floats.

    Photos spread by about 64 of 255 around the middle; the normaliser-free stem counts on it.
    """
    return ((image.astype(jnp.float32) - 127.5) / 64.0).astype(dtype)


class ImageTower(nnx.Module):
    """Stem, learned positions, then `image_depth` transformer layers."""

    def __init__(self, config: EncoderConfig, picture_size: int, *, rngs: nnx.Rngs):
        """Creates the parameters.

        Args:
          config: stem and depth.
          picture_size: side in pixels the positions are learned for; other sizes interpolate.
          rngs: stream `params`.

        Raises:
          ConfigError: when `picture_size` is not a multiple of the stem's total stride.
        """
        config.check_side(picture_size, "picture.size")
        stride = config.stride
        self.dtype = jnp.dtype(config.compute_dtype)
        self.grid = picture_size // stride
        if config.stem == "conv":
            self.stem = ConvStem(config, rngs=rngs)
            channels = config.conv_widths[-1]
        else:
            self.stem = nnx.Conv(
                3,
                config.width,
                (stride, stride),
                strides=(stride, stride),
                padding="VALID",
                dtype=config.compute_dtype,
                rngs=rngs,
            )
            channels = config.width
        self.project = nnx.Linear(channels, config.width, dtype=config.compute_dtype, rngs=rngs)
        self.positions = nnx.Param(
            nnx.initializers.normal(0.02)(rngs.params(), (self.grid, self.grid, config.width))
        )
        self.layers = TransformerStack(
            config.image_depth,
            config.width,
            config.heads,
            config.mlp_ratio,
            dtype=config.compute_dtype,
            rngs=rngs,
        )

    def __call__(self, image: UInt8[Array, "b h w 3"]) -> Float[Array, "b t width"]:
        """Returns `[B, grid * grid, width]`; every picture token of a row is present or none."""
        x = dense(self.project, self.stem(standardise(image, self.dtype)))
        rows, height, width, channels = x.shape
        positions = self.positions[...]
        if (height, width) != (self.grid, self.grid):
            positions = jax.image.resize(positions, (height, width, channels), "bilinear")
        x = (x + positions.astype(x.dtype)).reshape(rows, height * width, channels)
        return self.layers(x, jnp.ones((rows, height * width), bool))
