"""A data set as training reads it: listings without the truth, their texts, photos and pairs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from input_pipeline.catalogue import Catalogue, load_catalogue
from input_pipeline.companions import companions, read_negatives
from input_pipeline.crops import open_pictures
from input_pipeline.graph import PairGraph, pair_graph
from input_pipeline.listing_text import listing_texts
from input_pipeline.mining import read_pairs
from input_pipeline.pairs import PairSource
from input_pipeline.photos import Photos, all_photos
from input_pipeline.pictures import require_pictures
from input_pipeline.sources import Sources, locate
from input_pipeline.tokens import TitleTokenizer
from stylejax.config import Config


@dataclass(frozen=True)
class TrainingData:
    """One data set, not yet in tokens and pixels."""

    sources: Sources
    train_split: str
    catalogue: Catalogue
    texts: list[str]  # [catalogue]
    photos: Photos
    pairs: pa.Table  # left_id, right_id, weight
    graph: PairGraph
    negatives: pa.Table | None  # left_id, right_id; None = no hard negatives are named

    def train_texts(self) -> list[str]:
        """Texts of the listings of the train split."""
        return [self.texts[row] for row in self.catalogue.rows(self.train_split)]


def read_training_data(config: Config) -> list[TrainingData]:
    """The recipe's own data set, then those of `config.sampling.further`.

    Hard negatives are of the recipe's own.

    Raises:
      ConfigError: when a file is missing or does not fit the others, see its reader.
    """
    own = (config, Path(config.run_dir) / "pairs.parquet")
    plain = replace(config, sampling=replace(config.sampling, negatives=()))
    further = [
        (replace(plain, data=more.data), Path(more.pairs)) for more in config.sampling.further
    ]
    return [_read(of, pairs) for of, pairs in (own, *further)]


def _read(config: Config, pairs: Path) -> TrainingData:
    sources = locate(config)
    catalogue = load_catalogue(config.data, sources.catalogue, sources.images)
    name = config.data.photos
    photos = all_photos(catalogue, sources.catalogue.parent / name if name else None)
    require_pictures(photos.images, sources.images)
    mined = read_pairs(pairs).select(["left_id", "right_id", "weight"])
    graph = pair_graph(
        catalogue,
        mined,
        config.data.train_split,
        unpaired=config.training.unpaired,
        category_level=config.sampling.category_level,
    )
    texts = listing_texts(catalogue, config.text)
    named = config.sampling.negatives
    negatives = read_negatives(named) if named else None
    split = config.data.train_split
    return TrainingData(sources, split, catalogue, texts, photos, mined, graph, negatives)


def pair_source(data: TrainingData, tokenizer: TitleTokenizer, config: Config) -> PairSource:
    """A data set in tokens, its pictures opened.

    Raises:
      ConfigError: when the folder of its pictures does not exist, or its hard negatives are of
        another catalogue.
    """
    photos, hard = data.photos, None
    if data.negatives is not None:
        hard = companions(data.catalogue, data.graph, data.negatives, data.train_split)
    pictures = open_pictures(photos.items, photos.images, data.sources.images, config.picture)
    return PairSource(data.graph, photos, pictures, *tokenizer.read(data.texts), hard)
