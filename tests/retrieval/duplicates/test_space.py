"""Tests of stylejax/retrieval/duplicates/space.py."""

import numpy as np
import pytest
from clustered import unit
from duplicate_listings import space_of

from stylejax.config import ConfigError

IDS = ["c", "a", "e", "b", "d"]


def test_listings_are_numbered_by_their_ids() -> None:
    vectors = unit(5)
    space = space_of(vectors, IDS, parts=2)
    assert space.item_id == ["a", "b", "c", "d", "e"]
    np.testing.assert_array_equal(space.number[space.position], np.arange(5))
    np.testing.assert_array_equal(space.rows(np.array([4, 0, 0])), vectors[[2, 1, 1]])
    assert space.named(["e", "a"], "they").tolist() == [4, 0]


def test_listings_that_are_not_there_are_told() -> None:
    with pytest.raises(ConfigError, match=r"labels name 2 listings without a vector .* first 'x'"):
        space_of(unit(5), IDS).named(["a", "x", "y"], "labels")


def test_trees_go_when_nothing_is_searched_any_more() -> None:
    space = space_of(unit(5), IDS, parts=2)
    assert all(part.tree is None for part in space.searched().index.parts)
    assert space.searched().item_id == space.item_id
