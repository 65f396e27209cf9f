"""Tests of stylejax/batch.py."""

import jax
import numpy as np
import tiny

from stylejax.batch import PairBatch, Products


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
