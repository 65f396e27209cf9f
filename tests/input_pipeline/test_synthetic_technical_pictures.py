"""Tests of input_pipeline/synthetic/technical_pictures.py."""

import numpy as np

from input_pipeline.synthetic.canvas import Canvas
from input_pipeline.synthetic.technical_pictures import draw_bolt, draw_gear, draw_regulator

GEAR = {"look": "spur", "finish": "steel", "hub": "round", "teeth_look": "coarse"}


def _teeth(teeth_look: str) -> int:
    """How often a circle through the teeth enters the gear, where its side wall is hidden."""
    canvas = Canvas(400)
    draw_gear(canvas, GEAR | {"web": "solid", "teeth_look": teeth_look}, 0)
    angles = np.linspace(np.pi, 1.5 * np.pi, 2000)  # the upper left quarter
    x, y = (50 + 45.5 * np.cos(angles)) * 4, (50 + 45.5 * np.sin(angles)) * 4
    solid = np.asarray(canvas.image.getchannel("A"))[y.astype(int), x.astype(int)] > 128
    return int((solid[1:] & ~solid[:-1]).sum())


def test_finer_teeth_are_more_teeth() -> None:
    counts = [_teeth(look) for look in ("coarse", "medium", "fine")]
    assert counts == sorted(set(counts))
    assert counts[0] in (2, 3, 4)  # a quarter of twelve, give or take the ends


def test_holes_darken_a_gear() -> None:
    means = []
    for web in ("solid", "3 holes", "6 holes"):
        canvas = Canvas(200)
        draw_gear(canvas, GEAR | {"web": web}, 0)
        means.append(np.asarray(canvas.image.convert("L"), float).mean())
    assert means[0] > max(means[1:])
    assert means[1] != means[2]


def test_a_black_bolt_is_darker_than_a_zinc_one() -> None:
    zinc, black = Canvas(100), Canvas(100)
    draw_bolt(zinc, {"finish": "zinc plated", "thread_look": "full"}, 0)
    draw_bolt(black, {"finish": "black oxide", "thread_look": "full"}, 0)
    assert np.asarray(zinc.image.convert("L")).mean() > np.asarray(black.image.convert("L")).mean()


def test_a_regulator_shows_its_package() -> None:
    pictures = set()
    for package in ("TO-220", "SOT-223", "TO-252"):
        canvas = Canvas(100)
        draw_regulator(canvas, {"package": package}, 0)
        pictures.add(canvas.image.tobytes())
    assert len(pictures) == 3
