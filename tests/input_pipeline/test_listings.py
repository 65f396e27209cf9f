"""Tests of input_pipeline/listings.py."""

from pathlib import Path

import numpy as np
import pytest
import tiny

from input_pipeline.listings import ListingPictures, product_batches, products
from input_pipeline.photos import Photos
from input_pipeline.pictures import Pictures
from stylejax.batch import NO_TOKEN


def listed(root: Path, most: int) -> ListingPictures:
    """Listing 0 has three photos, the others one at most."""
    rows = tiny.catalogue_rows()
    images = [rows[0]["image"], rows[1]["image"], rows[2]["image"], *(r["image"] for r in rows[1:])]
    photos = Photos(np.array([0, *range(3, 35)]), [str(n) for n in range(34)], images)
    return ListingPictures(photos, Pictures(photos.items, images, root, 16, 0), most)


@pytest.fixture(scope="module")
def pictures(data_root: Path) -> ListingPictures:
    return listed(data_root, 1)


TOKENS = np.arange(32 * 4, dtype=np.int32).reshape(32, 4) + 1


@pytest.mark.parametrize(("batch_size", "sizes"), [(8, [8, 8, 4]), (20, [20]), (64, [20])])
def test_batches_are_of_one_shape_and_the_last_is_padded(
    pictures: ListingPictures, batch_size: int, sizes: list[int]
) -> None:
    rows = np.random.default_rng(0).permutation(32)[:20]
    batches = list(product_batches(rows, pictures, TOKENS.__getitem__, batch_size))
    assert [len(found) for found, _ in batches] == sizes
    assert np.array_equal(np.concatenate([found for found, _ in batches]), rows)  # in order
    for found, batch in batches:
        count = len(found)
        assert batch.image.shape == (batch_size, 16, 16, 3)
        assert np.array_equal(batch.tokens[:count], TOKENS[found])
        image, present = pictures.read(found)
        assert np.array_equal(batch.image[:count], image)
        assert np.array_equal(batch.has_image[:count], present)
        assert not batch.image[count:].any()
        assert not batch.has_image[count:].any()
        assert np.all(batch.tokens[count:] == NO_TOKEN)
        assert not batch.has_text[count:].any()


def test_more_batches_than_are_read_ahead_keep_their_order(pictures: ListingPictures) -> None:
    rows = np.arange(32)[::-1].copy()
    found = [
        row for batch, _ in product_batches(rows, pictures, TOKENS.__getitem__, 2) for row in batch
    ]
    assert found == rows.tolist()


def test_no_rows_no_batches(pictures: ListingPictures) -> None:
    assert list(product_batches(np.arange(0), pictures, TOKENS.__getitem__, 4)) == []


def test_several_pictures_of_a_listing_are_read_together(
    pictures: ListingPictures, data_root: Path
) -> None:
    rows = np.array([10, 0, 1])  # of which the first has none
    ((_, batch),) = product_batches(rows, listed(data_root, 2), TOKENS.__getitem__, 4)
    assert batch.image.shape == (4, 2, 16, 16, 3)
    there = [[False, False], [True, True], [True, False], [False, False]]
    assert batch.has_image.tolist() == there
    assert batch.pictured.tolist() == [False, True, True, False]
    single = pictures.read(np.array([0, 1]))[0]
    assert np.array_equal(batch.image[[1, 1, 2], [0, 1, 0]], single[[0, 1, 1]])
    assert not batch.image[~batch.has_image].any()


def test_products_of_their_own_number_are_not_padded() -> None:
    image, present = np.ones((3, 4, 4, 3), np.uint8), np.array([True, False, True])
    batch = products(image, present, TOKENS[:3])
    assert np.array_equal(batch.image, image)
    assert np.array_equal(batch.has_image, present)
    assert np.array_equal(batch.tokens, TOKENS[:3])
