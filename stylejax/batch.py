"""The arrays that travel from the input pipeline to the accelerator.

Both sides import this file and nothing of each other: it is the whole contract between them.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from jaxtyping import Bool, Float32, Int32, UInt8

NO_TOKEN = -1  # every id from 0 on may be a word

Array = Any  # NumPy on the host, JAX once placed on a mesh


class Products(NamedTuple):
    """Listings as the encoder reads them; with a second axis where they have several pictures."""

    image: UInt8[Array, "b *p height width 3"]  # RGB; zeros = no picture; sides of 0 = none is read
    has_image: Bool[Array, "b *p"]
    tokens: Int32[Array, "b length"]  # token ids; -1 = none there, in a whole row: no title

    @property
    def pictured(self) -> Bool[Array, " b"]:
        """Whether each listing has a picture."""
        return self.has_image if self.has_image.ndim == 1 else self.has_image.any(axis=-1)

    @property
    def has_text(self) -> Bool[Array, " b"]:
        """Whether each listing has a title."""
        return (self.tokens != NO_TOKEN).any(axis=-1)


class PairBatch(NamedTuple):
    """Same-style pairs: row i of ``left`` and row i of ``right`` sell the same product.

    Two listings with equal group ids are known to be the same product, so neither may serve as the
    other's negative; a listing with no known partner has a group of its own.
    """

    left: Products
    right: Products
    left_group: Int32[Array, " b"]
    right_group: Int32[Array, " b"]
    left_item: Int32[Array, " b"]  # row of the listing in the catalogue
    right_item: Int32[Array, " b"]
    weight: Float32[Array, " b"]  # of the pairs, as they were mined


def flat_pixels(batch: PairBatch) -> PairBatch:
    """The same batch with each picture as one row of bytes: `[b, *p, height * width * 3]`.

    So they lie on a device of any kind in the order in which a step takes them, part by part. A
    TPU pads the last dimensions of an array to tiles: of `[..., width, 3]` it would make copies in
    other layouts.
    """

    def flat(side: Products) -> Products:
        *outer, height, width, colours = side.image.shape
        return side._replace(image=side.image.reshape(*outer, height * width * colours))

    return batch._replace(left=flat(batch.left), right=flat(batch.right))


def square_pixels(products: Products) -> Products:
    """What `flat_pixels` made flat, as square pictures again; others as they are."""
    image = products.image
    if image.ndim - products.has_image.ndim > 1:
        return products
    side = math.isqrt(image.shape[-1] // 3)
    return products._replace(image=image.reshape(*image.shape[:-1], side, side, 3))
