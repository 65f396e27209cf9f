"""Your catalogue as a data set: any table that `load_catalogue` reads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import tensorflow_datasets as tfds

from input_pipeline.catalogue import has_truth, load_catalogue
from input_pipeline.datasets.builder import LISTINGS, ListingBuilder
from input_pipeline.datasets.fetch import PictureLoader
from stylejax.config import ConfigError, DataConfig


def catalogue_listings(data: DataConfig, path: Path, images: Path) -> pa.Table:
    """A catalogue as a table of `LISTINGS`, its true products and names where it has them.

    Raises:
      ConfigError: see `load_catalogue`.
    """
    truth = has_truth(data, path)
    catalogue = load_catalogue(data, path, images, with_truth=truth)
    unknown = [""] * len(catalogue)
    columns = {
        "item_id": catalogue.item_id,
        "title": catalogue.title,
        "attributes": catalogue.attributes or unknown,
        "category_path": catalogue.category_path,
        "split": catalogue.split,
        "group": catalogue.group or unknown,
        "name": catalogue.name or unknown,
        "image": catalogue.image,
    }
    return pa.table(columns, schema=LISTINGS)


class ProductCatalogue(ListingBuilder):
    """A catalogue of your own, with its pictures from files or addresses."""

    def __init__(
        self,
        *,
        catalogue: str | Path = "",
        images: str | Path = "",
        data: DataConfig | None = None,
        loader: PictureLoader | None = None,
        **kwargs: Any,
    ):
        """Takes the table and where its pictures are.

        Args:
          catalogue: Parquet, CSV or JSON lines.
          images: folder that picture paths start from; empty = the table's own.
          data: names of the table's columns and of its train split.
          loader: patience and cache for pictures that are addresses.
          **kwargs: see `ListingBuilder`.
        """
        self.catalogue = Path(catalogue)
        self.images = Path(images) if images else self.catalogue.parent
        self.data = data or DataConfig()
        super().__init__(loader=loader, **kwargs)

    def listings(self, downloads: tfds.download.DownloadManager) -> tuple[pa.Table, PictureLoader]:
        """The table's rows in order."""
        if not self.catalogue.is_file():
            raise ConfigError(f"no file {self.catalogue}; give a catalogue to build from")
        table = catalogue_listings(self.data, self.catalogue, self.images)
        return table, replace(self.loader, folder=str(self.images))
