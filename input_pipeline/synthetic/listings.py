"""Listings: the same product offered by several suppliers, each with its own words and photo."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from input_pipeline.synthetic.photos import jpeg_bytes, photograph
from input_pipeline.synthetic.pictures import POSES, draw_product
from input_pipeline.synthetic.products import Product
from input_pipeline.synthetic.suppliers import Supplier
from input_pipeline.synthetic.titles import write_title
from stylejax.config import SyntheticConfig

LISTINGS = (3, 8)  # fewest and most listings of one product
_ART_SCALE = 3  # product art is drawn this much larger than the stored photo


@dataclass(frozen=True)
class Listing:
    """One offer of a product, without its picture's pixels."""

    item_id: str
    product: Product
    supplier: Supplier
    title: str | None
    attributes: dict[str, str]  # what the supplier states; may lack values or be wrong
    image: str | None  # path relative to the catalogue's folder
    number: int  # which of the product's listings


def sample_listings(
    product: Product, suppliers: list[Supplier], options: SyntheticConfig
) -> list[Listing]:
    """Draw the 3 to 8 listings of a product, each by another supplier."""
    rng = np.random.default_rng([options.seed, 3, product.number])
    count = int(rng.choice(np.arange(LISTINGS[0], LISTINGS[1] + 1), p=_COUNTS))
    sellers = rng.choice(len(suppliers), size=count, replace=False)
    return [
        _sample_listing(product, suppliers[seller], number, options)
        for number, seller in enumerate(sellers)
    ]


_COUNTS = [0.16, 0.24, 0.25, 0.18, 0.1, 0.07]  # chance of 3, 4, ... 8 listings: 5 on average


def _sample_listing(
    product: Product, supplier: Supplier, number: int, options: SyntheticConfig
) -> Listing:
    rng = np.random.default_rng([options.seed, 4, product.number, number])
    believed = _believed(product, options, rng)
    title = write_title(product.category, believed, supplier, rng)
    told = {a.name for a in product.category.attributes if a.told}
    # One draw for both, so that no listing lacks its title and its picture.
    lacks = rng.random()
    lacks_title = lacks < options.title_missing
    lacks_picture = lacks > 1 - options.picture_missing
    name = f"{options.seed}/{product.number}/{number}".encode()
    item_id = hashlib.blake2b(name, digest_size=6).hexdigest()
    return Listing(
        item_id=item_id,
        product=product,
        supplier=supplier,
        title=None if lacks_title else title,
        attributes={key: value for key, value in believed.items() if key in told},
        image=None if lacks_picture else f"images/{product.number // 1000:04d}/{item_id}.jpg",
        number=number,
    )


def _believed(
    product: Product, options: SyntheticConfig, rng: np.random.Generator
) -> dict[str, str]:
    """Draw the values a supplier would state: some left out, some wrong."""
    believed = {}
    for attribute in product.category.attributes:
        value = product.values[attribute.name]
        draw, other = rng.random(), attribute.values[rng.integers(len(attribute.values))]
        if draw < options.attribute_wrong:
            value = other
        if rng.random() >= options.attribute_missing:
            believed[attribute.name] = value
    return believed


def listing_photos(
    listings: list[Listing], options: SyntheticConfig
) -> Iterator[tuple[Listing, bytes]]:
    """Yield (listing, JPEG bytes) for the listings of ONE product that have a picture."""
    art = {}
    for listing in listings:
        if listing.image is None:
            continue
        rng = np.random.default_rng([options.seed, 5, listing.product.number, listing.number])
        pose = int(rng.integers(POSES))
        if pose not in art:
            art[pose] = draw_product(listing.product, pose, _ART_SCALE * options.image_size)
        photo = photograph(art[pose], listing.supplier, options.image_size, rng)
        yield listing, jpeg_bytes(photo, listing.supplier, rng)
