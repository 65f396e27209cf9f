"""Image tower: pixels to token vectors, through linear patches or a residual convolution stem."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, UInt8

from stylejax.config import ConfigError, EncoderConfig
from stylejax.encoder.blocks import TransformerStack, dense


def standardise(image: UInt8[Array, "b h w 3"], dtype: jnp.dtype) -> Float[Array, "b h w 3"]:
    """Bytes to numbers in [-1, 1]; done on the device so that bytes travel, not floats."""
    return (image.astype(jnp.float32) / 127.5 - 1.0).astype(dtype)


class ResidualBlock(nnx.Module):
    """Two 3x3 convolutions behind a norm; starts as the identity (its last kernel is zero)."""

    def __init__(self, channels: int, *, dtype: str, rngs: nnx.Rngs):
        he = nnx.initializers.he_normal()
        zeros = nnx.initializers.zeros_init()
        self.norm1 = nnx.LayerNorm(channels, dtype=dtype, rngs=rngs)
        self.conv1 = nnx.Conv(
            channels, channels, (3, 3), use_bias=False, kernel_init=he, dtype=dtype, rngs=rngs
        )
        self.norm2 = nnx.LayerNorm(channels, dtype=dtype, rngs=rngs)
        self.conv2 = nnx.Conv(
            channels, channels, (3, 3), use_bias=False, kernel_init=zeros, dtype=dtype, rngs=rngs
        )

    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        """Returns the same shape."""
        y = self.conv1(jax.nn.relu(self.norm1(x)))
        return x + self.conv2(jax.nn.relu(self.norm2(y)))


class ConvStem(nnx.Module):
    """A patch layer, then stages of residual blocks, each stage at half the side of the last.

    Early convolutions learn from few pictures where plain patches do not (Xiao et al. 2021), and
    3x3 convolutions over small grids with many channels are what XLA's CPU backend does best.
    """

    def __init__(self, config: EncoderConfig, *, rngs: nnx.Rngs):
        dtype = config.compute_dtype
        self.downs, self.stages = nnx.List(), nnx.List()
        channels, stride = 3, config.patch
        for width, depth in zip(config.conv_widths, config.conv_depths, strict=True):
            self.downs.append(
                nnx.Conv(
                    channels,
                    width,
                    (stride, stride),
                    strides=(stride, stride),
                    padding="VALID",
                    dtype=dtype,
                    rngs=rngs,
                )
            )
            self.stages.append(
                nnx.List([ResidualBlock(width, dtype=dtype, rngs=rngs) for _ in range(depth)])
            )
            channels, stride = width, 2
        self.norm = nnx.LayerNorm(channels, dtype=dtype, rngs=rngs)

    def __call__(self, x: Float[Array, "b h w 3"]) -> Float[Array, "b gh gw c"]:
        """Returns the last stage's grid, normalised."""
        for down, blocks in zip(self.downs, self.stages, strict=True):
            x = down(x)
            for block in blocks:
                x = block(x)
        return self.norm(x)


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
        stages = len(config.conv_widths) if config.stem == "conv" else 1
        stride = config.patch * 2 ** (stages - 1)
        if picture_size % stride:
            raise ConfigError(
                f"picture.size {picture_size} is not a multiple of the stem's stride {stride} "
                f"(encoder.patch {config.patch} x 2^{stages - 1}); try "
                f"{max(1, picture_size // stride) * stride}"
            )
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
