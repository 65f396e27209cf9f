"""Mined pairs to a tf.data pipeline of training batches.

The pipeline is a pure function of the global example number: which listing it starts from, which
partner is drawn and how both pictures are cropped follow from (seed, number). Starting at a step
is therefore exact and needs no saved iterator, whatever the number of hosts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import tensorflow as tf
from numpy.typing import NDArray

from input_pipeline.augment import DRAWS, erase, position_maps, relight, warp
from input_pipeline.catalogue import Catalogue
from input_pipeline.groups import same_style_groups
from input_pipeline.pictures import Pictures
from stylejax.batch import PairBatch, Products
from stylejax.config import Config, ConfigError


@dataclass(frozen=True)
class PairGraph:
    """Mined pairs by listing: the partners of `left[k]` are `partner[start[k] : start[k + 1]]`."""

    left: NDArray[np.int64]  # [l] catalogue rows that have a partner
    start: NDArray[np.int64]  # [l + 1]
    partner: NDArray[np.int64]  # [2 pairs] catalogue rows
    cumulative: NDArray[np.float64]  # [2 pairs] running sum of the pairs' weights
    group: NDArray[np.int32]  # [catalogue] group ids, see input_pipeline.groups


def pair_graph(
    catalogue: Catalogue, pairs: pa.Table, train_split: str, *, unpaired: bool = False
) -> PairGraph:
    """Joins a table of pairs (left_id, right_id, weight) with the catalogue's rows.

    Args:
      catalogue: listings.
      pairs: `left_id`, `right_id`, `weight`.
      train_split: the split that the pairs are of.
      unpaired: make every listing of the split without a partner its own partner: its picture
        under another crop.

    Raises:
      ConfigError: when a pair names a listing that is not in the train split.
    """
    row_of = {catalogue.item_id[row]: int(row) for row in catalogue.rows(train_split)}
    sides = []
    for name in ("left_id", "right_id"):
        ids = pairs[name].to_pylist()
        unknown = sum(item not in row_of for item in ids)
        if unknown:
            first = next(item for item in ids if item not in row_of)
            raise ConfigError(
                f"{unknown} pairs name listings that are not in split {train_split!r}, the first "
                f"{first!r}; mine again with this catalogue"
            )
        sides.append(np.array([row_of[item] for item in ids], np.int64))
    left, right = sides
    weight = pairs["weight"].to_numpy(zero_copy_only=False).astype(np.float64)
    alone = np.setdiff1d(catalogue.rows(train_split), sides) if unpaired else left[:0]
    origin = np.concatenate([left, right, alone])
    partner = np.concatenate([right, left, alone])
    weight = np.concatenate([weight, weight, np.ones(len(alone))])
    order = np.lexsort((partner, origin))
    rows, counts = np.unique(origin, return_counts=True)
    return PairGraph(
        left=rows,
        start=np.concatenate([[0], np.cumsum(counts)]),
        partner=partner[order],
        cumulative=np.cumsum(weight[order]),
        group=same_style_groups(left, right, len(catalogue)),
    )


def pair_batches(
    graph: PairGraph,
    pictures: Pictures,
    tokens: NDArray[np.int32],
    config: Config,
    *,
    start_step: int = 0,
    host: int = 0,
    hosts: int = 1,
) -> Iterator[PairBatch]:
    """Endless batches for one host, from `start_step` on.

    Every listing with a partner is the left side once an epoch, in a new random order; its partner
    is drawn in proportion to the pairs' weights.

    Args:
      graph: pairs by listing.
      pictures: read at `config.picture.stored_size`.
      tokens: `[catalogue, length]` token ids.
      config: batch size (over all hosts), seed, augmentation.
      start_step: first step; the batches are those of an uninterrupted run.
      host: this host's number.
      hosts: number of hosts; host h takes the rows h, h + hosts, ... of each global batch.

    Raises:
      ConfigError: when the batch size is not divisible by the number of hosts.
    """
    batch = config.training.batch_size
    if batch % hosts:
        raise ConfigError(f"training.batch_size {batch} is not divisible by {hosts} hosts")
    phases = config.picture.phases(config.training.steps)
    ends = [*(first for first, _ in phases[1:]), None]
    for (first, side), last in zip(phases, ends, strict=True):
        if last is not None and last <= start_step:
            continue
        first = max(first, start_step)
        numbers = tf.data.Dataset.range(
            first * batch + host, np.iinfo(np.int64).max if last is None else last * batch, hosts
        )
        dataset = (
            numbers.map(
                _sampler(graph, config.seed, tokens.shape[1]), num_parallel_calls=tf.data.AUTOTUNE
            )
            .batch(batch // hosts, drop_remainder=True, num_parallel_calls=tf.data.AUTOTUNE)
            .map(_assembler(pictures, tokens, config, side), num_parallel_calls=2)
            .prefetch(2)
        )
        ordered = tf.data.Options()
        ordered.deterministic = True
        for left, right, rows in dataset.with_options(ordered).as_numpy_iterator():
            groups = graph.group[rows]
            yield PairBatch(
                Products(*left),
                Products(*right),
                groups[:, 0],
                groups[:, 1],
                rows[:, 0].astype(np.int32),
                rows[:, 1].astype(np.int32),
            )


def _sampler(graph: PairGraph, seed: int, length: int):
    """Example number to (left row, right row) and the uniform numbers of its augmentation.

    A side has DRAWS numbers for its picture and one for each of its `length` tokens.
    """
    left, start = tf.constant(graph.left), tf.constant(graph.start)
    partner, cumulative = tf.constant(graph.partner), tf.constant(graph.cumulative)
    listings = len(graph.left)

    def sample(number: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        epoch, position = tf.math.floordiv(number, listings), tf.math.floormod(number, listings)
        key = tf.stack([tf.constant(seed, tf.int64), epoch])
        k = tf.random.experimental.index_shuffle(
            position, tf.cast(key, tf.int32), tf.constant(listings - 1, tf.int64)
        )
        draws = tf.random.stateless_uniform([2, DRAWS + length], seed=tf.stack([seed, number]))
        choice = tf.random.stateless_uniform(
            [], seed=tf.stack([seed + 1, number]), dtype=tf.float64
        )
        low, high = start[k], start[k + 1]
        before = tf.where(low > 0, cumulative[tf.maximum(low - 1, 0)], 0.0)
        wanted = before + choice * (cumulative[high - 1] - before)
        drawn = tf.searchsorted(cumulative, wanted[None], side="right", out_type=tf.int64)[0]
        # Rounding may push the draw to the next listing's first partner.
        right = partner[tf.clip_by_value(drawn, low, high - 1)]
        return tf.stack([left[k], right]), draws

    return sample


def _assembler(pictures: Pictures, tokens: NDArray[np.int32], config: Config, size: int):
    """Rows and draws of a batch to its arrays."""
    options, side = config.picture, config.picture.stored_size
    all_tokens = tf.constant(tokens)

    def assemble(rows: tf.Tensor, draws: tf.Tensor):
        sides = []
        for s in range(2):
            images, present = tf.numpy_function(
                pictures.read, [rows[:, s]], (tf.uint8, tf.bool), stateful=False
            )
            images.set_shape([None, side, side, 3])
            present.set_shape([None])
            maps = position_maps(draws[:, s], options, size)
            # Warped as floats: the op rounds bytes down, which would darken every picture.
            warped = warp(tf.cast(images, tf.float32), maps, size)
            lit = erase(relight(warped, draws[:, s], options), draws[:, s], options)
            lit = tf.where(present[:, None, None, None], lit, tf.zeros_like(lit))
            kept = draws[:, s, DRAWS:] >= config.text.drop_tokens
            kept |= tf.range(tokens.shape[1]) == 0  # [CLS] stays
            words = tf.gather(all_tokens, rows[:, s])
            sides.append((lit, present, tf.where(kept, words, tf.zeros_like(words))))
        return sides[0], sides[1], rows

    return assemble
