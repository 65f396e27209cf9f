"""Sampled pairs to a tf.data pipeline of training batches.

The pipeline is a pure function of the step: which listings a batch holds, which photo and which
crop of it they show, and which words are dropped follow from (seed, example number). Starting at
a step is therefore exact and needs no saved iterator, whatever the number of hosts.
"""

from __future__ import annotations

import atexit
import weakref
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from input_pipeline.augment import DRAWS
from input_pipeline.companions import Companions
from input_pipeline.crops import Crops, Decoder
from input_pipeline.graph import PairGraph
from input_pipeline.photos import Photos
from input_pipeline.sampling import PairSampler
from input_pipeline.stateless import mixed, uniform
from stylejax.batch import NO_TOKEN, PairBatch, Products
from stylejax.config import Config, ConfigError, phase_at

_PICTURE, _WORDS, _SEED = 301, 302, 303  # what a number is drawn for


@dataclass(frozen=True)
class PairSource:
    """One data set to draw pairs from."""

    graph: PairGraph  # of its catalogue
    photos: Photos  # of its catalogue
    pictures: Decoder  # by photo number
    tokens: NDArray[np.int32]  # [catalogue, length] token ids
    words: NDArray[np.int16]  # [catalogue, length] the word of each token; -1 = none
    companions: Companions | None = None  # hard negatives of its listings; None = none are known


def pair_batches(
    sources: Sequence[PairSource],
    config: Config,
    *,
    start_step: int = 0,
    host: int = 0,
    hosts: int = 1,
) -> Generator[PairBatch, None, None]:
    """Endless batches for one host, from `start_step` on; close it to stop what works ahead.

    Args:
      sources: the recipe's own data set, then those of `config.sampling.further`. In a batch,
        listings and groups of a further one are numbered on from those before it.
      config: batch size (over all hosts), seed, sampling, augmentation.
      start_step: first step; the batches are those of an uninterrupted run.
      host: this host's number.
      hosts: number of hosts; host h takes the rows h, h + hosts, ... of each global batch.

    Raises:
      ConfigError: when the batch size is not divisible by the number of hosts, or cannot be
        divided over the data sets.
    """
    for setting, size in config.training.batch_sizes:
        if size % hosts:
            raise ConfigError(f"{setting} {size} is not divisible by {hosts} hosts")
    crops = Crops(config.picture)
    sizes, sides = config.training.phases(), config.picture.phases(config.training.steps)
    shares = [config.sampling.batch_rows(size) for _, size in sizes]
    parts = [
        [
            _Part(source, config, share, (number, phase), crops)
            for number, (source, share) in enumerate(zip(sources, rows, strict=True))
        ]
        for phase, rows in enumerate(shares)
    ]
    first_item = [0, *accumulate(len(source.graph.group) for source in sources)]

    def make(step: np.int64) -> list[np.ndarray]:
        now = phase_at(sizes, int(step))
        side = sides[phase_at(sides, int(step))][1]
        since, first_row = int(step) - sizes[now][0], [0, *accumulate(shares[now])]
        made = []
        of_all = zip(parts[now], shares[now], first_row, first_item, strict=False)
        for part, share, row, item in of_all:
            mine = np.arange((host - row) % hosts, share, hosts)
            made.append(part(since * share + mine, side, item))
        if len(made) == 1:
            return made[0]  # the pictures are not copied once more
        return [np.concatenate(columns) for columns in zip(*made, strict=True)]

    product = (tf.uint8, tf.bool, tf.int32)
    types = [*product, *product, tf.int32, tf.int32, tf.int32, tf.int32, tf.float32]
    dataset = (
        tf.data.Dataset.range(start_step, np.iinfo(np.int64).max)
        .map(
            lambda step: tf.numpy_function(make, [step], types, stateful=False),
            num_parallel_calls=2,  # a batch is made by all cores: the second fills their gaps
            deterministic=True,
        )
        .prefetch(2)
    )
    batches = _named(dataset)
    # TensorFlow's threads call into Python: they must have stopped before Python does.
    atexit.register(_close, weakref.ref(batches))
    return batches


