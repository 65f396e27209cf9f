"""Tests of input_pipeline/pairs.py: batches as a pure function of (seed, step)."""

import os
import subprocess
import sys
from dataclasses import replace
from itertools import islice
from pathlib import Path

import jax
import numpy as np
import pytest
import tiny

from input_pipeline.catalogue import load_catalogue
from input_pipeline.crops import open_pictures
from input_pipeline.decode import FilePictures
from input_pipeline.graph import PairGraph, pair_graph
from input_pipeline.listings import ListingPictures, product_batches
from input_pipeline.mining import mine
from input_pipeline.pairs import PairSource, pair_batches
from input_pipeline.photos import Photos, all_photos
from input_pipeline.pictures import Pictures
from input_pipeline.tokens import train_tokenizer
from stylejax.batch import NO_TOKEN, PairBatch
from stylejax.config import ConfigError, DataConfig, FurtherData


class Input:
    """The tiny data set, read and mined."""

    def __init__(self, root: Path, **sections):
        self.config = tiny.config(root, "unused", **sections)
        data = self.config.data
        self.catalogue = load_catalogue(data, root / "catalogue.csv", root)
        self.mined = mine(data, self.config.mining, self.catalogue, root / "clicks.csv").table
        self.graph = pair_graph(self.catalogue, self.mined, "train")
        tokenizer = train_tokenizer(self.catalogue.title, self.config.text)
        self.tokens, self.words = tokenizer.read(self.catalogue.title)
        photos = all_photos(self.catalogue, None)
        self.pictures = open_pictures(photos.items, photos.images, root, self.config.picture)
        self.source = PairSource(self.graph, photos, self.pictures, self.tokens, self.words)

    def batches(self, count: int, **where) -> list[PairBatch]:
        return list(islice(pair_batches([self.source], self.config, **where), count))


@pytest.fixture(scope="module")
def given(data_root: Path) -> Input:
    return Input(data_root)


def equal(a, b) -> bool:
    return all(jax.tree.leaves(jax.tree.map(np.array_equal, a, b)))


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
    assert batch.weight.dtype == np.float32
    for column in batch[2:]:
        assert column.shape == (8,)
        assert column is batch.weight or column.dtype == np.int32


def test_rows_are_mined_pairs_with_their_titles_pictures_and_groups(given: Input) -> None:
    pairs = {(p["left_id"], p["right_id"]): p["weight"] for p in given.mined.to_pylist()}
    ids = given.catalogue.item_id
    missing = {"title": 0, "image": 0}
    for batch in given.batches(9):
        for left, right, weight in zip(
            batch.left_item, batch.right_item, batch.weight, strict=True
        ):
            assert weight == np.float32(pairs[tuple(sorted((ids[left], ids[right])))])
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


@pytest.mark.parametrize(
    ("matching", "left", "right"),
    [("i-t", True, False), ("t-i", False, True), ("t-t", False, False), ("t-m", False, True)],
)
def test_pictures_that_no_loss_reads_are_not_made(
    given: Input, data_root: Path, matching: str, left: bool, right: bool
) -> None:
    only = {"matching": (matching,), "distinctiveness": (), "consistency": ()}
    (whole,) = given.batches(1)
    (batch,) = Input(data_root, loss=only).batches(1)
    for read, side, full in ((left, batch.left, whole.left), (right, batch.right, whole.right)):
        if read:
            assert equal(side, full)
        else:
            assert side.image.shape == (8, 0, 0, 3)
            assert np.array_equal(side.has_image, full.has_image)
            assert np.array_equal(side.tokens, full.tokens)
    assert equal(batch[2:], whole[2:])


def test_several_pictures_that_no_loss_reads_are_not_made(data_root: Path) -> None:
    only = {"matching": ("i-t",), "distinctiveness": (), "consistency": ()}
    (batch,) = Input(data_root, loss=only, picture={"per_listing": 2}).batches(1)
    assert batch.left.image.shape == (8, 2, 16, 16, 3)
    assert batch.right.image.shape == (8, 2, 0, 0, 3)
    assert batch.right.has_image.shape == (8, 2)


