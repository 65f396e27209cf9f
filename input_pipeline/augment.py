"""Random crop, turn, mirror and light, as one affine map of positions and one of colours.

Every draw depends on (seed, example number) alone, so that any example can be made again.
"""

from __future__ import annotations

import math

import tensorflow as tf

from stylejax.config import PictureConfig

DRAWS = 14  # uniform numbers a picture


def position_maps(draws: tf.Tensor, options: PictureConfig, side: int) -> tf.Tensor:
    """`[b, 8]` projective maps from output pixels to stored pixels.

    A crop of random area and aspect (Szegedy et al. 2015), turned and mirrored at random, scaled
    to `side`.

    Args:
      draws: `[b, DRAWS]` float32 uniform in [0, 1).
      options: ranges.
      side: of the output in pixels.
    """
    stored, size = float(options.stored_size), float(side)
    area = options.min_crop + (1.0 - options.min_crop) * draws[:, 0]
    # No more than fits: beyond sqrt(1 / area) a side would leave the picture.
    most = tf.minimum(0.5 * math.log(options.max_aspect), -0.5 * tf.math.log(area))
    aspect = tf.exp((2.0 * draws[:, 1] - 1.0) * most)
    width = tf.sqrt(area) * aspect * stored
    height = tf.sqrt(area) / aspect * stored
    centre_x = width / 2 + draws[:, 2] * (stored - width)
    centre_y = height / 2 + draws[:, 3] * (stored - height)
    angle = (2.0 * draws[:, 4] - 1.0) * math.radians(options.rotation)
    mirror = tf.where(draws[:, 5] < (0.5 if options.flip else 0.0), -1.0, 1.0)
    a = tf.cos(angle) * mirror * width / size
    b = -tf.sin(angle) * height / size
    c = tf.sin(angle) * mirror * width / size
    d = tf.cos(angle) * height / size
    middle = (size - 1.0) / 2
    x0 = centre_x - 0.5 - (a + b) * middle
    y0 = centre_y - 0.5 - (c + d) * middle
    zero = tf.zeros_like(a)
    return tf.stack([a, b, x0, c, d, y0, zero, zero], axis=1)


def warp(images: tf.Tensor, maps: tf.Tensor, size: int) -> tf.Tensor:
    """Applies `[b, 8]` maps to `[b, h, w, 3]`; what lies outside a picture is mirrored into it."""
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=maps,
        output_shape=[size, size],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="REFLECT",
    )


def relight(images: tf.Tensor, draws: tf.Tensor, options: PictureConfig) -> tf.Tensor:
    """Random brightness, contrast and saturation.

    Args:
      images: `[b, h, w, 3]` float32 in [0, 255].
      draws: `[b, DRAWS]` float32 uniform in [0, 1); columns 6 to 8 are used.
      options: ranges.

    Returns:
      `[b, h, w, 3]` uint8.
    """

    def factor(column: int, spread: float) -> tf.Tensor:
        return (1.0 + (2.0 * draws[:, column] - 1.0) * spread)[:, None, None, None]

    brightness = factor(6, options.brightness)
    contrast = factor(7, options.contrast)
    saturation = factor(8, options.saturation)
    grey = tf.reduce_sum(images * tf.constant([0.299, 0.587, 0.114]), axis=-1, keepdims=True)
    coloured = grey + (images - grey) * saturation
    lit = (coloured * brightness - 127.5) * contrast + 127.5
    return tf.cast(tf.clip_by_value(lit + 0.5, 0.0, 255.0), tf.uint8)


def erase(images: tf.Tensor, draws: tf.Tensor, options: PictureConfig) -> tf.Tensor:
    """Covers a rectangle of some pictures with grey (random erasing, Zhong et al. 2017).

    Args:
      images: `[b, side, side, 3]` uint8.
      draws: `[b, DRAWS]` float32 uniform in [0, 1); columns 9 to 13 are used.
      options: share of pictures that are covered.

    Returns:
      `[b, side, side, 3]` uint8; a rectangle's sides are 0.2 to 0.5 of the picture's.
    """
    side = int(images.shape[1] or 0)
    at = (tf.range(side, dtype=tf.float32) + 0.5) / float(side)

    def inside(centre: tf.Tensor, extent: tf.Tensor) -> tf.Tensor:
        return tf.abs(at[None, :] - centre[:, None]) < (0.1 + 0.15 * extent)[:, None]

    rows, columns = inside(draws[:, 9], draws[:, 10]), inside(draws[:, 11], draws[:, 12])
    chosen = draws[:, 13] < options.erase
    covered = rows[:, :, None] & columns[:, None, :] & chosen[:, None, None]
    return tf.where(covered[:, :, :, None], tf.constant(127, tf.uint8), images)
