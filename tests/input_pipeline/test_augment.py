"""Tests of input_pipeline/augment.py."""

import numpy as np
import pytest

from input_pipeline.augment import (
    DRAWS,
    colour_maps,
    erase,
    position_maps,
    relight,
    warp,
)
from stylejax.config import PictureConfig

STILL = PictureConfig(
    size=16,
    stored_size=16,
    min_crop=1.0,
    max_aspect=1.0,
    flip=False,
    rotation=0.0,
    brightness=0.0,
    contrast=0.0,
    saturation=0.0,
)


def options(**changes) -> PictureConfig:
    return PictureConfig(**(vars(STILL) | changes))


def draws(rows: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((rows, DRAWS))


def pictures(rows: int, side: int = 16) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (rows, side, side, 3)).astype(np.uint8)


def augmented(images: np.ndarray, numbers: np.ndarray, settings: PictureConfig) -> np.ndarray:
    side = settings.size
    result = np.empty((len(images), side, side, 3), np.uint8)
    colours = colour_maps(numbers, settings)
    for n, position in enumerate(position_maps(numbers, settings, side)):
        warp(images[n], position, result[n])
        if colours is not None:
            relight(result[n], colours[n])
    return result


def relit(images: np.ndarray, numbers: np.ndarray, settings: PictureConfig) -> np.ndarray:
    colours = colour_maps(numbers, settings)
    assert colours is not None
    result = images.copy()
    for crop, colour in zip(result, colours, strict=True):
        relight(crop, colour)
    return result


def erased(images: np.ndarray, numbers: np.ndarray, settings: PictureConfig) -> np.ndarray:
    result = images.copy()
    for crop, number in zip(result, numbers, strict=True):
        erase(crop, number, settings)
    return result


def corners(numbers: np.ndarray, settings: PictureConfig) -> np.ndarray:
    """`[rows, 4, 2]`: where the corners of the output lie in the unit square, as (x, y)."""
    maps = position_maps(numbers, settings, settings.size)
    a, b, x0, c, d, y0 = maps.reshape(-1, 6).T
    low, high = -0.5, settings.size - 0.5
    ends = [(low, low), (high, low), (high, high), (low, high)]
    return np.array([(a * x + b * y + x0, c * x + d * y + y0) for x, y in ends]).transpose(2, 0, 1)


def test_settings_that_change_nothing_return_the_picture() -> None:
    images = pictures(3)
    assert np.array_equal(augmented(images, draws(3), STILL), images)


def test_at_half_the_stored_size_pixels_are_means_of_four() -> None:
    images = pictures(2, 32)
    means = images.reshape(2, 16, 2, 16, 2, 3).astype(float).mean(axis=(2, 4))
    result = augmented(images, draws(2), options(stored_size=32))
    assert np.abs(result - means).max() <= 0.51


def test_a_mirrored_picture_is_the_picture_mirrored() -> None:
    images, numbers = pictures(2), draws(2)
    numbers[:, 5] = [0.49, 0.51]
    result = augmented(images, numbers, options(flip=True))
    assert np.array_equal(result[0], images[0, :, ::-1])
    assert np.array_equal(result[1], images[1])


def test_half_of_the_pictures_are_mirrored_and_none_when_it_is_off() -> None:
    mirrored = position_maps(draws(2000), options(flip=True), 16)[:, 0, 0] < 0
    assert 0.4 < mirrored.mean() < 0.6
    assert (position_maps(draws(200), STILL, 16)[:, 0, 0] > 0).all()


def test_a_quarter_turn_is_a_quarter_turn() -> None:
    images, numbers = pictures(2), draws(2)
    numbers[:, 4] = [0.0, 1.0]  # the two ends of the range
    result = augmented(images, numbers, options(rotation=90.0))
    turned = {bytes(np.rot90(images[0], n)) for n in (1, 3)}
    assert bytes(result[0]) in turned
    assert bytes(result[1]) in {bytes(np.rot90(images[1], n)) for n in (1, 3)}
    assert (bytes(result[0]) == bytes(np.rot90(images[0]))) != (
        bytes(result[1]) == bytes(np.rot90(images[1]))
    )


@pytest.mark.parametrize(("min_crop", "max_aspect"), [(0.3, 1.33), (0.08, 3.0), (0.9, 1.33)])
def test_crops_stay_inside_and_within_their_ranges(min_crop: float, max_aspect: float) -> None:
    settings = options(min_crop=min_crop, max_aspect=max_aspect)
    ends = corners(draws(2000), settings)
    assert ends.min() >= -1e-6
    assert ends.max() <= 1 + 1e-6
    width, height = ends[:, 1, 0] - ends[:, 0, 0], ends[:, 3, 1] - ends[:, 0, 1]
    stretch = width / height
    assert stretch.min() >= 1 / max_aspect - 1e-4
    assert stretch.max() <= max_aspect + 1e-4
    area = width * height
    assert area.max() <= 1 + 1e-4
    assert area.min() < min_crop + 0.1  # the range is used
    assert area.min() >= min_crop - 1e-4


