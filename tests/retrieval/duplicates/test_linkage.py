"""Tests of stylejax/retrieval/duplicates/linkage.py."""

import numpy as np
import pytest
from duplicate_listings import all_pairs, as_sets, products, score_matrix, slow_groups, space_of
from hypothesis import given
from hypothesis import strategies as st

from stylejax.retrieval.duplicates import linkage
from stylejax.retrieval.duplicates.linkage import average_linkage, unique_pairs
from stylejax.retrieval.duplicates.neighbours import neighbours


def linked(vectors: np.ndarray, floor: float, local: int = 0):
    space = space_of(vectors)
    near = all_pairs(space, local)
    return average_linkage(space.rows, near.crowding, *near.pairs(floor), floor), near


@given(st.integers(0, 10_000), st.sampled_from((0, 3)), st.floats(0.1, 1.0))
def test_it_is_average_linkage(seed: int, local: int, spread: float) -> None:
    vectors, _ = products(4, 4, spread=spread, seed=seed)
    dendrogram, near = linked(vectors, -2.0, local)
    scores = score_matrix(vectors, near.crowding)
    for threshold in np.quantile(scores, (0.3, 0.8, 0.95)) + 3e-5:  # no score is as near to it
        assert as_sets(dendrogram.groups(threshold)) == slow_groups(scores, threshold)


@given(st.integers(0, 10_000), st.floats(0.5, 0.99))
def test_candidates_below_the_threshold_change_nothing(seed: int, threshold: float) -> None:
    vectors, _ = products(5, 4, spread=0.6, seed=seed)
    low, high = linked(vectors, -2.0)[0], linked(vectors, threshold)[0]
    np.testing.assert_array_equal(low.groups(threshold), high.groups(threshold))


@given(st.integers(0, 10_000), st.sampled_from((0, 5)), st.integers(1, 6))
def test_the_mean_score_of_a_group_is_the_threshold_or_more(
    seed: int, local: int, candidates: int
) -> None:
    """However few candidates there are."""
    vectors, _ = products(6, 5, spread=0.7, seed=seed)
    space = space_of(vectors)
    near = neighbours(space, candidates, local=local)
    scores = score_matrix(vectors, near.crowding)
    dendrogram = average_linkage(space.rows, near.crowding, *near.pairs(-2.0), -2.0)
    for threshold in (-0.1, 0.0, 0.1, 0.5, 0.8):
        for group in as_sets(dendrogram.groups(threshold)):
            if len(group) > 1:
                members = sorted(group)
                block = scores[np.ix_(members, members)]
                mean = block[~np.eye(len(members), dtype=bool)].mean()
                assert mean >= threshold - 2e-6


def test_a_chain_is_not_one_group() -> None:
    """Each is near the next, and the first is far from the last."""
    angle = np.linspace(0, np.pi / 2, 40)
    vectors = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
    group = linked(vectors, 0.95)[0].groups(0.95)
    assert 3 <= len(np.unique(group)) <= 10


def test_equal_listings_merge_in_few_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds = []
    means = linkage._means
    monkeypatch.setattr(linkage, "_means", lambda *given: rounds.append(1) or means(*given))
    vectors = np.repeat(np.eye(2, dtype=np.float32)[:1], 100, axis=0)
    assert len(np.unique(linked(vectors, 0.9)[0].groups(0.9))) == 1
    assert len(rounds) < 30


def test_batches_of_components_give_what_one_batch_does(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, _ = products(12, 4, spread=0.2)
    whole = linked(vectors, 0.7)[0]
    monkeypatch.setattr(linkage, "BATCH", 7)
    parts = linked(vectors, 0.7)[0]
    np.testing.assert_array_equal(whole.order, parts.order)
    np.testing.assert_array_equal(whole.gap, parts.gap)


def test_vectors_are_asked_for_a_batch_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, product = products(10, 4, spread=0.05)
    monkeypatch.setattr(linkage, "BATCH", 8)
    space, asked = space_of(vectors), []
    near = all_pairs(space)

    def rows(numbers: np.ndarray) -> np.ndarray:
        asked.append(len(numbers))
        return space.rows(numbers)

    dendrogram = average_linkage(rows, near.crowding, *near.pairs(0.95), 0.95)
    np.testing.assert_array_equal(dendrogram.groups(0.95), product)
    assert max(asked) <= 8 + 4
    assert sum(asked) == 40


def test_nothing_near_is_no_group() -> None:
    vectors = np.eye(4, dtype=np.float32)
    np.testing.assert_array_equal(linked(vectors, 0.5)[0].groups(0.5), np.arange(4))


def test_a_pair_is_there_once() -> None:
    low, high = unique_pairs(np.array([3, 1, 1, 2]), np.array([1, 3, 1, 0]), 4)
    assert list(zip(low.tolist(), high.tolist(), strict=True)) == [(0, 2), (1, 3)]
