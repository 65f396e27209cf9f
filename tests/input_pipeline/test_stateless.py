"""Tests of input_pipeline/stateless.py."""

import math
from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from input_pipeline.stateless import mixed, shuffled, uniform


@given(size=st.integers(1, 3000), key=st.integers(-(2**63), 2**63 - 1))
def test_every_key_is_a_permutation(size: int, key: int) -> None:
    places = shuffled(np.arange(size), size, key)
    assert np.array_equal(np.sort(places), np.arange(size))
    assert np.array_equal(places, shuffled(np.arange(size), size, key))


def test_a_place_does_not_depend_on_what_is_asked_beside_it() -> None:
    whole = shuffled(np.arange(1000), 1000, 3)
    assert np.array_equal(shuffled(np.array([7, 990]), 1000, 3), whole[[7, 990]])


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 9)), min_size=1, max_size=8))
def test_many_permutations_at_once_are_those_one_by_one(ranges: list[tuple[int, int]]) -> None:
    index = np.concatenate([np.arange(size) for size, _ in ranges])
    size = np.concatenate([np.full(size, size) for size, _ in ranges])
    key = np.concatenate([np.full(size, key) for size, key in ranges])
    expected = np.concatenate([shuffled(np.arange(size), size, key) for size, key in ranges])
    assert np.array_equal(shuffled(index, size, key), expected)


def test_a_huge_range_is_shuffled_at_once() -> None:
    size = 10**15
    places = shuffled(np.arange(10_000), size, 1)
    assert len(set(places)) == 10_000
    assert places.min() >= 0
    assert places.max() < size
    # Mean of a uniform number, four standard deviations of 10,000 draws.
    assert abs(places.mean() / size - 0.5) < 4 * 0.289 / 100


def test_all_orders_of_a_few_things_are_equally_likely() -> None:
    for size in (2, 3, 4, 5):
        orders, trials = math.factorial(size), 60 * math.factorial(size)
        keys = np.arange(trials).repeat(size)
        places = shuffled(np.tile(np.arange(size), trials), size, 11, keys).reshape(trials, size)
        counts = Counter(map(tuple, places.tolist()))
        assert len(counts) == orders
        chi_squared = sum((count - 60) ** 2 / 60 for count in counts.values())
        # Mean orders - 1, variance twice that; five standard deviations.
        assert chi_squared < orders - 1 + 5 * math.sqrt(2 * (orders - 1))


def test_numbers_are_uniform_and_do_not_follow_each_other() -> None:
    numbers = uniform(5, np.arange(20_000)[:, None], np.arange(3))
    assert numbers.shape == (20_000, 3)
    assert numbers.min() >= 0
    assert numbers.max() < 1
    counts = np.array([np.histogram(column, 10, (0, 1))[0] for column in numbers.T])
    assert np.abs(counts - 2000).max() < 5 * math.sqrt(2000 * 0.9)
    with_next = np.concatenate([numbers[:-1], numbers[1:]], axis=1)
    correlations = np.corrcoef(with_next.T) - np.eye(6)
    assert np.abs(correlations).max() < 5 / math.sqrt(20_000)


def test_words_matter_and_so_does_their_order() -> None:
    seen = {int(mixed(*words)) for words in ((1, 2), (2, 1), (1,), (0, 1, 2), (1, 2, 0), (-1, 2))}
    assert len(seen) == 6


def test_the_numbers_of_today_are_those_of_tomorrow() -> None:
    """A run resumed with a later version must see the same data."""
    assert int(mixed(0)) == 0xE220A8397B1DCDAF  # the first number of SplitMix64 with seed 0
    assert shuffled(np.arange(8), 8, 0).tolist() == [0, 4, 6, 7, 2, 1, 5, 3]
