"""Tests of input_pipeline/pairs.py: batches as a pure function of (seed, example number)."""

from dataclasses import replace
from itertools import islice
from pathlib import Path

import jax
import numpy as np
import pyarrow as pa
import pytest
import tiny

from input_pipeline.catalogue import Catalogue, load_catalogue
from input_pipeline.listings import product_batches
from input_pipeline.mining import mine
from input_pipeline.pairs import PairGraph, pair_batches, pair_graph
from input_pipeline.pictures import Pictures
from input_pipeline.tokens import train_tokenizer
from stylejax.batch import PairBatch
from stylejax.config import Config, ConfigError


class Input:
    """The tiny data set, read and mined."""

    def __init__(self, root: Path, **sections):
        self.config = tiny.config(root, "unused", **sections)
        data = self.config.data
        self.catalogue = load_catalogue(data, root / "catalogue.csv", root)
        self.mined = mine(data, self.config.mining, self.catalogue, root / "clicks.csv").table
        self.graph = pair_graph(self.catalogue, self.mined, "train")
        self.tokens = train_tokenizer(self.catalogue.title, self.config.text)(self.catalogue.title)
        size = self.config.picture.stored_size
        self.pictures = Pictures(self.catalogue.item_id, self.catalogue.image, root, size, 8)

    def batches(self, count: int, **where) -> list[PairBatch]:
        endless = pair_batches(self.graph, self.pictures, self.tokens, self.config, **where)
        return list(islice(endless, count))


@pytest.fixture(scope="module")
def given(data_root: Path) -> Input:
    return Input(data_root)


def equal(a, b) -> bool:
    return all(jax.tree.leaves(jax.tree.map(np.array_equal, a, b)))


def star(weights: list[float]) -> tuple[Catalogue, PairGraph]:
    """Listing 0 with one partner for each weight; none has a picture."""
    ids = [f"{n}" for n in range(len(weights) + 1)]
    none = [""] * len(ids)
    catalogue = Catalogue(ids, none, none, none, ["train"] * len(ids), Path())
    table = pa.table(
        {"left_id": ["0"] * len(weights), "right_id": ids[1:], "weight": pa.array(weights)}
    )
    return catalogue, pair_graph(catalogue, table, "train")


