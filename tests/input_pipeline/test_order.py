"""Tests of input_pipeline/order.py: who comes where in an epoch."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from input_pipeline.order import EpochOrder, quotas
from stylejax.config import SamplingConfig

# Group sizes; groups belong to categories in turn.
SIZES = st.lists(st.integers(1, 6), min_size=1, max_size=40)


def listings(sizes: list[int], categories: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Category and group of each listing, in no particular order."""
    group = np.repeat(np.arange(len(sizes)), sizes)
    group = group[np.random.default_rng(0).permutation(len(group))]
    return (group * 7919 % categories).astype(np.int64), group.astype(np.int64)


def order(sizes: list[int], rows: int = 8, seed: int = 0, **options) -> EpochOrder:
    return EpochOrder(*listings(sizes), SamplingConfig(**options), rows, seed)


def epochs(of: EpochOrder, count: int) -> np.ndarray:
    """`[count, length]` listings."""
    numbers = np.arange(count * of.length)
    listing, epoch = of(numbers)
    assert np.array_equal(epoch, numbers // of.length)
    return listing.reshape(count, of.length)


# ---- What holds whatever the settings


@given(
    sizes=SIZES,
    block=st.sampled_from([1, 2, 4]),
    exponent=st.sampled_from([0.0, 0.5, 1.0]),
    distinct=st.booleans(),
    numbers=st.lists(st.integers(0, 10**12), min_size=1, max_size=20),
)
def test_an_example_depends_on_its_number_alone(
    sizes: list[int], block: int, exponent: float, distinct: bool, numbers: list[int]
) -> None:
    of = order(sizes, block=block, category_exponent=exponent, distinct_groups=distinct)
    together = of(np.array(numbers))[0]
    alone = [int(of(np.array([number]))[0][0]) for number in numbers]
    assert together.tolist() == alone
    assert all(0 <= listing < sum(sizes) for listing in alone)


@given(sizes=SIZES, distinct=st.booleans(), rows=st.integers(1, 40), seed=st.integers(0, 99))
def test_every_listing_comes_once_an_epoch(
    sizes: list[int], distinct: bool, rows: int, seed: int
) -> None:
    of = order(sizes, rows, seed, distinct_groups=distinct)
    for epoch in epochs(of, 3):
        assert np.array_equal(np.sort(epoch), np.arange(sum(sizes)))


@given(sizes=SIZES, distinct=st.booleans(), block=st.sampled_from([2, 4, 8]))
def test_with_blocks_none_is_lost_and_few_come_twice(
    sizes: list[int], distinct: bool, block: int
) -> None:
    of = order(sizes, 16, block=block, distinct_groups=distinct)
    assert sum(sizes) <= of.length < sum(sizes) + block
    # What an epoch does not reach, or brings too early, is made up for: never more than one apart.
    counts = np.bincount(epochs(of, 6).ravel(), minlength=sum(sizes))
    assert counts.sum() == 6 * of.length
    category, _ = listings(sizes)
    for c in np.unique(category):
        assert np.ptp(counts[category == c]) <= 1


@given(
    sizes=SIZES,
    exponent=st.sampled_from([0.0, 0.3, 2.0]),
    block=st.sampled_from([1, 4]),
    distinct=st.booleans(),
)
def test_a_category_has_its_quota_and_its_listings_take_turns(
    sizes: list[int], exponent: float, block: int, distinct: bool
) -> None:
    of = order(sizes, 16, category_exponent=exponent, block=block, distinct_groups=distinct)
    category, _ = listings(sizes)
    names, counts = np.unique(category, return_counts=True)
    expected = quotas(counts, exponent, of.length)
    whole = epochs(of, 4)
    for epoch in whole:
        assert np.bincount(category[epoch], minlength=names.max() + 1)[names].tolist() == (
            expected.tolist()
        )
    seen = np.bincount(whole.ravel(), minlength=len(category))
    assert all(np.ptp(seen[category == c]) <= 1 for c in names)


@pytest.mark.parametrize(
    "options",
    [{}, {"distinct_groups": True}, {"block": 4}, {"category_exponent": 0.0}],
    ids=str,
)
def test_epochs_and_seeds_differ(options: dict) -> None:
    sizes = [3] * 40
    first, second = epochs(order(sizes, **options), 2)
    (other,) = epochs(order(sizes, seed=1, **options), 1)
    for a, b in ((first, second), (first, other)):
        assert (a == b).mean() < 0.1


# ---- Groups


def same_in_batches(of: EpochOrder, group: np.ndarray, rows: int, count: int) -> np.ndarray:
    """`[steps]`: how often the commonest group comes, of batches within one epoch."""
    numbers = np.arange(count * of.length // rows * rows).reshape(-1, rows)
    inside = numbers[:, 0] // of.length == numbers[:, -1] // of.length
    listing = of(numbers[inside].ravel())[0].reshape(-1, rows)
    return np.array([max(Counter(batch.tolist()).values()) for batch in group[listing]])


@given(sizes=SIZES, rows=st.integers(1, 12), seed=st.integers(0, 9))
def test_a_group_comes_once_a_batch_if_there_are_batches_enough(
    sizes: list[int], rows: int, seed: int
) -> None:
    of = order(sizes, rows, seed, distinct_groups=True)
    _, group = listings(sizes)
    within = (sum(sizes) - (rows - 1)) // rows  # whole batches that any epoch has at least
    if within < 1:
        return
    most = -(-max(sizes) // within)  # a larger group must come twice somewhere
    assert same_in_batches(of, group, rows, 4).max(initial=0) <= most


def test_without_that_option_groups_meet_by_chance() -> None:
    sizes, rows = [4] * 60, 24
    _, group = listings(sizes)
    met = same_in_batches(order(sizes, rows), group, rows, 4)
    apart = same_in_batches(order(sizes, rows, distinct_groups=True), group, rows, 4)
    assert met.mean() > 1.9
    assert apart.max() == 1


def test_groups_meet_others_in_another_epoch() -> None:
    """Dealing must not put the same products side by side for ever."""
    sizes, rows = [3] * 40, 12
    of = order(sizes, rows, distinct_groups=True)
    _, group = listings(sizes)
    batches = [
        [frozenset(group[batch]) for batch in epoch.reshape(-1, rows)] for epoch in epochs(of, 6)
    ]
    assert len({batch for epoch in batches for batch in epoch}) > 6 * len(batches[0]) / 2


# ---- Blocks


def test_a_block_is_of_one_category_and_of_different_groups() -> None:
    sizes, block = [3] * 60, 6
    of = order(sizes, 24, block=block)
    category, group = listings(sizes)
    blocks = epochs(of, 3).reshape(-1, block)
    pure = np.array([len(set(category[b])) == 1 for b in blocks])
    assert pure.mean() > 0.9  # the rest of each of the three categories shares blocks
    assert all(len(set(group[b])) == block for b in blocks[pure])


def test_categories_smaller_than_a_block_share_blocks() -> None:
    of = EpochOrder(np.arange(12), np.arange(12), SamplingConfig(block=4), 8, 0)
    assert np.array_equal(np.sort(epochs(of, 1)[0]), np.arange(12))


# ---- Quotas


@given(
    sizes=st.lists(st.integers(1, 10_000), min_size=1, max_size=50),
    exponent=st.floats(0, 3),
    more=st.integers(0, 1000),
)
def test_quotas_add_up_and_rise_with_size(sizes: list[int], exponent: float, more: int) -> None:
    size, length = np.array(sizes), sum(sizes) + more
    quota = quotas(size, exponent, length)
    assert quota.sum() == length
    assert quota.min() >= 1
    by_size = quota[np.argsort(size, kind="stable")]
    assert np.all(np.diff(by_size) >= -1)  # equal sizes may differ by the one that is left over
    if exponent == 1 and more == 0:
        assert quota.tolist() == sizes


@pytest.mark.parametrize(("exponent", "expected"), [(0.0, [25] * 4), (0.5, [10, 20, 30, 40])])
def test_quotas_follow_the_power_of_the_size(exponent: float, expected: list[int]) -> None:
    assert quotas(np.array([1, 4, 9, 16]), exponent, 100).tolist() == expected
