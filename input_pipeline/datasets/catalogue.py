"""Your catalogue as a data set: any table that `load_catalogue` reads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import tensorflow_datasets as tfds

from input_pipeline.catalogue import Catalogue, has_truth, load_catalogue
from input_pipeline.datasets.builder import LISTINGS, ListingBuilder
from input_pipeline.datasets.fetch import PictureLoader
from input_pipeline.photos import all_photos
from stylejax.config import ConfigError, DataConfig


def catalogue_listings(catalogue: Catalogue) -> pa.Table:
    """A catalogue as a table of `LISTINGS`, its true products and names where it has them."""
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


def catalogue_photos(catalogue: Catalogue, table: Path) -> pa.Table:
    """`item_id` and `image` of the photos that a table has beside the catalogue's own.

    Raises:
      ConfigError: see `all_photos`.
    """
    photos = all_photos(catalogue, table)
    items = np.repeat(np.array(catalogue.item_id, object), np.diff(photos.start))
    own = np.repeat(np.array(catalogue.image, object), np.diff(photos.start))
    images = np.array(photos.images, object)
    further = images != own
    return pa.table({"item_id": items[further].tolist(), "image": images[further].tolist()})


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
          images: folder that picture paths start from; empty = `data.images` below `data.root`,
            or below the table's folder where there is no root.
          data: names of the table's columns and of its train split, and its table of further
            photos.
          loader: patience and cache for pictures that are addresses.
          **kwargs: see `ListingBuilder`.
        """
        self.catalogue = Path(catalogue)
        self.data = data or DataConfig()
        root = Path(self.data.root) if self.data.root else self.catalogue.parent
        self.images = Path(images) if images else root / self.data.images
        super().__init__(loader=loader, **kwargs)

    def listings(self, downloads: tfds.download.DownloadManager) -> tuple[pa.Table, PictureLoader]:
        """The table's rows in order."""
        if not self.catalogue.is_file():
            raise ConfigError(f"no file {self.catalogue}; give a catalogue to build from")
        self._catalogue = load_catalogue(
            self.data,
            self.catalogue,
            self.images,
            with_truth=has_truth(self.data, self.catalogue),
        )
        return catalogue_listings(self._catalogue), replace(self.loader, folder=str(self.images))

    def further_photos(self) -> pa.Table:
        """Those of the table `data.photos`, if there is one."""
        if not self.data.photos:
            return super().further_photos()
        return catalogue_photos(self._catalogue, self.catalogue.parent / self.data.photos)
