"""Tests of input_pipeline/sampling.py: which partner is drawn."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from input_pipeline.catalogue import Catalogue
from input_pipeline.graph import PairGraph, pair_graph
from input_pipeline.sampling import PairSampler
from stylejax.config import SamplingConfig


def graph_of(pairs: list[tuple[int, int, float]], count: int) -> PairGraph:
    """Pairs of listings 0 .. count - 1 without titles and pictures."""
    ids, none = [str(n) for n in range(count)], [""] * count
    catalogue = Catalogue(ids, none, none, none, ["train"] * count, Path())
    left, right, weight = zip(*pairs, strict=True)
    table = pa.table(
        {"left_id": [ids[n] for n in left], "right_id": [ids[n] for n in right], "weight": weight}
    )
    return pair_graph(catalogue, table, "train")


def drawn(graph: PairGraph, examples: int, seed: int = 0, **options) -> np.ndarray:
    """`[examples, 2]` listings of both sides."""
    sample = PairSampler(graph, SamplingConfig(**options), 10, seed)
    return sample(np.arange(examples))[0]


WEIGHTS = np.array([1.0, 3.0, 0.5, 5.5])


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0, 2.0])
def test_partners_come_in_proportion_to_a_power_of_their_weights(exponent: float) -> None:
    # A hundred hubs with four partners each.
    pairs = [(5 * hub, 5 * hub + n + 1, w) for hub in range(100) for n, w in enumerate(WEIGHTS)]
    rows = drawn(graph_of(pairs, 500), 5000, weight_exponent=exponent)
    of_hubs = rows[rows[:, 0] % 5 == 0]
    assert len(of_hubs) == 1000  # ten epochs
    assert np.array_equal(rows[:, 0] // 5, rows[:, 1] // 5)
    shares = np.bincount(of_hubs[:, 1] % 5, minlength=5)[1:] / 1000
    expected = WEIGHTS**exponent / (WEIGHTS**exponent).sum()
    # Four standard deviations of a share of 1,000 draws are below 0.064.
    np.testing.assert_allclose(shares, expected, atol=0.064)
    assert set(rows[rows[:, 0] % 5 != 0, 1] % 5) == {0}


def test_weights_of_very_different_size_never_draw_a_stranger() -> None:
    """The running sum loses the small ones to rounding; the draw must stay with its listing."""
    rows = drawn(graph_of([(0, 1, 1e17), (2, 3, 1e-3), (4, 5, 1e-3)], 6), 60)
    assert np.array_equal(rows[:, 0] ^ 1, rows[:, 1])


def test_half_of_the_pairs_are_swapped_if_asked_for_and_stay_the_same_pairs() -> None:
    pairs = graph_of([(n, n + 100, 1.0) for n in range(100)], 200)
    plain, swapped = drawn(pairs, 2000), drawn(pairs, 2000, swap=True)
    assert np.array_equal(np.sort(plain), np.sort(swapped))
    turned = plain[:, 0] != swapped[:, 0]
    assert 0.45 < turned.mean() < 0.55
    # The next time a pair comes it may stand the other way round.
    again = drawn(pairs, 4000, swap=True)[2000:]
    plain_again = drawn(pairs, 4000)[2000:]
    assert 0.4 < (turned == (plain_again[:, 0] != again[:, 0])).mean() < 0.6


@pytest.mark.parametrize("options", [{}, {"distinct_groups": True}, {"swap": True}], ids=str)
def test_an_epoch_of_pairs_has_each_once_and_from_both_ends_in_turn(options: dict) -> None:
    star = [(0, n, float(n)) for n in range(1, 30)]  # one listing of many pairs, and weights
    chain = [(n, n + 1, 0.001) for n in range(30, 39)]
    rows = drawn(graph_of([*star, *chain], 40), 4 * 38, epoch="pairs", **options)
    epochs = rows.reshape(4, 38, 2)
    expected = sorted((left, right) for left, right, _ in [*star, *chain])
    for epoch in epochs:
        assert sorted(map(tuple, np.sort(epoch).tolist())) == expected
    assert not np.array_equal(epochs[0], epochs[1])
    if not options.get("swap"):
        first, second = (set(map(tuple, epoch.tolist())) for epoch in epochs[:2])
        assert first.isdisjoint(second)
        assert 5 < sum(left < right for left, right in first) < 33


@pytest.mark.parametrize("options", [{}, {"epoch": "pairs"}, {"swap": True}], ids=str)
def test_every_pair_comes_with_its_weight(options: dict) -> None:
    pairs = {(0, n): float(n) for n in range(1, 20)} | {(20, 21): 0.5}
    graph = graph_of([(*pair, weight) for pair, weight in pairs.items()], 22)
    rows, weights, _ = PairSampler(graph, SamplingConfig(**options), 10, 0)(np.arange(200))
    found = map(tuple, np.sort(rows).tolist())
    assert weights.tolist() == [pairs[pair] for pair in found]


def test_the_epoch_is_told() -> None:
    sample = PairSampler(graph_of([(0, 1, 1.0), (1, 2, 1.0)], 3), SamplingConfig(), 2, 0)
    assert sample(np.arange(9))[2].tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_a_drawn_partner_does_not_depend_on_what_is_asked_beside_it() -> None:
    star = graph_of([(0, n + 1, weight) for n, weight in enumerate(WEIGHTS)], 5)
    sample = PairSampler(star, SamplingConfig(swap=True), 10, 3)
    whole = sample(np.arange(100))[0]
    assert np.array_equal(sample(np.array([99, 7]))[0], whole[[99, 7]])
