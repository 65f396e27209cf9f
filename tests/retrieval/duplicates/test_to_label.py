"""Tests of stylejax/retrieval/duplicates/to_label.py."""

import csv
from pathlib import Path

import numpy as np
from duplicate_listings import products, space_of

from stylejax.retrieval.duplicates.find import Duplicates, Wanted, find_duplicates
from stylejax.retrieval.duplicates.neighbours import neighbours
from stylejax.retrieval.duplicates.to_label import drawn_pairs, write_pairs


def found(count: int = 10, listings: int = 5) -> Duplicates:
    space = space_of(products(count, listings, spread=0.05)[0])
    return find_duplicates(space, neighbours(space, 12, local=0), None, Wanted(), 0.9)


def all_joined(told: Duplicates) -> set[tuple[int, int]]:
    group = told.dendrogram.groups(told.threshold)
    left, right = np.triu_indices(len(group), 1)
    same = group[left] == group[right]
    return set(zip(left[same].tolist(), right[same].tolist(), strict=True))


def test_all_pairs_are_drawn_where_they_are_few() -> None:
    told = found()
    pairs, joined = drawn_pairs(told, 1_000)
    assert {tuple(pair) for pair in pairs.tolist()} == all_joined(told)
    assert len(pairs) == 100
    assert (joined >= 0.9).all()


def test_each_is_drawn_as_often_as_any_other() -> None:
    told = found(200, 5)
    pairs, _ = drawn_pairs(told, 300)
    assert len({tuple(pair) for pair in pairs.tolist()}) == 300
    assert {tuple(pair) for pair in pairs.tolist()} <= all_joined(told)
    group = told.dendrogram.groups(told.threshold)
    assert 130 <= len(np.unique(group[pairs[:, 0]])) <= 190  # 200 (1 - (1 - 1 / 200) ** 300) = 155
    np.testing.assert_array_equal(pairs, drawn_pairs(told, 300)[0])


def test_without_groups_there_are_none() -> None:
    space = space_of(np.eye(4, dtype=np.float32))
    told = find_duplicates(space, neighbours(space, 3, local=0), None, Wanted(), 0.9)
    assert drawn_pairs(told)[0].shape == (0, 2)


def test_they_are_written_with_room_for_a_label(tmp_path: Path) -> None:
    told = found()
    write_pairs(tmp_path / "pairs.csv", told, *drawn_pairs(told, 3))
    with (tmp_path / "pairs.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["pair"] for row in rows] == ["1", "2", "3"]
    assert {row["label"] for row in rows} == {""}
    assert rows[0]["left_id"].startswith("L")
