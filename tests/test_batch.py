"""Tests of stylejax/batch.py."""

import jax
import numpy as np
import pytest
import tiny

from stylejax.batch import PairBatch, Products, flat_pixels, square_pixels


def test_a_listing_has_text_when_it_has_a_token() -> None:
    tokens = np.array([[0, 5, -1], [-1, -1, -1], [2, -1, -1]], np.int32)
    given = Products(np.zeros((3, 4, 4, 3), np.uint8), np.ones(3, bool), tokens)
    assert given.has_text.tolist() == [True, False, True]


def test_a_batch_is_a_tree_of_arrays() -> None:
    batch = tiny.pair_batch(4)
    assert len(jax.tree.leaves(batch)) == 11
    halved = jax.tree.map(lambda x: x[::2], batch)
    assert isinstance(halved, PairBatch)
    assert halved.left.image.shape[0] == 2


@pytest.mark.parametrize("pictures", [(), (3,)])
def test_flat_pixels_are_the_same_pixels(pictures: tuple[int, ...]) -> None:
    batch = tiny.pair_batch(4)
    image = np.random.default_rng(0).integers(0, 256, (4, *pictures, 8, 8, 3)).astype(np.uint8)
    side = Products(image, np.ones((4, *pictures), bool), batch.left.tokens)
    batch = batch._replace(left=side, right=side)
    flat = flat_pixels(batch)
    assert flat.left.image.shape == flat.right.image.shape == (4, *pictures, 8 * 8 * 3)
    np.testing.assert_array_equal(square_pixels(flat.left).image, image)
    np.testing.assert_array_equal(square_pixels(batch.left).image, image)