def test_turns_stay_within_their_range() -> None:
    settings = options(rotation=15.0)
    ends = corners(draws(2000), settings)
    edge = ends[:, 1] - ends[:, 0]
    degrees = np.degrees(np.arctan2(edge[:, 1], edge[:, 0]))
    assert np.abs(degrees).max() <= 15 + 1e-3
    assert degrees.max() > 13
    assert degrees.min() < -13


def test_light_follows_its_formula() -> None:
    settings = options(brightness=0.3, contrast=0.2, saturation=0.5)
    images, numbers = pictures(6), draws(6)
    result = relit(images, numbers, settings)
    for image, number, lit in zip(images, numbers, result, strict=True):
        bright, contrast, colour = (
            1 + (2 * number[6 + n] - 1) * spread for n, spread in enumerate((0.3, 0.2, 0.5))
        )
        grey = (image @ [0.299, 0.587, 0.114])[..., None]
        expected = ((grey + (image - grey) * colour) * bright - 127.5) * contrast + 127.5
        # Rounding, and coefficients that are held to three decimals.
        assert np.abs(lit - np.clip(expected, 0, 255)).max() <= 1


@pytest.mark.parametrize("spread", [0.3, 1.0])
def test_black_and_white_stay_within_bytes(spread: float) -> None:
    settings = options(brightness=spread, contrast=spread, saturation=spread)
    for value in (0, 255):
        images = np.full((50, 4, 4, 3), value, np.uint8)
        lit = relit(images, draws(50), settings)
        assert lit.dtype == np.uint8
        assert np.ptp(lit, axis=(1, 2, 3)).max() <= 1  # grey stays grey and flat, up to rounding


def test_without_light_there_is_no_map_of_colours() -> None:
    assert colour_maps(draws(3), STILL) is None


def test_a_picture_of_any_size_stands_for_the_same_square() -> None:
    """A crop of a picture and of one with every pixel doubled show the same place."""
    settings, numbers = options(min_crop=0.4, rotation=30.0), draws(5)
    smooth = np.linspace(0, 255, 32)
    image = np.stack([np.tile(smooth, (32, 1)), np.tile(smooth, (32, 1)).T, np.full((32, 32), 9)])
    image = image.transpose(1, 2, 0).astype(np.uint8)
    wide = image.repeat(2, axis=1)
    small = augmented(np.stack([image] * 5), numbers, settings)
    large = augmented(np.stack([wide] * 5), numbers, settings)
    assert np.abs(small.astype(int) - large).max() <= 5  # a step of the ramp is 8


def test_what_lies_outside_is_mirrored_into_the_picture() -> None:
    white = np.full((20, 16, 16, 3), 255, np.uint8)
    assert augmented(white, draws(20), options(rotation=45.0)).min() >= 254


def test_the_same_draws_give_the_same_picture() -> None:
    settings = PictureConfig(size=16, stored_size=20)
    images = pictures(4, 20)
    first = augmented(images, draws(4), settings)
    assert np.array_equal(first, augmented(images, draws(4), settings))
    assert not np.array_equal(first, augmented(images, draws(4, seed=1), settings))


def test_a_rectangle_of_some_pictures_is_covered_with_grey() -> None:
    images = np.full((2000, 20, 20, 3), 200, np.uint8)
    covered = erased(images, draws(2000), options(erase=0.3))
    assert set(np.unique(covered)) == {127, 200}
    grey = (covered == 127).all(axis=-1)
    touched = grey.any(axis=(1, 2))
    assert 0.25 < touched.mean() < 0.35
    for mask in grey[touched]:
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        assert mask[np.ix_(rows, columns)].all()  # a rectangle without holes
        assert np.array_equal(rows, np.arange(rows[0], rows[-1] + 1))
        assert np.array_equal(columns, np.arange(columns[0], columns[-1] + 1))
        assert max(len(rows), len(columns)) <= 0.5 * 20 + 1
    inner = [mask for mask in grey[touched] if not (mask[0].any() or mask[-1].any())]
    assert min(mask.any(axis=1).sum() for mask in inner) >= 0.2 * 20 - 1


def test_nothing_is_covered_unless_it_is_asked_for() -> None:
    images = pictures(200)
    assert np.array_equal(erased(images, draws(200), STILL), images)
