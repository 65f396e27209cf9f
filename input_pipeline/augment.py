"""Random crop, turn, mirror, light and cover, as one affine map of positions and one of colours.

Every picture has `DRAWS` uniform numbers of its own, so that any example can be made again. The
maps of a batch are computed together, each picture is then resampled once.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from jaxtyping import Float, UInt8
from numpy.typing import NDArray

from stylejax.config import PictureConfig

DRAWS = 14  # uniform numbers a picture
_GREY = np.array([0.299, 0.587, 0.114])

# Pictures are resampled side by side in threads of ours; OpenCV's own would only get in their way.
cv2.setNumThreads(1)


def position_maps(
    draws: Float[NDArray, "b draws"], options: PictureConfig, side: int
) -> Float[NDArray, "b 2 3"]:
    """Affine maps from output pixels to places in the stored square, whose sides are 0 to 1.

    A crop of random area and aspect (Szegedy et al. 2015), turned and mirrored at random, scaled
    to `side`.

    Args:
      draws: `[b, DRAWS]` uniform in [0, 1); columns 0 to 5 are used.
      options: ranges.
      side: of the output in pixels.
    """
    area = options.min_crop + (1.0 - options.min_crop) * draws[:, 0]
    # No more than fits: beyond sqrt(1 / area) a side would leave the picture.
    most = np.minimum(0.5 * math.log(options.max_aspect), -0.5 * np.log(area))
    aspect = np.exp((2.0 * draws[:, 1] - 1.0) * most)
    width, height = np.sqrt(area) * aspect, np.sqrt(area) / aspect
    centre_x = width / 2 + draws[:, 2] * (1.0 - width)
    centre_y = height / 2 + draws[:, 3] * (1.0 - height)
    angle = (2.0 * draws[:, 4] - 1.0) * math.radians(options.rotation)
    mirror = np.where(draws[:, 5] < (0.5 if options.flip else 0.0), -1.0, 1.0)
    a = np.cos(angle) * mirror * width / side
    b = -np.sin(angle) * height / side
    c = np.sin(angle) * mirror * width / side
    d = np.cos(angle) * height / side
    middle = (side - 1.0) / 2
    x0 = centre_x - (a + b) * middle
    y0 = centre_y - (c + d) * middle
    return np.stack([a, b, x0, c, d, y0], axis=1).reshape(-1, 2, 3)


def warp(
    picture: UInt8[NDArray, "h w 3"],
    position: Float[NDArray, "2 3"],
    crop: UInt8[NDArray, "side side 3"],
) -> None:
    """Resamples one picture, bilinear; what lies outside it is mirrored into it.

    Args:
      picture: of any size; it stands for the square that `position` maps into.
      position: see `position_maps`.
      crop: is written.
    """
    height, width = picture.shape[:2]
    pixels = position.copy()
    pixels[0] *= width
    pixels[1] *= height
    pixels[:, 2] -= 0.5  # the middle of the first pixel has the place 0.5
    cv2.warpAffine(
        picture,
        pixels,
        crop.shape[:2],
        dst=crop,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT,
    )


def colour_maps(
    draws: Float[NDArray, "b draws"], options: PictureConfig
) -> Float[NDArray, "b 3 4"] | None:
    """Affine maps of RGB in 0 to 255: random saturation, then brightness, then contrast.

    Args:
      draws: `[b, DRAWS]` uniform in [0, 1); columns 6 to 8 are used.
      options: ranges.

    Returns:
      The maps, or None when the options change no colour.
    """
    if not (options.brightness or options.contrast or options.saturation):
        return None

    def factor(column: int, spread: float) -> NDArray[np.float64]:
        return (1.0 + (2.0 * draws[:, column] - 1.0) * spread)[:, None, None]

    contrast, saturation = factor(7, options.contrast), factor(8, options.saturation)
    grey = np.broadcast_to(_GREY, (3, 3))
    matrix = grey + (np.eye(3) - grey) * saturation
    matrix = matrix * factor(6, options.brightness) * contrast
    offset = np.broadcast_to(127.5 * (1.0 - contrast), (len(draws), 3, 1))
    return np.concatenate([matrix, offset], axis=2)


def relight(crop: UInt8[NDArray, "side side 3"], colour: Float[NDArray, "3 4"]) -> None:
    """Applies one map of `colour_maps` in place; values are rounded and kept in 0 to 255."""
    crop[...] = cv2.transform(crop, colour)


def erase(
    crop: UInt8[NDArray, "side side 3"], draws: Float[NDArray, " draws"], options: PictureConfig
) -> None:
    """Covers a rectangle of some pictures with grey (random erasing, Zhong et al. 2017), in place.

    Args:
      crop: changed where it is covered; the rectangle's sides are 0.2 to 0.5 of its own.
      draws: `[DRAWS]` uniform in [0, 1); columns 9 to 13 are used.
      options: share of pictures that are covered.
    """
    if draws[13] >= options.erase:
        return
    side = crop.shape[0]
    at = (np.arange(side) + 0.5) / side
    rows = np.abs(at - draws[9]) < 0.1 + 0.15 * draws[10]
    columns = np.abs(at - draws[11]) < 0.1 + 0.15 * draws[12]
    crop[np.ix_(rows, columns)] = 127
