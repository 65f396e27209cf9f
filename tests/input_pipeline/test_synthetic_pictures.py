"""Tests of input_pipeline/synthetic/pictures.py."""

import numpy as np
import pytest

from input_pipeline.synthetic.industries import CATEGORIES
from input_pipeline.synthetic.pictures import POSES, draw_product
from input_pipeline.synthetic.products import Product, sample_products
from stylejax.config import SyntheticConfig

FIRST = list(sample_products(SyntheticConfig(products=len(CATEGORIES))))


@pytest.mark.parametrize("product", FIRST, ids=lambda product: product.category.name)
def test_every_category_is_drawn_in_every_pose(product: Product) -> None:
    for pose in range(POSES):
        picture = draw_product(product, pose, 96)
        assert (picture.mode, picture.size) == ("RGBA", (96, 96))
        covered = np.asarray(picture.getchannel("A")) > 128
        assert 0.1 < covered.mean() < 0.95
        assert picture.tobytes() == draw_product(product, pose, 96).tobytes()


@pytest.mark.parametrize("category", CATEGORIES, ids=lambda category: category.name)
def test_every_value_that_shows_can_be_drawn_and_seen(category: object) -> None:
    """Each seen value is drawable, and changing a varying attribute changes some pose."""
    base = next(p for p in FIRST if p.category is category)
    before = [draw_product(base, pose, 96).tobytes() for pose in range(POSES)]
    for attribute in base.category.attributes:
        if not attribute.seen:
            continue
        changed = 0
        for value in attribute.values:
            values = base.values | {attribute.name: value}
            product = Product(0, base.category, values, 0, "nick name", unseen=False)
            after = [draw_product(product, pose, 96).tobytes() for pose in range(POSES)]
            changed += after != before
        assert changed == len(attribute.values) - 1 or not attribute.varies, attribute.name
        assert changed > 0, attribute.name


@pytest.mark.parametrize("category", CATEGORIES, ids=lambda category: category.name)
def test_what_is_only_told_never_shows(category: object) -> None:
    base = next(p for p in FIRST if p.category is category)
    told = {a.name: a.values[-1] for a in base.category.attributes if a.told and not a.seen}
    other = Product(1, base.category, base.values | told, 0, "other name", unseen=True)
    assert draw_product(base, 0, 96).tobytes() == draw_product(other, 0, 96).tobytes()
