"""The Grocery Store data set: smartphone photos of products on the shelves of shops.

Klasson, Zhang, Kjellström: A Hierarchical Grocery Store Image Dataset with Visual and Semantic
Labels, WACV 2019; its public repository carries an MIT licence. Photos, product names, categories
and descriptions are real. A photo has no title of its own: ours is a span of the product's
description, drawn from the seed, sometimes with the product's name before or after it, and for a
twentieth of the photos nothing.
"""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import tensorflow_datasets as tfds

from input_pipeline.datasets.builder import LISTINGS, ListingBuilder, local_copy
from input_pipeline.datasets.fetch import PictureLoader
from stylejax.config import ConfigError

REPOSITORY = "https://github.com/marcusklasson/GroceryStoreDataset"
ARCHIVE = f"{REPOSITORY}/archive/refs/heads/master.zip"
SPLITS = ("train", "val", "test")
UNTITLED = 0.05  # share of photos without a title
_SPAN = (4, 9)  # fewest and most words of a description in a title
_WORD = re.compile(r"[\w'-]+")


class GroceryStore(ListingBuilder):
    """81 products, 5,421 photos in the splits train, val and test; `group` is the product."""

    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        f"Optional: a copy of {REPOSITORY}, or of its folder dataset/; else it is downloaded."
    )

    def __init__(self, *, seed: int = 0, **kwargs: Any):
        """Takes what `ListingBuilder` takes.

        Args:
          seed: of the titles.
          **kwargs: see `ListingBuilder`.
        """
        self.seed = seed
        super().__init__(**kwargs)

    def listings(self, downloads: tfds.download.DownloadManager) -> tuple[pa.Table, PictureLoader]:
        """The photos in the order of the repository's lists."""
        folder = dataset_folder(local_copy(downloads) or _downloaded(downloads))
        return grocery_listings(folder, self.seed), replace(self.loader, folder=str(folder))


def _downloaded(downloads: tfds.download.DownloadManager) -> Path:
    try:
        return Path(downloads.download_and_extract(ARCHIVE))
    except Exception as error:  # TFDS lets those of its HTTP library pass as well as its own
        raise ConfigError(
            f"cannot download {ARCHIVE}: {error}; get a copy of {REPOSITORY} by other means and "
            "give it as --manual-dir"
        ) from error


def dataset_folder(root: Path) -> Path:
    """The folder with classes.csv: `root` itself, `dataset/` below it, or below an archive's top.

    Raises:
      ConfigError: when it is in none of these places.
    """
    for marker in (
        root / "classes.csv",
        root / "dataset/classes.csv",
        *sorted(root.glob("*/dataset/classes.csv")),
    ):
        if marker.is_file():
            return marker.parent
    raise ConfigError(
        f"no classes.csv in {root} or {root / 'dataset'}; give a copy of {REPOSITORY}"
    )


def grocery_listings(folder: Path, seed: int = 0) -> pa.Table:
    """The listings of a copy of the repository's folder `dataset/`, as a table of `LISTINGS`.

    Raises:
      ConfigError: when a list of photos is missing or has a line that does not fit classes.csv.
    """
    with (folder / "classes.csv").open(newline="", encoding="utf-8") as file:
        products = {row[1].strip(): row for row in list(csv.reader(file))[1:] if row}
    words = {number: description(folder, row) for number, row in products.items()}
    rows: dict[str, list[str]] = {name: [] for name in LISTINGS.names}
    for split in SPLITS:
        lines = folder / f"{split}.txt"
        if not lines.is_file():
            raise ConfigError(f"no file {lines}; the copy of {REPOSITORY} is not whole")
        with lines.open(newline="", encoding="utf-8") as file:
            for photo, *labels in csv.reader(file, skipinitialspace=True):
                if not labels or labels[0].strip() not in products:
                    raise ConfigError(f"{lines}: {photo} has no product of classes.csv")
                number = labels[0].strip()
                name, category = products[number][0], products[number][2]
                rng = np.random.default_rng([seed, len(rows["item_id"])])
                rows["item_id"].append(f"{split}-{Path(photo).stem}")
                rows["title"].append(title(words[number], name, rng))
                rows["attributes"].append("")
                rows["category_path"].append(f"{Path(photo).parts[1]} > {category}")
                rows["split"].append(split)
                rows["group"].append(name)
                rows["name"].append(name.replace("-", " "))
                rows["image"].append(photo)
    return pa.table(rows, schema=LISTINGS)


def description(folder: Path, product: list[str]) -> str:
    """A product's description; empty where the repository has none.

    Some paths of classes.csv end otherwise than the file they mean, so the folder is searched too.
    """
    path = folder / product[5].strip().lstrip("/")
    if not path.is_file():
        path = next(iter(sorted(path.parent.glob("*_Description*.txt"))), path)
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def title(text: str, name: str, rng: np.random.Generator) -> str:
    """A supplier's title for a product: words of its description, perhaps its name, or nothing."""
    if rng.random() < UNTITLED:
        return ""
    words = _WORD.findall(text.lower())
    length = int(rng.integers(_SPAN[0], _SPAN[1] + 1))
    start = int(rng.integers(max(len(words) - length, 0) + 1))
    span = words[start : start + length]
    named = name.lower().replace("-", " ").split()
    place = rng.integers(3) if span else 0
    return " ".join((named + span, span + named, span)[place])