def drawn(graph: PairGraph, listings: int, config: Config, examples: int) -> np.ndarray:
    """`[examples, 2]` rows of the left and right listings."""
    pictures = Pictures([""] * listings, [""] * listings, Path(), config.picture.stored_size, 0)
    tokens = np.zeros((listings, 4), np.int32)
    batches = pair_batches(graph, pictures, tokens, config)
    count = -(-examples // config.training.batch_size)
    rows = [np.stack([b.left_item, b.right_item], axis=1) for b in islice(batches, count)]
    return np.concatenate(rows)[:examples]


# ---- The graph


def test_the_graph_holds_every_pair_from_both_ends(given: Input) -> None:
    graph, ids = given.graph, given.catalogue.item_id
    weight = {
        frozenset((p["left_id"], p["right_id"])): p["weight"] for p in given.mined.to_pylist()
    }
    steps = np.diff(graph.cumulative, prepend=0.0)
    seen = []
    for k, row in enumerate(graph.left):
        for n in range(graph.start[k], graph.start[k + 1]):
            pair = frozenset((ids[row], ids[graph.partner[n]]))
            assert steps[n] == pytest.approx(weight[pair])
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
    for name in ("left", "start", "partner", "group"):
        assert np.array_equal(getattr(graph, name), getattr(given.graph, name))
    np.testing.assert_allclose(graph.cumulative, given.graph.cumulative, rtol=1e-12)


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
    assert np.all(np.diff(graph.cumulative, prepend=0.0) > 0)
    assert np.array_equal(graph.group, without.group)


# ---- The batches


def test_shapes_and_types_are_the_contract(given: Input) -> None:
    (batch,) = given.batches(1)
    for side in (batch.left, batch.right):
        assert side.image.shape == (8, 16, 16, 3)
        assert side.image.dtype == np.uint8
        assert side.has_image.shape == (8,)
        assert side.has_image.dtype == np.bool_
        assert side.tokens.shape == (8, 8)
        assert side.tokens.dtype == np.int32
    for column in batch[2:]:
        assert column.shape == (8,)
        assert column.dtype == np.int32


def test_rows_are_mined_pairs_with_their_titles_pictures_and_groups(given: Input) -> None:
    pairs = {(p["left_id"], p["right_id"]) for p in given.mined.to_pylist()}
    ids = given.catalogue.item_id
    missing = {"title": 0, "image": 0}
    for batch in given.batches(9):
        for left, right in zip(batch.left_item, batch.right_item, strict=True):
            assert tuple(sorted((ids[left], ids[right]))) in pairs
        for side, items, groups in (
            (batch.left, batch.left_item, batch.left_group),
            (batch.right, batch.right_item, batch.right_group),
        ):
            assert np.array_equal(side.tokens, given.tokens[items])
            assert np.array_equal(groups, given.graph.group[items])
            pictured = np.array([bool(given.catalogue.image[row]) for row in items])
            assert np.array_equal(side.has_image, pictured)
            assert not side.image[~pictured].any()
            missing["image"] += int((~pictured).sum())
            missing["title"] += int((~side.has_text).sum())
            for row, image in zip(items[pictured], side.image[pictured], strict=True):
                colour = np.array(tiny.PRODUCTS[row // tiny.LISTINGS][1])
                lit = image[6:10, 6:10].mean(axis=(0, 1))
                # Whatever light does, the strongest channel of a vivid product stays strongest.
                if np.ptp(colour) > 120 and np.sort(colour)[-1] - np.sort(colour)[-2] > 40:
                    assert lit.argmax() == colour.argmax()
    assert missing["image"] > 0
    assert missing["title"] > 0


def test_every_listing_is_left_once_an_epoch_in_a_new_order(given: Input) -> None:
    rows = [batch.left_item for batch in given.batches(9)]  # three epochs of 24 listings
    epochs = np.concatenate(rows).reshape(3, 24)
    for epoch in epochs:
        assert np.array_equal(np.sort(epoch), given.graph.left)
    assert not np.array_equal(epochs[0], epochs[1])
    assert not np.array_equal(epochs[1], epochs[2])
    assert not np.array_equal(epochs[0], np.sort(epochs[0]))


def test_starting_at_any_step_gives_the_batches_of_the_whole_run(given: Input) -> None:
    whole = given.batches(5)
    assert not equal(whole[0], whole[1])
    for start in (1, 3, 4):
        assert equal(given.batches(5 - start, start_step=start), whole[start:])
    assert equal(given.batches(2), whole[:2])


def test_a_far_step_is_reached_at_once(given: Input) -> None:
    (batch,) = given.batches(1, start_step=10**12)
    assert set(batch.left_item) <= set(given.graph.left)


@pytest.mark.parametrize("hosts", [2, 4])
def test_hosts_interleave_to_the_batch_of_one(given: Input, hosts: int) -> None:
    whole = given.batches(2, start_step=3)
    parts = [given.batches(2, start_step=3, host=host, hosts=hosts) for host in range(hosts)]
    for step in range(2):
        for host in range(hosts):
            expected = jax.tree.map(lambda x, host=host: x[host::hosts], whole[step])
            assert equal(parts[host][step], expected)


def test_a_batch_that_hosts_cannot_share_is_refused(given: Input) -> None:
    with pytest.raises(ConfigError, match="batch_size 8 is not divisible by 3 hosts"):
        given.batches(1, hosts=3)


def test_dropped_tokens_become_padding_and_the_class_token_stays(data_root: Path) -> None:
    dropping = Input(data_root, text={"drop_tokens": 0.4})
    kept = total = 0
    for batch in dropping.batches(12):
        for side, items in ((batch.left, batch.left_item), (batch.right, batch.right_item)):
            whole = dropping.tokens[items]
            assert np.all((side.tokens == whole) | (side.tokens == 0))
            assert np.array_equal(side.tokens[:, 0], whole[:, 0])
            words = whole[:, 1:] != 0
            kept += int((side.tokens[:, 1:] != 0).sum())
            total += int(words.sum())
    assert total > 300
    assert 0.5 < kept / total < 0.7  # 0.6, four standard deviations of 300 are 0.11


def test_late_in_training_pictures_are_larger(data_root: Path) -> None:
    picture = {"size": 16, "later_sizes": (24,), "later_starts": (0.5,)}
    growing = Input(data_root, picture=picture, training={"steps": 5})
    batches = growing.batches(6)
    assert [batch.left.image.shape[1] for batch in batches] == [16, 16, 16, 24, 24, 24]
    for start in (2, 3, 4):
        assert equal(growing.batches(6 - start, start_step=start), batches[start:])
    plain = Input(data_root, training={"steps": 5}).batches(6)
    assert equal(plain[:3], batches[:3])
    for a, b in zip(plain, batches, strict=True):  # the order of the data is the same
        assert equal(a[2:], b[2:])


def test_another_seed_gives_other_batches(given: Input, data_root: Path) -> None:
    other = Input(data_root)
    other.config = replace(other.config, seed=1)
    (first,), (second,) = given.batches(1), other.batches(1)
    assert not np.array_equal(first.left_item, second.left_item)


def test_partners_are_drawn_in_proportion_to_their_weights() -> None:
    weights = [1.0, 3.0, 0.5, 5.5]
    catalogue, graph = star(weights)
    config = tiny.config("", "", training={"batch_size": 50}, picture={"size": 8, "stored_size": 8})
    rows = drawn(graph, len(catalogue), config, 5000)
    of_hub = rows[rows[:, 0] == 0, 1]
    assert len(of_hub) == 1000  # one of five listings
    shares = np.bincount(of_hub, minlength=5)[1:] / len(of_hub)
    # Four standard deviations of a share of 1,000 draws are below 0.064.
    np.testing.assert_allclose(shares, np.array(weights) / 10, atol=0.064)
    assert set(rows[rows[:, 0] != 0, 1]) == {0}


def test_weights_of_very_different_size_never_draw_a_stranger() -> None:
    """The running sum loses the small ones to rounding; the draw must stay with its listing."""
    ids = [f"{n}" for n in range(6)]
    none = [""] * 6
    catalogue = Catalogue(ids, none, none, none, ["train"] * 6, Path())
    table = pa.table(
        {"left_id": ["0", "2", "4"], "right_id": ["1", "3", "5"], "weight": [1e17, 1e-3, 1e-3]}
    )
    graph = pair_graph(catalogue, table, "train")
    config = tiny.config("", "", training={"batch_size": 30}, picture={"size": 8, "stored_size": 8})
    rows = drawn(graph, 6, config, 60)
    assert np.array_equal(rows[:, 0] ^ 1, rows[:, 1])


def test_without_augmentation_training_sees_what_export_sees(data_root: Path) -> None:
    still = {
        "stored_size": 16,
        "min_crop": 1.0,
        "max_aspect": 1.0,
        "flip": False,
        "rotation": 0.0,
        "brightness": 0.0,
        "contrast": 0.0,
        "saturation": 0.0,
    }
    plain = Input(data_root, picture=still)
    (batch,) = plain.batches(1)
    rows = batch.left_item.astype(np.int64)
    ((_, listings),) = product_batches(rows, plain.pictures, plain.tokens, 8)
    assert equal(batch.left, listings)


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
    assert same[together].mean() > 0.75
    assert together[np.triu(same, 1)].mean() > 0.65