def test_a_batch_may_grow_on_the_way(given: Input, data_root: Path) -> None:
    sizes = {"later_batch_sizes": (16, 24), "later_batch_starts": (0.5, 0.67)}
    growing = Input(data_root, training=sizes | {"steps": 6})
    whole = growing.batches(7)
    assert [len(batch.weight) for batch in whole] == [8, 8, 8, 16, 16, 24, 24]
    assert equal(whole[:3], given.batches(3))
    for start in (2, 3, 4, 6):
        assert equal(growing.batches(7 - start, start_step=start), whole[start:])
    # A part of the training begins an epoch of its own.
    assert np.array_equal(np.sort(whole[5].left_item), given.graph.left)
    halves = [growing.batches(5, host=host, hosts=2)[4].left_item for host in range(2)]
    assert np.array_equal(np.stack(halves, axis=1).ravel(), whole[4].left_item)


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


def test_dropped_words_become_padding_and_the_class_token_stays(data_root: Path) -> None:
    # A small vocabulary: most words are several tokens.
    dropping = Input(data_root, text={"drop_tokens": 0.4, "vocab_size": 48, "max_tokens": 24})
    kept = total = several = 0
    for batch in dropping.batches(12):
        for side, items in ((batch.left, batch.left_item), (batch.right, batch.right_item)):
            whole = dropping.tokens[items]
            assert np.all((side.tokens == whole) | (side.tokens == NO_TOKEN))
            assert np.array_equal(side.tokens[:, 0], whole[:, 0])
            for words, shown in zip(dropping.words[items], side.tokens, strict=True):
                for word in range(words.max() + 1):
                    there = shown[words == word] != NO_TOKEN
                    assert there.all() or not there.any()
                    kept += there.all()
                    total += 1
                    several += len(there) > 1
    assert total > 300
    assert several > 100
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
    photos = all_photos(plain.catalogue, None)
    pictures = ListingPictures(photos, Pictures(photos.items, photos.images, data_root, 16, 8), 1)
    ((_, listings),) = product_batches(rows, pictures, plain.tokens.__getitem__, 8)
    assert equal(batch.left, listings)


def test_several_photos_of_a_listing_come_together(data_root: Path, given: Input) -> None:
    """Here a second photo of every listing; the first is cropped as it is alone."""
    single = given.source.photos
    images = [image for image in single.images for _ in range(2)]
    photos = Photos(single.start * 2, [str(n) for n in range(len(images))], images)
    options = tiny.config(data_root, "unused", picture={"per_listing": 3})
    decode = open_pictures(photos.items, images, data_root, options.picture)
    source = replace(given.source, photos=photos, pictures=decode)
    (batch,) = islice(pair_batches([source], options), 1)
    (plain,) = given.batches(1)
    for side, alone in ((batch.left, plain.left), (batch.right, plain.right)):
        assert side.image.shape == (8, 3, 16, 16, 3)
        for place in (0, 1):
            assert np.array_equal(side.has_image[:, place], alone.has_image)
        assert not side.has_image[:, 2].any()
        assert np.array_equal(side.image[:, 0], alone.image)
        changed = (side.image[:, 1] != alone.image).any(axis=(1, 2, 3))
        assert np.array_equal(changed, alone.has_image)  # another crop of the same photo
        assert not side.image[:, 2].any()


# ---- Every way of sampling


