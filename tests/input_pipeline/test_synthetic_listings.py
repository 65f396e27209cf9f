"""Tests of input_pipeline/synthetic/listings.py."""

import io
from dataclasses import replace

import pytest
from PIL import Image

from input_pipeline.synthetic.listings import Listing, listing_photos, sample_listings
from input_pipeline.synthetic.products import sample_products
from input_pipeline.synthetic.suppliers import sample_suppliers
from stylejax.config import SyntheticConfig


def _listings(options: SyntheticConfig) -> list[list[Listing]]:
    suppliers = sample_suppliers(options)
    return [sample_listings(p, suppliers, options) for p in sample_products(options)]


@pytest.fixture(scope="module")
def groups() -> list[list[Listing]]:
    return _listings(SyntheticConfig(products=400))


def test_three_to_eight_listings_by_different_suppliers(groups: list[list[Listing]]) -> None:
    assert {len(group) for group in groups} == {3, 4, 5, 6, 7, 8}
    for group in groups:
        assert len({listing.supplier.name for listing in group}) == len(group)
    assert sum(map(len, groups)) / len(groups) == pytest.approx(5, abs=0.3)


def test_ids_are_unique_and_do_not_tell_the_product(groups: list[list[Listing]]) -> None:
    ids = [listing.item_id for group in groups for listing in group]
    assert len(set(ids)) == len(ids)
    assert all(len(item_id) == 12 for item_id in ids)
    assert len({item_id[:4] for item_id in ids[:8]}) == 8


def test_more_products_leave_the_first_listings_alone(groups: list[list[Listing]]) -> None:
    assert _listings(SyntheticConfig(products=50)) == groups[:50]


@pytest.mark.parametrize(("title", "picture"), [(0.0, 0.0), (0.2, 0.3), (0.5, 0.5), (1.0, 0.0)])
def test_missing_titles_and_pictures_keep_their_rates(title: float, picture: float) -> None:
    options = SyntheticConfig(products=300, title_missing=title, picture_missing=picture)
    listings = [listing for group in _listings(options) for listing in group]
    lacking = sum(listing.title is None for listing in listings) / len(listings)
    blind = sum(listing.image is None for listing in listings) / len(listings)
    assert lacking == pytest.approx(title, abs=0.04)
    assert blind == pytest.approx(picture, abs=0.04)
    assert all(listing.title is not None or listing.image is not None for listing in listings)


@pytest.mark.parametrize(("missing", "wrong"), [(0.0, 0.0), (0.3, 0.0), (0.0, 0.5), (1.0, 0.0)])
def test_attributes_are_left_out_or_wrong_at_their_rates(missing: float, wrong: float) -> None:
    options = SyntheticConfig(products=200, attribute_missing=missing, attribute_wrong=wrong)
    stated, possible, false = 0, 0, 0
    for group in _listings(options):
        truth = group[0].product
        told = {a.name for a in truth.category.attributes if a.told}
        for listing in group:
            possible += len(told)
            stated += len(listing.attributes)
            assert set(listing.attributes) <= told
            false += sum(truth.values[name] != value for name, value in listing.attributes.items())
    assert stated / possible == pytest.approx(1 - missing, abs=0.03)
    if wrong == 0:
        assert false == 0
    else:  # a wrong draw can hit the right value by chance
        assert 0.3 < false / stated < wrong


def test_a_group_gets_one_photo_for_every_listing_with_a_picture() -> None:
    options = SyntheticConfig(products=16, image_size=48, picture_missing=0.3)
    for group in _listings(options):
        photos = dict((listing.item_id, data) for listing, data in listing_photos(group, options))
        assert set(photos) == {listing.item_id for listing in group if listing.image}
        assert len(set(photos.values())) == len(photos)
        for data in photos.values():
            assert max(Image.open(io.BytesIO(data)).size) == 48


def test_a_photo_does_not_depend_on_the_other_listings() -> None:
    options = SyntheticConfig(products=1, image_size=48, picture_missing=0.0)
    (group,) = _listings(options)
    photos = {listing.item_id: data for listing, data in listing_photos(group, options)}
    ((last, data),) = listing_photos([replace(group[-1])], options)
    assert photos[last.item_id] == data
