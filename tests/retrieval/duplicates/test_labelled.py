"""Tests of stylejax/retrieval/duplicates/labelled.py."""

import numpy as np
import pytest
from duplicate_listings import all_pairs, products, space_of

from stylejax.retrieval.duplicates import labelled as module
from stylejax.retrieval.duplicates.labelled import ByTable, ByTruth, Truth, covered_from, floor_of
from stylejax.retrieval.duplicates.linkage import average_linkage


def linked(vectors: np.ndarray, floor: float = 0.3):
    space = space_of(vectors)
    near = all_pairs(space, 5)
    return space, near, average_linkage(space.rows, near.crowding, *near.pairs(floor), floor)


def truth_of(product: np.ndarray) -> Truth:
    return Truth(product.astype(np.int64), np.zeros(len(product), np.int64))


def test_every_listing_asked_is_asked_for_its_pairs() -> None:
    vectors, product = products(8, 4, spread=0.6)
    product = np.where(np.arange(32) % 11 == 3, -1, product)  # some are not known
    _, near, dendrogram = linked(vectors, -0.3)
    asked = np.flatnonzero(np.arange(32) < 14)
    found = ByTruth(near, truth_of(product), asked).labelled(dendrogram)
    threshold = float(np.quantile(found.joined, 0.5))
    group = dendrogram.groups(threshold)
    right = together = wanted = 0.0
    for me in asked:
        for other in range(32):
            if other == me or product[me] < 0 or product[other] < 0:
                continue
            together += group[me] == group[other]
            right += group[me] == group[other] and product[me] == product[other]
            wanted += product[me] == product[other]
    joined = found.joined >= threshold
    # From both ends, so half of what the listings count.
    assert found.weight[joined].sum() == pytest.approx(together / 2)
    assert (found.weight * found.same)[joined].sum() == pytest.approx(right / 2)
    assert found.wanted == pytest.approx(wanted / 2)
    assert (found.units >= 0).all()


def test_neighbours_are_scored_before_any_group_is_made() -> None:
    vectors, product = products(5, 4)
    product[3] = -1
    _, near, _ = linked(vectors)
    score, same = ByTruth(near, truth_of(product), np.arange(8)).scores()
    assert len(score) == 7 * 18
    assert same.sum() == 3 * 2 + 4 * 3
    assert score[same].mean() > score[~same].mean()


def test_only_pairs_of_one_cell_are_duplicates() -> None:
    vectors, product = products(5, 4)
    truth = Truth(product, np.arange(20) % 2)
    assert len(np.unique(truth.classes())) == 10
    _, near, dendrogram = linked(vectors)
    assert ByTruth(near, truth, np.arange(20)).labelled(dendrogram).wanted == 10


def test_a_table_has_scores_and_where_its_pairs_are_joined() -> None:
    vectors, product = products(5, 4)
    space, near, dendrogram = linked(vectors)
    left, right = np.array([0, 0, 4]), np.array([1, 19, 7])
    table = ByTable(space, near, left, right, product[left] == product[right])
    score, same = table.scores()
    places = [near.found[0].tolist().index(n) for n in (1, 19)]
    np.testing.assert_allclose(score[:2], near.scores(np.array([0]))[0, places], atol=1e-6)
    assert same.tolist() == [True, False, True]
    found = table.labelled(dendrogram)
    np.testing.assert_array_equal(found.joined, dendrogram.joined_at(left, right))
    assert found.wanted == 2


def test_of_too_many_pairs_whole_products_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, product = products(10, 4, spread=0.05)
    _, near, dendrogram = linked(vectors, 0.0)
    judge = ByTruth(near, truth_of(product), np.arange(40))
    whole = judge.labelled(dendrogram)
    monkeypatch.setattr(module, "MOST", 40)
    some = judge.labelled(dendrogram)
    assert len(whole) == 60
    assert len(some) == 18  # of three products: 36 ends
    assert len(np.unique(some.units)) == 3
    monkeypatch.setattr(module, "MOST", 1)
    assert len(judge.labelled(dendrogram)) == 6


def test_linking_stops_where_half_of_the_precision_is_left() -> None:
    score = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3])
    same = np.array([True, True, False, True, False, False, False])
    # Of the first six 0.5 are right, of all 0.43.
    assert floor_of(score, same, 0.95) == 0.4
    assert floor_of(score, same, 0.8) == 0.3
    assert floor_of(score, np.zeros(7, bool), 0.8) == 0.9


def every_pair(vectors: np.ndarray):
    _, _, dendrogram = linked(vectors, -1.0)
    left, right = np.triu_indices(len(vectors), 1)
    return dendrogram, dendrogram.joined_at(left, right)


@pytest.mark.parametrize("seed", range(5))
def test_a_lot_of_all_pairs_judges_every_threshold(seed: int) -> None:
    dendrogram, joined = every_pair(products(30, 4, spread=0.4, seed=seed)[0])
    lot = np.random.default_rng(seed).choice(joined, 300, replace=False)
    assert covered_from(lot, dendrogram) == lot[np.isfinite(lot)].min()


@pytest.mark.parametrize("seed", range(5))
def test_picked_pairs_do_not_judge_what_throws_all_together(seed: int) -> None:
    """All pairs of one product, and a few others, as people who look for duplicates label."""
    vectors, product = products(30, 4, spread=0.4, seed=seed)
    dendrogram, joined = every_pair(vectors)
    left, right = np.triu_indices(len(vectors), 1)
    same = product[left] == product[right]
    other = np.random.default_rng(seed).choice(np.flatnonzero(~same), 10, replace=False)
    picked = np.concatenate([joined[same], joined[other]])
    floor = covered_from(picked, dendrogram)
    assert floor > picked.min()
    # Down to there most of what the groups make is right, as the labels say; at the end it is not.
    assert same[joined >= floor].mean() > 0.6
    assert same[joined >= picked.min()].mean() < 0.1


def test_without_a_pair_that_is_joined_nothing_is_judged() -> None:
    dendrogram, _ = every_pair(products(3, 2)[0])
    assert covered_from(np.array([-np.inf]), dendrogram) == -np.inf
