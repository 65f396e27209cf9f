"""Tests of input_pipeline/synthetic/printed_pictures.py."""

import numpy as np
import pytest

from input_pipeline.synthetic.canvas import PALETTE, Canvas
from input_pipeline.synthetic.printed_pictures import draw_dress, draw_phone_case, draw_tshirt

PRINT = {"print": "dots", "ground": "red", "ink": "white", "accent": "blue"}


def _share(canvas: Canvas, colour: str) -> float:
    """Share of the painted pixels whose hue is near a colour's."""
    pixels = np.asarray(canvas.image).astype(int)
    painted = pixels[..., 3] > 128
    near = np.abs(pixels[..., :3] - PALETTE[colour]).max(-1) < 45
    return float((near & painted).sum() / painted.sum())


def test_a_dress_shows_its_ground_colour_and_length() -> None:
    short, long = Canvas(120), Canvas(120)
    draw_dress(short, PRINT | {"silhouette": "flared", "sleeve": "short sleeve"}, 0)
    draw_dress(long, PRINT | {"silhouette": "maxi", "sleeve": "long sleeve"}, 0)
    assert _share(short, "red") > 0.4
    assert short.image.getbbox()[3] < long.image.getbbox()[3]


@pytest.mark.parametrize("layout", ["chest", "badge", "row"])
def test_a_tshirt_shows_its_motif(layout: str) -> None:
    canvas = Canvas(120)
    values = {"cut": "tee", "layout": layout, "colour": "white", "motif": "frog"}
    draw_tshirt(canvas, values | {"ink": "green", "accent": "pink"}, 0)
    assert _share(canvas, "green") > 0.03


def test_a_large_print_on_a_case_has_fewer_edges() -> None:
    edges = {}
    for scale in ("small", "large"):
        canvas = Canvas(160)
        draw_phone_case(canvas, PRINT | {"camera": "dots", "scale": scale}, 0)
        edges[scale] = np.abs(np.diff(np.asarray(canvas.image, float)[60:, 50:110], axis=1)).sum()
    assert edges["large"] < edges["small"]
