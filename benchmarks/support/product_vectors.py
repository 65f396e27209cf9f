"""Drawn unit vectors that lie as those of listings do: near duplicates within categories.

Fitted to the demo's export, where a listing's nearest, 10th and 100th neighbour have median cosines
of .97, .87 and .58, and where most of the variance lies in few directions.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Float32
from numpy.typing import NDArray

PRODUCT, CATEGORY = 8, 500  # listings of one, on average; categories differ much in size
# Squared lengths, those of categories being 1: two listings of a product have a cosine of about
# .94, two of a category of about .6.
OF_PRODUCT, OF_LISTING = 0.6, 0.1
ROWS = 100_000  # drawn at a time: what is drawn need not fit in memory


class Catalogue:
    """The products of so many listings, of which listings are drawn."""

    def __init__(self, count: int, dim: int, seed: int = 0):
        """Draws the products; an eighth as many vectors as listings are held."""
        self._random = np.random.default_rng(seed)
        # Directions fall off as 1 / j: about 20 of 128 count.
        spread = (1 / np.sqrt(np.arange(1, dim + 1))).astype(np.float32)
        self._spread = spread / np.linalg.norm(spread)
        categories = self._normal(max(1, count // CATEGORY), 1)
        size = self._random.lognormal(size=len(categories))
        of = self._random.choice(len(categories), max(1, count // PRODUCT), p=size / size.sum())
        self._products = categories[of]
        self._products += self._normal(len(of), OF_PRODUCT)

    def listings(self, rows: int) -> Float32[NDArray, "{rows} d"]:
        """Further listings of any of the products, in no order."""
        x = self._products[self._random.integers(0, len(self._products), rows)]
        x += self._normal(rows, OF_LISTING)
        return x / np.linalg.norm(x, axis=1, keepdims=True)

    def write(self, path: Path, rows: int) -> None:
        """Further listings as an ``.npy`` file."""
        shape = (rows, len(self._spread))
        file = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
        for first in range(0, rows, ROWS):
            file[first : first + ROWS] = self.listings(min(ROWS, rows - first))
        file.flush()

    def _normal(self, rows: int, squared: float) -> Float32[NDArray, "{rows} d"]:
        drawn = self._random.standard_normal((rows, len(self._spread)), dtype=np.float32)
        return drawn * (self._spread * np.float32(np.sqrt(squared)))
