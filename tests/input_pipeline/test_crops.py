"""Tests of input_pipeline/crops.py: the crops of a batch."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from input_pipeline.augment import DRAWS, colour_maps, erase, position_maps, relight, warp
from input_pipeline.crops import Crops, open_pictures
from input_pipeline.decode import FilePictures, StoredPictures
from stylejax.config import PictureConfig

OPTIONS = PictureConfig(size=16, stored_size=32, erase=0.5, cache_mib=1)


class Album:
    """Pictures of one colour each, of different sizes; every seventh is missing."""

    quarantine: dict = {}  # noqa: RUF012

    def __init__(self) -> None:
        self.asked: dict[int, float] = {}

    def __call__(self, number: int, least: float) -> np.ndarray | None:
        self.asked[number] = least
        if number % 7 == 6:
            return None
        return np.random.default_rng(number).integers(
            0, 256, (20 + number, 50 - number, 3), np.uint8
        )


def draws(count: int) -> np.ndarray:
    return np.random.default_rng(0).random((count, DRAWS))


def test_every_crop_is_its_own_pictures_whatever_thread_made_it() -> None:
    numbers, drawn = np.arange(40), draws(40)
    pixels, present = Crops(OPTIONS)(Album(), numbers, drawn, 16)
    assert present.tolist() == [n % 7 != 6 for n in numbers]
    colours = colour_maps(drawn, OPTIONS)
    assert colours is not None
    for n, position in enumerate(position_maps(drawn, OPTIONS, 16)):
        expected = np.zeros((16, 16, 3), np.uint8)
        picture = Album()(n, 0.0)
        if picture is not None:
            warp(picture, position, expected)
            relight(expected, colours[n])
            erase(expected, drawn[n], OPTIONS)
        assert np.array_equal(pixels[n], expected)


def test_a_crop_asks_for_a_pixel_of_the_picture_for_each_of_its_own() -> None:
    """At the size asked for, one step in the crop is at least one step in the picture."""
    drawn, album = draws(40), Album()
    options = PictureConfig(size=16, min_crop=0.1, rotation=30.0, max_aspect=2.0)
    Crops(options)(album, np.arange(40), drawn, 16)
    for n, position in enumerate(position_maps(drawn, options, 16)):
        steps = np.linalg.norm(position[:, :2] * album.asked[n], axis=0)
        assert steps.min() == pytest.approx(1.0)


def test_no_pictures_make_an_empty_batch() -> None:
    pixels, present = Crops(OPTIONS)(Album(), np.arange(0), draws(0), 16)
    assert pixels.shape == (0, 16, 16, 3)
    assert present.shape == (0,)


def test_what_a_reader_raises_is_not_swallowed() -> None:
    class Broken(Album):
        def __call__(self, number: int, least: float) -> np.ndarray | None:
            raise RuntimeError("no such luck")

    with pytest.raises(RuntimeError, match="no such luck"):
        Crops(OPTIONS)(Broken(), np.arange(40), draws(40), 16)


@pytest.mark.parametrize(
    ("pictures", "size", "kind"),
    [(341, 32, StoredPictures), (342, 32, FilePictures), (1, 1024, FilePictures)],
)
def test_pictures_are_kept_in_memory_if_all_fit(
    tmp_path: Path, pictures: int, size: int, kind: type
) -> None:
    """A picture of 32 px takes 3,072 bytes; 341 fit into a mebibyte."""
    names = [f"{n}.jpg" for n in range(pictures)] + [""] * 500
    options = PictureConfig(stored_size=size, cache_mib=1)
    assert isinstance(open_pictures(names, names, tmp_path, options), kind)


def test_from_memory_and_from_files_crops_look_alike(tmp_path: Path) -> None:
    """Blurred pictures, so that only the place and the light of a crop can differ."""
    rng = np.random.default_rng(0)
    names = [f"{n}.jpg" for n in range(12)]
    for name in names:
        coarse = Image.fromarray(rng.integers(0, 256, (4, 4, 3), np.uint8))
        coarse.resize((90, 60), Image.Resampling.BICUBIC).save(tmp_path / name, quality=95)
    crops = [
        Crops(OPTIONS)(
            open_pictures(
                names, names, tmp_path, PictureConfig(stored_size=32, cache_mib=mib, size=16)
            ),
            np.arange(12),
            draws(12),
            16,
        )[0]
        for mib in (1, 0)
    ]
    assert np.abs(crops[0].astype(int) - crops[1]).mean() < 6
