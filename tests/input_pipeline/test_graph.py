"""Tests of input_pipeline/graph.py: mined pairs by listing."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import tiny

from input_pipeline.catalogue import Catalogue, load_catalogue
from input_pipeline.graph import PairGraph, pair_graph
from input_pipeline.mining import mine
from stylejax.config import ConfigError


class Input:
    """The tiny data set, read and mined."""

    def __init__(self, root: Path):
        config = tiny.config(root, "unused")
        self.catalogue: Catalogue = load_catalogue(config.data, root / "catalogue.csv", root)
        self.mined: pa.Table = mine(
            config.data, config.mining, self.catalogue, root / "clicks.csv"
        ).table
        self.graph: PairGraph = pair_graph(self.catalogue, self.mined, "train")


@pytest.fixture(scope="module")
def given(data_root: Path) -> Input:
    return Input(data_root)


def test_the_graph_holds_every_pair_from_both_ends(given: Input) -> None:
    graph, ids = given.graph, given.catalogue.item_id
    weight = {
        frozenset((p["left_id"], p["right_id"])): p["weight"] for p in given.mined.to_pylist()
    }
    seen = []
    for k, row in enumerate(graph.left):
        for n in range(graph.start[k], graph.start[k + 1]):
            pair = frozenset((ids[row], ids[graph.partner[n]]))
            assert graph.weight[n] == weight[pair]
            seen.append(pair)
    assert len(seen) == 2 * len(weight)
    assert set(seen) == set(weight)
    assert len(graph.partner) == len(seen) == graph.start[-1]
    # Three train listings a product, all paired: one group a product, the rest on their own.
    groups = graph.group.reshape(8, 4)
    assert all(len(set(product[:3])) == 1 for product in groups)
    assert len(set(graph.group)) == 16


def test_the_order_of_the_pairs_does_not_matter(given: Input) -> None:
    turned = given.mined.take(np.arange(given.mined.num_rows)[::-1].copy())
    graph = pair_graph(given.catalogue, turned, "train")
    for name in ("left", "start", "partner", "weight", "group", "category"):
        assert np.array_equal(getattr(graph, name), getattr(given.graph, name)), name


@pytest.mark.parametrize("stranger", ["nobody", "L03"])  # not there; of the val split
def test_a_pair_outside_the_train_split_is_refused(given: Input, stranger: str) -> None:
    table = pa.table({"left_id": ["L00"], "right_id": [stranger], "weight": [1.0]})
    with pytest.raises(ConfigError, match=f"1 pairs .* split 'train', the first '{stranger}'"):
        pair_graph(given.catalogue, table, "train")


def test_listings_without_a_partner_may_join_as_their_own(given: Input) -> None:
    few = given.mined.slice(0, 5)
    paired = set(few["left_id"].to_pylist()) | set(few["right_id"].to_pylist())
    without = pair_graph(given.catalogue, few, "train")
    graph = pair_graph(given.catalogue, few, "train", unpaired=True)
    assert {given.catalogue.item_id[row] for row in without.left} == paired
    assert np.array_equal(graph.left, given.catalogue.rows("train"))
    for k, row in enumerate(graph.left):
        partners = graph.partner[graph.start[k] : graph.start[k + 1]]
        if given.catalogue.item_id[row] in paired:
            assert row not in partners
            assert len(partners) >= 1
        else:
            assert partners.tolist() == [row]
    assert np.all(graph.weight > 0)
    assert np.array_equal(graph.group, without.group)


def test_categories_are_those_of_the_path_down_to_a_level(given: Input) -> None:
    for level, expected in ((0, 4), (1, 2), (2, 4)):
        graph = pair_graph(given.catalogue, given.mined, "train", category_level=level)
        paths = [given.catalogue.category(row, level) for row in range(len(given.catalogue))]
        assert len(set(graph.category)) == len(set(paths)) == expected
        assert len(set(zip(graph.category, paths, strict=True))) == expected


@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan"), float("inf")])
def test_a_weight_that_is_no_positive_number_is_refused(given: Input, weight: float) -> None:
    table = pa.table({"left_id": ["L00"], "right_id": ["L01"], "weight": [weight]})
    with pytest.raises(ConfigError, match=f"weight {weight}; weights are positive"):
        pair_graph(given.catalogue, table, "train")


def test_no_pair_at_all_is_refused(given: Input) -> None:
    with pytest.raises(ConfigError, match="no pair to train on"):
        pair_graph(given.catalogue, given.mined.slice(0, 0), "train")


def test_the_real_data_makes_batches(grocery: Path) -> None:
    from stylejax.config import load_config

    config = load_config(Path(__file__).parents[2] / "configs" / "grocery.py")
    catalogue = load_catalogue(config.data, grocery / config.data.catalogue, grocery)
    clicks = grocery / config.data.clicks
    table = mine(config.data, config.mining, catalogue, clicks).table
    graph = pair_graph(catalogue, table, "train")
    truth = load_catalogue(
        config.data, grocery / config.data.catalogue, grocery, with_truth=True
    ).group
    assert truth is not None
    true = np.array(truth)
    row_of = {item: row for row, item in enumerate(catalogue.item_id)}
    left, right = (
        np.array([row_of[item] for item in table[name].to_pylist()])
        for name in ("left_id", "right_id")
    )
    assert len(left) > 10_000
    assert (true[left] == true[right]).mean() > 0.95
    # Of the listings that groups keep apart as negatives, few are kept apart wrongly.
    rows = catalogue.rows("train")
    together = np.triu(graph.group[rows][:, None] == graph.group[rows], 1)
    same = true[rows][:, None] == true[rows]
    assert same[together].mean() > 0.98
    assert together[np.triu(same, 1)].mean() > 0.65
