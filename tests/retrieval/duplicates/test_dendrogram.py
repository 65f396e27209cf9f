"""Tests of stylejax/retrieval/duplicates/dendrogram.py."""

import numpy as np
import pytest
from duplicate_listings import all_pairs, products, space_of

from stylejax.retrieval.duplicates.dendrogram import APART, Dendrogram, Growing
from stylejax.retrieval.duplicates.linkage import average_linkage


def grown() -> Dendrogram:
    """0 and 3 at .9, 1 and 4 at .8, both at .5; 2 alone."""
    growing = Growing(5)
    growing.merge(np.array([0, 1]), np.array([3, 4]), np.array([0.9, 0.8]))
    growing.merge(np.array([0]), np.array([1]), np.array([0.5]))
    return growing.finished()


def linked(seed: int = 0) -> Dendrogram:
    space = space_of(products(6, 4, spread=0.5, seed=seed)[0])
    near = all_pairs(space)
    return average_linkage(space.rows, near.crowding, *near.pairs(0.2), 0.2)


@pytest.mark.parametrize(
    ("threshold", "expected"),
    [
        (0.95, [0, 1, 2, 3, 4]),
        (0.9, [0, 1, 2, 0, 3]),
        (0.7, [0, 1, 2, 0, 1]),
        (0.5, [0, 0, 1, 0, 0]),
    ],
)
def test_groups_are_numbered_by_their_lowest_listing(threshold: float, expected: list[int]) -> None:
    assert grown().groups(threshold).tolist() == expected


def test_listings_are_joined_where_their_groups_are() -> None:
    left, right = np.array([0, 1, 0, 3, 2, 0]), np.array([3, 4, 1, 4, 0, 0])
    joined = grown().joined_at(left, right)
    assert joined.tolist() == [0.9, 0.8, 0.5, 0.5, APART, np.inf]


def test_a_merge_counts_as_no_nearer_than_those_before_it() -> None:
    growing = Growing(3)
    growing.merge(np.array([0]), np.array([1]), np.array([0.6]))
    growing.merge(np.array([0]), np.array([2]), np.array([0.7]))
    assert growing.finished().joined_at(np.array([0]), np.array([2])).tolist() == [0.6]


def test_joined_at_is_the_highest_threshold_with_both_in_one_group() -> None:
    dendrogram = linked()
    left, right = np.triu_indices(len(dendrogram), 1)
    joined = dendrogram.joined_at(left, right)
    for threshold in np.unique(dendrogram.gap[1:]):
        group = dendrogram.groups(float(threshold))
        if np.isfinite(threshold):
            np.testing.assert_array_equal(group[left] == group[right], joined >= threshold)


def test_partners_are_all_that_a_listing_is_ever_joined_with() -> None:
    dendrogram = linked(1)
    everyone = np.arange(len(dendrogram))
    reach = dendrogram.reach()
    for me, (others, score) in zip(everyone, dendrogram.partners(everyone), strict=True):
        joined = dendrogram.joined_at(np.full(len(everyone), me), everyone)
        mine = np.flatnonzero(np.isfinite(joined))
        assert sorted(others.tolist()) == mine.tolist()
        assert reach[me] == len(others)
        np.testing.assert_array_equal(score, joined[others])


def test_pairs_in_one_group_are_counted() -> None:
    assert grown().pairs_at(np.array([0.95, 0.9, 0.8, 0.5, -1.0])).tolist() == [0, 1, 2, 6, 6]
    dendrogram = linked(1)
    left, right = np.triu_indices(len(dendrogram), 1)
    joined = dendrogram.joined_at(left, right)
    cuts = np.unique(dendrogram.gap[np.isfinite(dendrogram.gap)])
    assert dendrogram.pairs_at(cuts).tolist() == [int((joined >= cut).sum()) for cut in cuts]
