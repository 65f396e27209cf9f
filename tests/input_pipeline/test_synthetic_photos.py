"""Tests of input_pipeline/synthetic/photos.py."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from input_pipeline.synthetic.canvas import Canvas
from input_pipeline.synthetic.photos import jpeg_bytes, photograph
from input_pipeline.synthetic.suppliers import sample_suppliers
from stylejax.config import SyntheticConfig

SUPPLIER = sample_suppliers(SyntheticConfig())[0]


def _art() -> Image.Image:
    canvas = Canvas(192)
    canvas.box(10, 10, 90, 90, (200, 30, 30))
    return canvas.image


@pytest.mark.parametrize(("aspect", "shape"), [((1, 1), (64, 64)), ((3, 4), (48, 64))])
def test_the_longer_side_has_the_asked_size(
    aspect: tuple[int, int], shape: tuple[int, int]
) -> None:
    photo = photograph(_art(), replace(SUPPLIER, aspect=aspect), 64, np.random.default_rng(0))
    assert (photo.mode, photo.size) == ("RGB", shape)


@pytest.mark.parametrize("backdrop", ["white", "pastel", "gradient", "table", "room", "marble"])
def test_the_product_shows_on_every_backdrop(backdrop: str) -> None:
    studio = replace(SUPPLIER, backdrop=backdrop, aspect=(1, 1))  # type: ignore[arg-type]
    photo = photograph(_art(), studio, 64, np.random.default_rng(3))
    pixels = np.asarray(photo).astype(int)
    red = (pixels[..., 0] > pixels[..., 1] + 70) & (pixels[..., 0] > pixels[..., 2] + 70)
    assert 0.15 < red.mean() < 1


def test_photos_repeat_for_a_seed_and_differ_otherwise() -> None:
    shots = [
        photograph(_art(), SUPPLIER, 64, np.random.default_rng(seed)).tobytes()
        for seed in (1, 1, 2)
    ]
    assert shots[0] == shots[1] != shots[2]


def test_a_watermark_marks_a_part_of_the_photo() -> None:
    bare, marked = (
        photograph(_art(), replace(SUPPLIER, watermark=text), 96, np.random.default_rng(4))
        for text in (None, "S00-shop")
    )
    changed = (np.asarray(bare) != np.asarray(marked)).any(-1)
    assert 0.005 < changed.mean() < 0.2


def test_a_supplier_with_low_quality_makes_smaller_files() -> None:
    photo = photograph(_art(), SUPPLIER, 96, np.random.default_rng(0))
    small, large = (
        jpeg_bytes(photo, replace(SUPPLIER, quality=quality), np.random.default_rng(0))
        for quality in (40, 90)
    )
    assert len(small) < len(large)
    assert Image.open(io.BytesIO(small)).size == photo.size
