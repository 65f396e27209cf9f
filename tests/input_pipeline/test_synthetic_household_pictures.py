"""Tests of input_pipeline/synthetic/household_pictures.py."""

import numpy as np
import pytest

from input_pipeline.synthetic.canvas import PALETTE, Canvas
from input_pipeline.synthetic.household_pictures import draw_bottle, draw_mug

MUG = {"shape": "straight", "handle": "round", "colour": "white", "motif": "frog", "ink": "green"}


def test_a_mug_shows_its_motif_and_relief() -> None:
    plain, raised = Canvas(150), Canvas(150)
    draw_mug(plain, MUG | {"relief": "flat"}, 0)
    draw_mug(raised, MUG | {"relief": "3d"}, 0)
    pixels = np.asarray(plain.image).astype(int)
    green = (pixels[..., 1] > pixels[..., 0] + 30) & (pixels[..., 3] > 0)
    assert 0.05 < green.mean() < 0.4
    assert np.abs(pixels - np.asarray(raised.image)).mean() > 1


def test_another_motif_leaves_the_mug_itself_alone() -> None:
    frog, owl = Canvas(150), Canvas(150)
    draw_mug(frog, MUG | {"relief": "flat"}, 0)
    draw_mug(owl, MUG | {"relief": "flat", "motif": "owl"}, 0)
    assert frog.image.getchannel("A").tobytes() == owl.image.getchannel("A").tobytes()
    differs = np.asarray(frog.image) != np.asarray(owl.image)
    assert 0 < differs.any(-1).mean() < 0.35


@pytest.mark.parametrize("decor", ["plain", "waves", "star"])
def test_a_bottle_has_its_lid_in_the_lid_colour(decor: str) -> None:
    canvas = Canvas(150)
    values = {"shape": "wide", "lid": "loop", "colour": "blue", "lid_colour": "red"}
    draw_bottle(canvas, values | {"decor": decor}, 0)
    top = np.asarray(canvas.image.crop((65, 16, 85, 28))).astype(int)
    assert np.abs(top[..., :3].mean((0, 1)) - PALETTE["red"]).max() < 60
