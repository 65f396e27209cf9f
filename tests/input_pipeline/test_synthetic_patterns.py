"""Tests of input_pipeline/synthetic/patterns.py."""

from itertools import combinations

import numpy as np
import pytest

from input_pipeline.synthetic.canvas import PALETTE
from input_pipeline.synthetic.patterns import PATTERNS, PRINTS, print_picture


@pytest.mark.parametrize("name", PRINTS)
def test_each_print_shows_all_three_colours(name: str) -> None:
    pixels = np.asarray(print_picture(name, "white", "blue", "red", 120))
    assert pixels.shape == (120, 120, 3)
    for colour in ("white", "blue", "red"):
        near = np.abs(pixels.astype(int) - PALETTE[colour]).max(-1) < 40
        assert near.mean() > 0.005, colour


def test_patterns_can_be_told_apart() -> None:
    pixels = {
        name: np.asarray(print_picture(name, "white", "blue", "red", 64), float)
        for name in PATTERNS
    }
    for one, other in combinations(PATTERNS, 2):
        assert np.abs(pixels[one] - pixels[other]).mean() > 12, (one, other)


@pytest.mark.parametrize("name", ["scales", "owl"])
def test_a_pose_moves_the_pattern_and_zoom_enlarges_it(name: str) -> None:
    plain = print_picture(name, "white", "blue", "red", 96)
    assert print_picture(name, "white", "blue", "red", 96, pose=1).tobytes() != plain.tobytes()
    zoomed = np.asarray(print_picture(name, "white", "blue", "red", 96, zoom=2.0), float)

    def edges(pixels: np.ndarray) -> float:
        return float(np.abs(np.diff(pixels, axis=1)).mean())

    assert edges(zoomed) < edges(np.asarray(plain, float))
