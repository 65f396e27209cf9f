"""Tests of stylejax/retrieval/duplicates/find.py: the whole way, without files."""

import numpy as np
import pytest
from duplicate_listings import as_sets, products, space_of
from hypothesis import given
from hypothesis import strategies as st

from stylejax.config import ConfigError
from stylejax.retrieval.duplicates.find import Duplicates, Wanted, find_duplicates
from stylejax.retrieval.duplicates.labelled import ByTable, ByTruth, Truth
from stylejax.retrieval.duplicates.neighbours import neighbours


def found(
    vectors: np.ndarray,
    product: np.ndarray,
    *,
    ids: list[str] | None = None,
    wanted: Wanted | None = None,
    threshold: float | None = None,
) -> Duplicates:
    space = space_of(vectors, ids)
    near = neighbours(space, 12, local=8)
    truth = Truth(product[space.position], np.zeros(len(space), np.int64))
    judge = ByTruth(near, truth, np.arange(len(space)))
    return find_duplicates(space, near, judge, wanted or Wanted(0.8, 0.0), threshold)


def test_products_are_found_at_a_threshold_of_its_own() -> None:
    vectors, product = products(60, 4, spread=0.2, dim=12)
    told = found(vectors, product, wanted=Wanted(0.9))
    assert told.estimate is not None
    assert told.estimate.low >= 0.9
    assert told.estimate.recall > 0.9
    group = told.dendrogram.groups(told.threshold)
    assert len(as_sets(group) & as_sets(product)) > 50


@given(st.integers(0, 10_000))
def test_the_order_of_the_listings_does_not_matter(seed: int) -> None:
    vectors, product = products(10, 4, spread=0.4, seed=seed)
    ids = [f"L{n:02d}" for n in range(40)]
    mixed = np.random.default_rng(seed).permutation(40)

    def groups(order: np.ndarray) -> set[frozenset[str]]:
        told = found(vectors[order], product[order], ids=[ids[n] for n in order])
        names = told.space.item_id
        cells = as_sets(told.dendrogram.groups(told.threshold))
        return {frozenset(names[n] for n in cell) for cell in cells}

    assert groups(np.arange(40)) == groups(mixed)


def test_by_the_estimate_the_interval_is_shown_all_the_same() -> None:
    vectors, product = products(20, 4, spread=0.5)
    told = found(vectors, product, wanted=Wanted(0.8, 0.0))
    assert told.estimate is not None
    assert told.estimate.precision >= 0.8
    assert told.estimate.low < told.estimate.precision < told.estimate.high
    sure = found(vectors, product, wanted=Wanted(0.8, 0.5))
    assert sure.threshold >= told.threshold
    assert sure.estimate is not None
    assert sure.estimate.low >= 0.8


def test_a_threshold_that_is_given_is_judged() -> None:
    vectors, product = products(20, 4, spread=0.4)
    told = found(vectors, product, threshold=0.0)
    assert told.threshold == 0
    assert told.estimate is not None
    assert told.estimate.threshold == 0
    assert min(point.threshold for point in told.points) >= 0


def test_a_table_of_labels_chooses() -> None:
    vectors, product = products(30, 4, spread=0.3)
    space = space_of(vectors)
    near = neighbours(space, 12, local=8)
    left, right = near.pairs(-0.2)
    judge = ByTable(space, near, left, right, product[left] == product[right])
    told = find_duplicates(space, near, judge, Wanted(0.9))
    group = told.dendrogram.groups(told.threshold)
    joined = group[left] == group[right]
    assert (product[left] == product[right])[joined].mean() >= 0.9


def test_without_labels_the_threshold_is_all_there_is() -> None:
    space = space_of(products(10, 4, spread=0.05)[0])
    told = find_duplicates(space, neighbours(space, 12, local=0), None, Wanted(), 0.9)
    assert (told.points, told.estimate, told.groups.count) == ([], None, 10)


def test_labels_that_say_nothing_are_refused() -> None:
    vectors, product = products(5, 4)
    with pytest.raises(ConfigError, match="no labelled pair to choose"):
        found(vectors, np.full(len(product), -1))
    with pytest.raises(ConfigError, match="none of the 240 labelled pairs is one product"):
        found(vectors, np.arange(len(product)))


@pytest.mark.parametrize(
    ("settings", "told"),
    [((1.0, 0.9), "--precision is 1.0"), ((0.9, 1.0), "--confidence is 1.0"), ((95.0, 0.9), "95")],
)
def test_wishes_that_cannot_be_are_refused(settings: tuple[float, float], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        Wanted(*settings)
