"""Tests of input_pipeline/photos.py: several photos of a listing."""

from pathlib import Path

import numpy as np
import pytest
import tiny

from input_pipeline.catalogue import Catalogue
from input_pipeline.photos import all_photos
from stylejax.config import ConfigError

CATALOGUE = Catalogue(
    ["a", "b", "c"], [""] * 3, ["a1.jpg", "", "c1.jpg"], [""] * 3, ["train"] * 3, Path()
)
ROWS = [
    {"item_id": "a", "image": "a3.jpg"},
    {"item_id": "a", "image": "a2.jpg"},
    {"item_id": "a", "image": "a1.jpg"},  # the catalogue's own once more
    {"item_id": "b", "image": "b1.jpg"},
    {"item_id": "c", "image": ""},
]


def test_without_a_table_each_listing_has_its_own_photo() -> None:
    photos = all_photos(CATALOGUE, None)
    assert photos.images == CATALOGUE.image
    assert photos.items == CATALOGUE.item_id
    assert photos.start.tolist() == [0, 1, 2, 3]


def test_further_photos_join_the_catalogues_own(tmp_path: Path) -> None:
    photos = all_photos(CATALOGUE, tiny.write_csv(tmp_path / "photos.csv", ROWS))
    assert photos.images == ["a1.jpg", "a3.jpg", "a2.jpg", "b1.jpg", "c1.jpg"]
    assert photos.items == ["a", "a (photo 2)", "a (photo 3)", "b", "c"]
    assert photos.start.tolist() == [0, 3, 4, 5]
    turned = all_photos(CATALOGUE, tiny.write_csv(tmp_path / "turned.csv", ROWS[::-1]))
    assert turned.images == ["a1.jpg", "a2.jpg", "a3.jpg", "b1.jpg", "c1.jpg"]


def test_photos_take_turns(tmp_path: Path) -> None:
    photos = all_photos(CATALOGUE, tiny.write_csv(tmp_path / "photos.csv", ROWS))
    rows = np.array([0, 1, 2])
    turns = [photos.chosen(rows, np.full(3, turn), seed=0)[:, 0].tolist() for turn in range(6)]
    first, second, third = zip(*turns, strict=True)
    assert sorted(first[:3]) == sorted(first[3:]) == [0, 1, 2]
    assert set(second) == {3}
    assert set(third) == {4}
    starts = {int(photos.chosen(rows[:1], np.zeros(1, int), seed)[0, 0]) for seed in range(20)}
    assert starts == {0, 1, 2}


def test_several_photos_are_shown_at_a_time_each_once(tmp_path: Path) -> None:
    photos = all_photos(CATALOGUE, tiny.write_csv(tmp_path / "photos.csv", ROWS))
    rows = np.array([2, 0])
    assert photos.leading(rows, 1).tolist() == [[4], [0]]
    assert photos.leading(rows, 2).tolist() == [[4, -1], [0, 1]]
    assert photos.leading(rows, 4).tolist() == [[4, -1, -1, -1], [0, 1, 2, -1]]
    for turn in range(4):
        turns = np.full(2, turn)
        (single,) = photos.chosen(rows[1:], turns[1:], seed=1).tolist()
        alone, pair = photos.chosen(rows, turns, seed=1, most=2).tolist()
        assert alone == [4, -1]
        assert pair == [single[0], (single[0] + 1) % 3]


def test_faults_of_the_table_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no table of further photos .*none\.csv"):
        all_photos(CATALOGUE, tmp_path / "none.csv")
    strange = tiny.write_csv(tmp_path / "strange.csv", [{"item_id": "z", "image": "z.jpg"}])
    with pytest.raises(ConfigError, match=r"1 listings that are not in the catalogue, one is 'z'"):
        all_photos(CATALOGUE, strange)
    short = tiny.write_csv(tmp_path / "short.csv", [{"item_id": "a", "picture": "z.jpg"}])
    with pytest.raises(ConfigError, match="no column 'image'"):
        all_photos(CATALOGUE, short)
