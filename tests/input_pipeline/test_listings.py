"""Tests of input_pipeline/listings.py."""

from pathlib import Path

import numpy as np
import pytest
import tiny

from input_pipeline.listings import product_batches, products
from input_pipeline.pictures import Pictures
from stylejax.batch import NO_TOKEN


@pytest.fixture(scope="module")
def pictures(data_root: Path) -> Pictures:
    rows = tiny.catalogue_rows()
    ids, images = [row["item_id"] for row in rows], [row["image"] for row in rows]
    return Pictures(ids, images, data_root, 16, 0)


TOKENS = np.arange(32 * 4, dtype=np.int32).reshape(32, 4) + 1


@pytest.mark.parametrize(("batch_size", "sizes"), [(8, [8, 8, 4]), (20, [20]), (64, [20])])
def test_batches_are_of_one_shape_and_the_last_is_padded(
    pictures: Pictures, batch_size: int, sizes: list[int]
) -> None:
    rows = np.random.default_rng(0).permutation(32)[:20]
    batches = list(product_batches(rows, pictures, TOKENS, batch_size))
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


def test_more_batches_than_are_read_ahead_keep_their_order(pictures: Pictures) -> None:
    rows = np.arange(32)[::-1].copy()
    found = [row for batch, _ in product_batches(rows, pictures, TOKENS, 2) for row in batch]
    assert found == rows.tolist()


def test_no_rows_no_batches(pictures: Pictures) -> None:
    assert list(product_batches(np.arange(0), pictures, TOKENS, 4)) == []


def test_products_of_their_own_number_are_not_padded() -> None:
    image, present = np.ones((3, 4, 4, 3), np.uint8), np.array([True, False, True])
    batch = products(image, present, TOKENS[:3])
    assert np.array_equal(batch.image, image)
    assert np.array_equal(batch.has_image, present)
    assert np.array_equal(batch.tokens, TOKENS[:3])
