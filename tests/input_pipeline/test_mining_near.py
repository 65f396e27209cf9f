"""Tests of input_pipeline/mining/near.py: an index, the catalogue and the log joined."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from input_pipeline.catalogue import Catalogue
from input_pipeline.mining.near import indexed, negatives_table, suspected_table
from stylejax.config import ConfigError

PATHS = ["Home > Mugs", "Home > Mugs", "Home > Plates", "Tools", "Home > Mugs"]
ITEMS = ["a", "b", "c", "d", "e"]


def catalogue() -> Catalogue:
    none = [""] * 5
    return Catalogue(ITEMS, none, none, PATHS, ["train"] * 4 + ["test"], Path())


def pairs(*ends: tuple[str, str], weight: float = 2.0) -> pa.Table:
    left, right = zip(*ends, strict=True)
    return pa.table({"left_id": left, "right_id": right, "weight": [weight] * len(ends)})


@pytest.mark.parametrize(("level", "mugs_and_plates"), [(0, False), (1, True), (2, False)])
def test_vectors_are_joined_with_what_is_known_of_their_listings(
    level: int, mugs_and_plates: bool
) -> None:
    """In the order of the index, which has one listing of split test and one of elsewhere."""
    known = indexed(["c", "x", "b", "e", "a"], catalogue(), pairs(("a", "b")), "train", level)
    assert (known.category >= 0).tolist() == [True, False, True, False, True]
    names = [known.categories[n] for n in known.category if n >= 0]
    assert names[1] == names[2]
    assert (names[0] == names[1]) == mugs_and_plates
    assert known.group[2] == known.group[4]
    assert len(set(known.group.tolist())) == 4
    assert known.mined.tolist() == [[4, 2]]


def test_pairs_without_a_vector_are_left_out() -> None:
    known = indexed(["a", "c", "d"], catalogue(), pairs(("a", "b"), ("c", "d")), "train", 0)
    assert known.mined.tolist() == [[1, 2]]
    assert len(known.paired) == len(known.item_id)
    assert known.paired.sum() >= 2 * len(known.mined)


def test_tables_are_ordered_and_named() -> None:
    mined = pairs(("a", "b"), ("c", "d"), weight=0.5)
    known = indexed(["c", "b", "a"], catalogue(), mined, "train", 1)
    places, cosine = np.array([[1, 2], [0, 1]]), np.array([0.25, 0.5], np.float32)
    assert negatives_table(known, places, cosine).to_pylist() == [
        {"left_id": "b", "right_id": "c", "score": 0.5, "category": "Home"},
        {"left_id": "a", "right_id": "b", "score": 0.25, "category": "Home"},
    ]
    first, _ = suspected_table(known, places, cosine, mined).to_pylist()
    assert first == {
        "left_id": "b",
        "right_id": "c",
        "weight": 0.5,
        "support": 0,
        "relevance": None,
        "category": "Home",
        "score": 0.5,
    }
    empty = negatives_table(known, places[:0], cosine[:0])
    assert (len(empty), empty.column_names[0]) == (0, "left_id")


def test_an_index_of_other_listings_is_refused() -> None:
    with pytest.raises(ConfigError, match="none of the 4 listings of split 'train'"):
        indexed(["e", "x"], catalogue(), pairs(("a", "b")), "train", 0)
