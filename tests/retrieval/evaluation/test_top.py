"""Tests of stylejax/retrieval/evaluation/top.py."""

import numpy as np
import pytest
from clustered import unit

from stylejax.retrieval import vectors as module
from stylejax.retrieval.evaluation.ranks import rank_right
from stylejax.retrieval.evaluation.top import top_answers
from stylejax.retrieval.evaluation.truth import of_groups
from stylejax.retrieval.vectors import VectorSet


def vectors(rows: int, distinct: int) -> VectorSet:
    x = unit(distinct, 5)[np.arange(rows) % distinct]
    present = np.arange(rows) % 7 != 3
    return VectorSet([str(n) for n in range(rows)], {"m": x}, {"m": present})


@pytest.mark.parametrize("distinct", [60, 6, 1])  # equal cosines, and nothing else
@pytest.mark.parametrize("block", [1000, 11])
def test_it_is_the_order_that_ranks_are_counted_in(
    distinct: int, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ROWS", block)
    given = vectors(60, distinct)
    groups = [str(n) for n in np.random.default_rng(0).integers(0, 9, 60)]
    truth = of_groups(groups, np.arange(60), np.arange(60))
    ranks = rank_right(given, given, "m-m", truth)
    top = top_answers(given, given, "m-m", truth, ranks.query, 8)
    for n, (first, last) in enumerate(zip(ranks.starts[:-1], ranks.starts[1:], strict=True)):
        place = {int(number): rank for rank, number in enumerate(top.found[n], 1)}
        assert ranks.query[n] not in place
        assert all(given.present["m"][number] for number in place)
        for number, rank in zip(ranks.found[first:last], ranks.rank[first:last], strict=True):
            assert place.get(int(number), 99) == (rank if rank <= 8 else 99)


def test_there_may_be_fewer() -> None:
    given = vectors(3, 3)
    truth = of_groups(["a", "a", "b"], np.arange(3), np.arange(3))
    top = top_answers(given, given, "m-m", truth, np.array([1]), 4)
    assert sorted(top.found[0, :2].tolist()) == [0, 2]
    assert top.found[0, 2:].tolist() == [-1, -1]


def test_cosines_that_differ_by_rounding_are_in_the_order_of_their_ranks() -> None:
    """However they round to six digits."""
    x = np.zeros((3, 2), np.float32)
    x[:, 0] = [1, 1 - 4e-7, 1 - 12e-7]  # the query, and two that are 8e-7 apart
    given = VectorSet(list("abc"), {"m": x}, {"m": np.ones(3, bool)})
    for seed in range(20):
        for right in ("b", "c"):
            groups = ["q", *("q" if item == right else "other" for item in "bc")]
            truth = of_groups(groups, np.array([0]), np.arange(3))
            rank = int(rank_right(given, given, "m-m", truth, seed=seed).rank[0])
            top = top_answers(given, given, "m-m", truth, np.array([0]), 2, seed=seed)
            assert given.item_id[top.found[0, rank - 1]] == right
