"""Tests of input_pipeline/pictures.py."""

import csv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from drawn import BLUE, RED, broken_files, halves, near
from PIL import Image

from input_pipeline.pictures import Pictures, read_picture, require_pictures, write_quarantine
from stylejax.config import ConfigError


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "bmp", "gif"])
def test_a_picture_is_squeezed_to_a_square(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    halves(90, 40).save(path)
    pixels = read_picture(path, 16)
    assert pixels.shape == (16, 16, 3)
    assert pixels.dtype == np.uint8
    for x in (0, 15):
        assert near(pixels[2, x], RED, 12)
        assert near(pixels[13, x], BLUE, 12)


def test_unreadable_pictures_are_zeros_absent_and_named(tmp_path: Path) -> None:
    halves().save(tmp_path / "good.jpg")
    broken = broken_files(tmp_path)
    images = ["good.jpg", "", *(path.name for path in broken.values()), "no\0name.jpg"]
    items = [f"item {n}" for n in range(len(images))]
    pictures = Pictures(items, images, tmp_path, 8, cache_mib=1)
    for _ in range(2):  # the second time from the cache
        pixels, present = pictures.read(np.arange(len(images)))
        assert present.tolist() == [True] + [False] * (len(images) - 1)
        assert pixels[0].any()
        assert not pixels[1:].any()
    # No picture at all is an ordinary case, not a fault.
    assert set(pictures.quarantine) == set(items[2:])
    for item, image in zip(items[2:], images[2:], strict=True):
        path, reason = pictures.quarantine[item]
        assert path == image
        assert reason
    reasons = {image: reason for image, reason in pictures.quarantine.values()}
    assert reasons["missing.jpg"] == "No such file or directory"
    assert reasons["empty.jpg"] == "empty"


def test_rows_come_in_the_order_asked_for(tmp_path: Path) -> None:
    for n in range(3):
        Image.new("RGB", (8, 8), (80 * n, 0, 0)).save(tmp_path / f"{n}.png")
    pictures = Pictures(list("abc"), ["0.png", "1.png", "2.png"], tmp_path, 8, 1)
    pixels, _ = pictures.read([2, 0, 2, 1])
    assert pixels[:, 0, 0, 0].tolist() == [160, 0, 160, 80]


@pytest.mark.parametrize(("size", "cache_mib", "kept"), [(512, 1, 1), (512, 2, 2), (8, 0, 0)])
def test_the_cache_keeps_as_many_pictures_as_fit(
    tmp_path: Path, size: int, cache_mib: int, kept: int
) -> None:
    """A kept picture is read again after its file is gone; the others are not."""
    names = [f"{n}.png" for n in range(3)]
    for name in names:
        Image.new("RGB", (8, 8), RED).save(tmp_path / name)
    pictures = Pictures(names, names, tmp_path, size, cache_mib)
    assert pictures.read(range(3))[1].all()
    for name in names:
        (tmp_path / name).unlink()
    assert pictures.read(range(3))[1].sum() == kept


def test_many_threads_read_the_same_pictures(tmp_path: Path) -> None:
    names = [f"{n}.png" for n in range(12)]
    for n, name in enumerate(names[:-1]):
        Image.new("RGB", (8, 8), (20 * n, 0, 0)).save(tmp_path / name)
    pictures = Pictures(names, names, tmp_path, 8, 1)
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: pictures.read(range(12)), range(24)))
    for pixels, present in results:
        assert pixels[:, 0, 0, 0].tolist() == [20 * n for n in range(11)] + [0]
        assert present.sum() == 11
    assert list(pictures.quarantine) == ["11.png"]


def test_a_missing_folder_is_refused_unless_no_listing_has_a_picture(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no folder of pictures .*--data\.images"):
        Pictures(["a"], ["a.jpg"], tmp_path / "nowhere", 8, 1)
    _, present = Pictures(["a"], [""], tmp_path / "nowhere", 8, 1).read([0])
    assert present.tolist() == [False]


def test_the_quarantine_is_a_sorted_table(tmp_path: Path) -> None:
    quarantine = {"b": ("b.jpg", 'bad, "very" bad'), "a": ("a.jpg", "gone")}
    path = write_quarantine(quarantine, tmp_path / "quarantine.csv")
    with path.open(newline="") as file:
        assert list(csv.reader(file)) == [
            ["item_id", "image", "reason"],
            ["a", "a.jpg", "gone"],
            ["b", "b.jpg", 'bad, "very" bad'],
        ]


def test_the_quarantine_of_an_earlier_part_of_the_run_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "quarantine.csv"
    write_quarantine({"b": ("b.jpg", 'cut, "short"'), "c": ("c.jpg", "gone")}, path)
    write_quarantine({"a": ("a.jpg", "empty"), "c": ("c.jpg", "gone again")}, path)
    write_quarantine({}, path)
    with path.open(newline="") as file:
        assert list(csv.reader(file)) == [
            ["item_id", "image", "reason"],
            ["a", "a.jpg", "empty"],
            ["b", "b.jpg", 'cut, "short"'],
            ["c", "c.jpg", "gone again"],
        ]
    assert [file.name for file in tmp_path.iterdir()] == ["quarantine.csv"]


def test_pictures_that_are_addresses_are_to_be_fetched_first(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="stylejax build --dataset catalogue"):
        require_pictures(["", "https://example.com/a.jpg"], tmp_path)


def test_a_folder_with_none_of_the_pictures_is_a_wrong_setting(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "here.jpg")
    require_pictures(["", "here.jpg", "gone.jpg"], tmp_path)
    require_pictures(["", ""], tmp_path)
    with pytest.raises(ConfigError, match=r"not one of 2 pictures can be read, the first .*gone"):
        require_pictures(["gone.jpg", "", "lost.jpg"], tmp_path)
