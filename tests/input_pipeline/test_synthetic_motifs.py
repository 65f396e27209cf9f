"""Tests of input_pipeline/synthetic/motifs.py."""

from itertools import combinations

import numpy as np
import pytest

from input_pipeline.synthetic.motifs import MOTIFS, RELIEFS, motif_picture


@pytest.mark.parametrize("name", MOTIFS)
def test_each_motif_fills_much_of_its_square_in_its_colours(name: str) -> None:
    pixels = np.asarray(motif_picture(name, "blue", "red", 64, "flat"))
    assert pixels.shape == (64, 64, 4)
    assert 0.2 < (pixels[..., 3] > 128).mean() < 0.95
    other = np.asarray(motif_picture(name, "green", "red", 64, "flat"))
    assert (pixels != other).any()


def test_motifs_can_be_told_apart() -> None:
    shapes = {
        name: np.asarray(motif_picture(name, "blue", "red", 32, "flat"), float) for name in MOTIFS
    }
    for one, other in combinations(MOTIFS, 2):
        assert np.abs(shapes[one] - shapes[other]).mean() > 15, (one, other)


def test_relief_adds_a_shadow_around_the_same_motif() -> None:
    assert RELIEFS == ("flat", "3d")
    flat = motif_picture("frog", "green", "white", 64, "flat")
    relief = motif_picture("frog", "green", "white", 64, "3d")
    assert relief.width == flat.width + 16
    pixels = np.asarray(relief)
    dark = (pixels[..., :3].max(-1) < 10) & (pixels[..., 3] > 40) & (pixels[..., 3] < 200)
    assert dark.sum() > 20
