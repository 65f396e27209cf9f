"""Tests of input_pipeline/synthetic/canvas.py."""

import numpy as np
import pytest
from PIL import Image

from input_pipeline.synthetic.canvas import PALETTE, Canvas, cylinder, mirror, smooth, tone


def test_tone_darkens_and_lightens() -> None:
    assert tone((100, 200, 0), 0.5) == (50, 100, 0)
    assert tone((100, 200, 0), 1.0) == (100, 200, 0)
    assert tone((100, 200, 0), 2.0) == (255, 255, 255)


def test_smooth_passes_through_its_points() -> None:
    points = [(0.0, 0.0), (10.0, 0.0), (10.0, 10.0), (0.0, 10.0)]
    curve = smooth(points, steps=5)
    assert len(curve) == 20
    assert curve[::5] == points


def test_mirror_closes_an_outline() -> None:
    assert mirror([(60, 0), (70, 9)]) == [(60, 0), (70, 9), (30, 9), (40, 0)]
    assert mirror([(60, 0)], middle=40) == [(60, 0), (20, 0)]


@pytest.mark.parametrize("size", [50, 200])
def test_units_scale_with_the_surface(size: int) -> None:
    canvas = Canvas(size)
    canvas.box(0, 0, 50, 100, PALETTE["red"])
    covered = np.asarray(canvas.image.getchannel("A")) > 0
    assert covered.mean() == pytest.approx(0.5, abs=0.03)


def test_a_picture_fills_a_shape() -> None:
    canvas = Canvas(40)
    canvas.ellipse(0, 0, 100, 100, Image.new("RGB", (40, 40), (1, 2, 3)))
    assert canvas.image.getpixel((20, 20)) == (1, 2, 3, 255)
    assert canvas.image.getpixel((0, 0))[3] == 0


def test_a_stamp_stays_on_what_is_painted() -> None:
    canvas = Canvas(100)
    canvas.box(0, 0, 50, 100, (10, 10, 10))
    canvas.stamp(Image.new("RGBA", (40, 40), (250, 0, 0, 255)), 50, 50)
    assert canvas.image.getpixel((45, 50)) == (250, 0, 0, 255)
    assert canvas.image.getpixel((60, 50))[3] == 0


def test_shade_changes_brightness_but_not_the_outline() -> None:
    canvas = Canvas(100)
    canvas.box(20, 20, 80, 80, (120, 120, 120))
    outline = canvas.image.getchannel("A").tobytes()
    canvas.shade(across=cylinder, down=lambda v: 1 - 0.5 * v)
    pixels = np.asarray(canvas.image)
    assert canvas.image.getchannel("A").tobytes() == outline
    assert pixels[25, 50, 0] > pixels[75, 50, 0]


def test_shading_an_empty_surface_does_nothing() -> None:
    canvas = Canvas(30)
    canvas.shade(down=lambda v: v)
    assert canvas.image.getbbox() is None


def test_erase_makes_transparent() -> None:
    canvas = Canvas(100)
    canvas.box(0, 0, 100, 100, (9, 9, 9))
    canvas.erase(40, 40, 60, 60)
    assert canvas.image.getpixel((50, 50))[3] == 0