def second(root: Path) -> PairSource:
    """Another data set: six listings without pictures, in pairs."""
    photos = Photos(np.arange(7), [f"M{n}" for n in range(6)], [""] * 6)
    graph = PairGraph(
        left=np.arange(6),
        start=np.arange(7),
        partner=np.arange(6) ^ 1,
        weight=np.ones(6),
        group=(np.arange(6) // 2).astype(np.int32),
        category=np.zeros(6, np.int64),
    )
    tokens = np.full((6, 8), 7, np.int32)
    words = np.tile(np.arange(8, dtype=np.int16), (6, 1))
    return PairSource(graph, photos, FilePictures(photos.items, photos.images, root), tokens, words)


def further(*rates: float) -> tuple[FurtherData, ...]:
    return tuple(FurtherData(DataConfig(name="other"), "pairs.parquet", rate) for rate in rates)


WAYS = {
    "plain": {},
    "uniform partners, swapped": {"weight_exponent": 0.0, "swap": True},
    "balanced categories": {"category_exponent": 0.0},
    "blocks": {"block": 4},
    "distinct groups": {"distinct_groups": True},
    "epochs of pairs": {"epoch": "pairs"},
    "everything": {
        "weight_exponent": 0.5,
        "category_exponent": 0.5,
        "block": 2,
        "distinct_groups": True,
        "swap": True,
        "further": further(0.25),
    },
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("cached", [True, False], ids=["from memory", "from files"])
def test_a_batch_is_the_same_however_it_is_reached(data_root: Path, way: str, cached: bool) -> None:
    """From 0 or from later, on 1, 2 or 4 hosts."""
    of = Input(
        data_root,
        sampling=WAYS[way],
        text={"drop_tokens": 0.3},
        picture={"cache_mib": 64 if cached else 0, "erase": 0.5},
    )
    assert isinstance(of.pictures, FilePictures) != cached
    sources = [of.source, second(data_root)][: 1 + len(of.config.sampling.further)]

    def batches(count: int, **where) -> list[PairBatch]:
        return list(islice(pair_batches(sources, of.config, **where), count))

    whole = batches(5)
    assert len({batch.left.image.tobytes() for batch in whole}) == 5
    for start in (1, 4):
        assert equal(batches(5 - start, start_step=start), whole[start:])
    for hosts in (2, 4):
        for host in range(hosts):
            mine = jax.tree.map(lambda x, h=host, n=hosts: x[h::n], whole[3])
            assert equal(batches(1, start_step=3, host=host, hosts=hosts), [mine])


def test_data_sets_are_mixed_at_their_rates_and_kept_apart(data_root: Path) -> None:
    of = Input(data_root, sampling={"further": further(0.25)})
    own, other = of.source, second(data_root)
    listings = len(own.graph.group)
    batches = list(islice(pair_batches([own, other], of.config), 6))
    items = np.stack([batch.left_item for batch in batches])
    assert np.all((items >= listings).sum(axis=1) == 2)  # a quarter of eight
    assert set(items[items >= listings]) == set(range(listings, listings + 6))
    # Six examples of its own epoch later the second one has come round.
    second_items = items[items >= listings].reshape(2, 6)
    assert np.array_equal(np.sort(second_items), np.tile(np.arange(6) + listings, (2, 1)))
    for batch in batches:
        foreign = batch.left_item >= listings
        assert np.all(batch.left.tokens[foreign] == 7)
        assert not batch.left.has_image[foreign].any()
        groups = np.concatenate([batch.left_group[foreign], batch.right_group[foreign]])
        assert groups.min() > own.graph.group.max()
        assert np.array_equal(batch.left_group[foreign], batch.right_group[foreign])
    # The first data set comes in the order that it has in a batch of its own share.
    alone = Input(data_root, training={"batch_size": 6})
    expected = np.stack([batch.left_item for batch in alone.batches(6)])
    assert np.array_equal(items[items < listings].reshape(6, 6), expected)


def test_a_listing_shows_another_photo_each_epoch(data_root: Path) -> None:
    of = Input(data_root, picture={"size": 8, "stored_size": 8, "brightness": 0.0})
    # Every listing has three photos in the place of one: 0 to 2 of listing 0, 3 to 5 of listing 1.
    names = [f"{n}" for n in range(3 * len(of.catalogue))]
    photos = Photos(np.arange(len(of.catalogue) + 1) * 3, names, names)
    asked: list[int] = []

    class Camera:
        quarantine: dict = {}  # noqa: RUF012

        def __call__(self, number: int, least: float) -> np.ndarray:
            asked.append(number)
            return np.full((8, 8, 3), number, np.uint8)

    source = PairSource(of.graph, photos, Camera(), of.tokens, of.words)
    plain = {"brightness": 0.0, "contrast": 0.0, "saturation": 0.0}
    still = replace(of.config, picture=replace(of.config.picture, **plain))
    shown = {row: [] for row in of.graph.left.tolist()}
    for batch in islice(pair_batches([source], still), 9):  # three epochs
        for row, image in zip(batch.left_item, batch.left.image, strict=True):
            shown[int(row)].append(int(image[0, 0, 0]))
    for row, numbers in shown.items():
        assert sorted(numbers) == [3 * row, 3 * row + 1, 3 * row + 2]
    assert len({tuple(n - 3 * row for n in numbers) for row, numbers in shown.items()}) > 1


def test_a_program_ends_though_batches_are_still_made_ahead(data_root: Path) -> None:
    """TensorFlow's threads call into Python, and must not wait for one that is going away."""
    program = (
        "import sys, pathlib; from test_pairs import Input;"
        "from input_pipeline.pairs import pair_batches;"
        "of = Input(pathlib.Path(sys.argv[1]));"
        "batches = pair_batches([of.source], of.config); next(batches); print('one')"
    )
    path = os.pathsep.join(str(Path(__file__).parents[n]) for n in (0, 1, 2))
    done = subprocess.run(
        [sys.executable, "-c", program, str(data_root)],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (done.returncode, done.stdout) == (0, "one\n")