def _named(dataset: tf.data.Dataset) -> Generator[PairBatch, None, None]:
    for columns in dataset.as_numpy_iterator():
        yield PairBatch(Products(*columns[:3]), Products(*columns[3:6]), *columns[6:])


def _close(batches: weakref.ref[Generator[PairBatch, None, None]]) -> None:
    if (generator := batches()) is not None:
        generator.close()


class _Part:
    """The rows of a batch that one data set gives, in one part of the training."""

    def __init__(
        self,
        source: PairSource,
        config: Config,
        share: int,
        which: tuple[int, int],
        crops: Crops,
    ):
        # Data sets, and parts of a training whose examples are counted anew, must not draw alike;
        # the first keeps the run's seed.
        number, phase = which
        key = (number,) if phase == 0 else which
        self._seed = int(mixed(config.seed, _SEED, *key) >> 1) if any(which) else config.seed
        self._source, self._config, self._crops = source, config, crops
        self._sample = PairSampler(
            source.graph, config.sampling, share, self._seed, source.companions
        )

    def __call__(self, numbers: NDArray[np.int64], side: int, first_item: int) -> list[np.ndarray]:
        """The columns of a `PairBatch` for some example numbers of this data set."""
        source, seed = self._source, self._seed
        rows, weight, epoch = self._sample(numbers)
        # Both sides in one go, the left ones first; a listing paired with itself shows two photos.
        listings = rows.T.ravel()
        which = np.arange(2)[:, None]
        turns = epoch + which
        most = self._config.picture.per_listing
        draws = uniform(seed, _PICTURE, numbers[:, None], which[..., None], np.arange(most * DRAWS))
        photos = source.photos.chosen(listings, turns.ravel(), seed, most)
        shown = self._shown(photos, draws.reshape(*photos.shape, DRAWS), side)
        tokens = self._dropped(listings, numbers)
        groups = source.graph.group[listings] + first_item
        half = len(numbers)
        left, right = slice(None, half), slice(half, None)
        return [
            *shown[0],
            tokens[left],
            *shown[1],
            tokens[right],
            *(
                x[side].astype(np.int32)
                for x in (groups, listings + first_item)
                for side in (left, right)
            ),
            weight.astype(np.float32),
        ]

    def _shown(
        self, photos: NDArray[np.int64], draws: NDArray[np.float64], side: int
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """Crops, and which are there, of the left and the right listings: of those that are read.

        Args:
          photos: `[2 n, most]` photo numbers, the left listings' first; -1 = none.
          draws: `[2 n, most, DRAWS]` uniform numbers.
          side: of a crop in pixels.
        """
        reads, half = self._config.pictures_read, len(photos) // 2
        read = np.repeat(reads, half)
        crops, there = self._crops(
            self._source.pictures, photos[read].ravel(), draws[read].reshape(-1, DRAWS), side
        )
        each = photos.shape[1:] if photos.shape[1] > 1 else ()
        crops, there = crops.reshape(-1, *each, *crops.shape[1:]), there.reshape(-1, *each)
        sides, taken = [], 0
        for number, wanted in enumerate(reads):
            if wanted:
                sides.append((crops[taken : taken + half], there[taken : taken + half]))
                taken += half
            else:
                known = photos[number * half : (number + 1) * half] >= 0
                nothing = np.zeros((half, *each, 0, 0, 3), np.uint8)
                sides.append((nothing, known.reshape(half, *each)))
        return sides

    def _dropped(
        self, listings: NDArray[np.int64], numbers: NDArray[np.int64]
    ) -> NDArray[np.int32]:
        """Tokens of both sides without some words, which go as a whole; [CLS] and ends stay."""
        tokens, share = self._source.tokens[listings], self._config.text.drop_tokens
        if share == 0:
            return tokens
        words = self._source.words[listings]
        which = np.repeat([0, 1], len(numbers))[:, None]
        draws = uniform(self._seed, _WORDS, np.tile(numbers, 2)[:, None], which, words)
        return np.where((draws >= share) | (words < 0), tokens, np.int32(NO_TOKEN))
