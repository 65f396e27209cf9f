"""Tests of stylejax/retrieval/duplicates/agreement.py."""

import numpy as np
import pytest

from stylejax.retrieval.duplicates.agreement import MEASURES, agreement
from stylejax.retrieval.duplicates.labelled import Truth


def slow(group: np.ndarray, product: np.ndarray, asked: np.ndarray) -> dict[str, float]:
    everyone = [n for n in range(len(group)) if product[n] >= 0]
    right = together = wanted = 0
    shares = []
    for me in asked:
        if product[me] < 0:
            continue
        mine = {n for n in everyone if group[n] == group[me]}
        true = {n for n in everyone if product[n] == product[me]}
        both = mine & true
        right, together, wanted = (
            right + len(both) - 1,
            together + len(mine) - 1,
            wanted + len(true) - 1,
        )
        shares.append((len(both) / len(mine), len(both) / len(true)))
    pairs = right / together, right / wanted
    return dict(zip(MEASURES, (*pairs, *np.mean(shares, axis=0)), strict=True))


def truth_of(product: np.ndarray) -> Truth:
    return Truth(product, np.zeros(len(product), np.int64))


@pytest.mark.parametrize("seed", range(5))
def test_it_is_what_counting_gives(seed: int) -> None:
    rng = np.random.default_rng(seed)
    product = rng.integers(-1, 12, 60)
    group = np.where(rng.random(60) < 0.6, product + 1, rng.integers(0, 20, 60))
    asked = np.flatnonzero(rng.random(60) < 0.5)
    found = agreement(group, truth_of(product), asked)
    assert {name: found[name] for name in MEASURES} == pytest.approx(slow(group, product, asked))
    assert found["listings"] == (product[asked] >= 0).sum()
    for name in MEASURES:
        low, high = found[f"{name}_interval"]
        assert low <= found[name] <= high


def test_groups_that_are_the_products_are_right() -> None:
    product = np.repeat(np.arange(5), 3)
    found = agreement(product[::-1].copy(), truth_of(product), np.arange(15))
    assert [found[name] for name in MEASURES] == [1, 1, 1, 1]
    # Five products say little, however right they are (Wilson).
    assert found["precision_interval"] == pytest.approx([0.5655, 1], abs=1e-4)


def test_of_nothing_nothing_is_told() -> None:
    alone = agreement(np.arange(4), truth_of(np.zeros(4, np.int64)), np.arange(4))
    assert alone["precision"] is None
    assert alone["precision_interval"] is None
    assert alone["recall"] == 0
    assert alone["recall_interval"] is None  # of one product
    unknown = truth_of(np.full(4, -1))
    assert agreement(np.arange(4), unknown, np.arange(4)) == {"listings": 0}


def test_pairs_of_two_cells_are_no_duplicates() -> None:
    truth = Truth(np.zeros(4, np.int64), np.array([0, 0, 1, 1]))
    found = agreement(np.array([0, 0, 1, 1]), truth, np.arange(4))
    assert (found["precision"], found["recall"]) == (1, 1)
