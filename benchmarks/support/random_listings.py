"""Listings of noise and random words, for programs that are timed and not judged."""

from __future__ import annotations

import numpy as np

from stylejax.batch import PairBatch, Products


def random_listings(
    rows: int, side: int, tokens: int, vocabulary: int, *, seed: int = 0
) -> Products:
    """`rows` listings, each with a picture of `side` pixels and a title of `tokens` tokens."""
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (rows, side, side, 3)).astype(np.uint8)
    words = rng.integers(0, vocabulary, (rows, tokens)).astype(np.int32)
    return Products(image, np.ones(rows, bool), words)


def all_different(left: Products, right: Products) -> PairBatch:
    """A batch of pairs in which no product comes twice, each of weight 1."""
    rows = np.arange(len(left.tokens), dtype=np.int32)
    return PairBatch(left, right, rows, rows, rows, rows, np.ones(len(rows)))
