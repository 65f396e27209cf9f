"""The catalogue: one row a listing, read without the truth unless evaluation asks for it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from input_pipeline.category_path import at_level
from input_pipeline.datasets.records import RecordPictures, is_record
from input_pipeline.listing_text import attribute_text
from input_pipeline.pictures import file_bytes
from input_pipeline.tables import mapped, read_table, reading
from stylejax.config import ConfigError, DataConfig
from stylejax.labels import Card, Label


@dataclass(frozen=True)
class Catalogue:
    """Listings in file order.

    `group` is the true product of each listing, `name` what that product is called. Both are None
    unless the catalogue was read with the truth, which only evaluation and the simulation of clicks
    do; `name` is also None where no column of names is mapped.
    """

    item_id: list[str]
    title: list[str]  # "" where there is none
    image: list[str]  # path relative to `images`, or a record (see datasets); "" = none
    category_path: list[str]
    split: list[str]
    images: Path
    group: list[str] | None = None
    name: list[str] | None = None
    attributes: list[str] | None = None  # names and values as words; None = no such column

    def __len__(self) -> int:
        return len(self.item_id)

    def rows(self, split: str) -> np.ndarray:
        """Row numbers `[n]` int64 of one split.

        Raises:
          ConfigError: when no listing belongs to it.
        """
        rows = np.flatnonzero(np.array(self.split, dtype=object) == split)
        if len(rows) == 0:
            raise ConfigError(
                f"no listing of split {split!r}; the catalogue has {sorted(set(self.split))}"
            )
        return rows

    def category(self, row: int, level: int) -> str:
        """The first `level` levels of a row's category path; 0 = the whole path."""
        return at_level(self.category_path[row], level)

    def product(self, row: int) -> str:
        """The true product of a row; the catalogue must hold the truth.

        A listing whose true product is unknown is a product of its own: it finds nothing, so it is
        no query, and it is wrong for every other.
        """
        assert self.group is not None, "read the catalogue with the truth"
        return self.group[row] or f"unknown {self.item_id[row]}"

    def without_product(self, split: str) -> int:
        """How many listings of a split have a true product that is unknown."""
        assert self.group is not None, "read the catalogue with the truth"
        return sum(not self.group[row] for row in range(len(self)) if self.split[row] == split)

    def labels(self, category_level: int) -> dict[str, Label]:
        """Item id to what evaluation knows of it; the catalogue must hold the truth."""
        return {
            item: Label(
                self.product(row),
                self.category(row, category_level),
                self.split[row],
                self.category(row, 1),
            )
            for row, item in enumerate(self.item_id)
        }

    def card(self, row: int) -> Card:
        """What a page shows of a listing; `picture_reader` reads its picture."""
        image = self.image[row]
        path = self.images / image if image else None
        return Card(self.item_id[row], self.title[row], self.category_path[row], path)

    def picture_reader(self) -> Callable[[Path], bytes]:
        """From the picture of a card to the bytes of its file, or of its record in a data set."""
        records = RecordPictures(self.images)
        return lambda image: records[image.name] if is_record(image.name) else file_bytes(image)


def has_truth(data: DataConfig, path: Path) -> bool:
    """Whether the catalogue has a column of true products."""
    return data.columns.group in read_table(ibis.duckdb.connect(), path).columns


def load_catalogue(
    data: DataConfig, path: Path, images: Path, *, with_truth: bool = False
) -> Catalogue:
    """Reads and checks a catalogue.

    Args:
      data: column mapping and the name of the train split.
      path: Parquet, CSV or JSON lines.
      images: folder that picture paths start from.
      with_truth: read the columns of true products and of their names too; without it these
        columns are never touched.

    Raises:
      ConfigError: for a missing column, no listings, item ids that are empty or repeated, or a
        column of pictures that holds bytes.
    """
    names = dataclasses.asdict(data.columns)
    if not with_truth:
        names["group"] = names["name"] = ""
    elif not names["group"]:
        raise ConfigError(
            f"{path}: the true product of each listing is needed; name the column that holds it "
            "with --data.columns.group COLUMN"
        )
    table = mapped(read_table(ibis.duckdb.connect(), path), names, path, "data.columns")
    require_paths(table, data, path)
    with reading(path):
        rows: pa.Table = table.to_pyarrow()
    if rows.num_rows == 0:
        raise ConfigError(f"{path} has no listings")
    catalogue = catalogue_of(rows, data, images, with_truth=with_truth)
    ids = catalogue.item_id
    if "" in ids:
        raise no_id(path, data, ids.index(""))
    if len(set(ids)) < len(ids):
        seen: set[str] = set()
        raise id_twice(path, data, next(i for i in ids if i in seen or seen.add(i)))
    return catalogue


def require_paths(table: ir.Table, data: DataConfig, path: Path) -> None:
    """Raises ConfigError when a mapped table holds pictures themselves, not their paths."""
    if "image" in table.columns and table.schema()["image"].is_binary():
        raise ConfigError(
            f"{path}: column {data.columns.image!r} holds bytes; write each picture to a file and "
            "put its path there"
        )


def no_id(path: Path, data: DataConfig, row: int) -> ConfigError:
    """What is said of a row, from 0, whose id is empty."""
    return ConfigError(f"{path} row {row + 1} has no {data.columns.item_id}")


def id_twice(path: Path, data: DataConfig, item: str) -> ConfigError:
    """What is said of an id that two rows have."""
    return ConfigError(f"{path} has {data.columns.item_id} {item!r} twice; ids must be unique")


def catalogue_of(
    rows: pa.Table, data: DataConfig, images: Path, *, with_truth: bool = False
) -> Catalogue:
    """Mapped rows as a catalogue, unchecked; see `load_catalogue`."""

    def column(name: str, default: str = "") -> list[str]:
        if name not in rows.column_names:
            return [default] * rows.num_rows
        return [default if value is None else str(value) for value in rows[name].to_pylist()]

    return Catalogue(
        item_id=column("item_id"),
        title=[title.strip() for title in column("title")],
        image=column("image"),
        category_path=column("category_path"),
        split=column("split", data.train_split),
        images=images,
        group=column("group") if with_truth else None,
        name=column("name") if with_truth and data.columns.name else None,
        attributes=(
            [attribute_text(value) for value in rows["attributes"].to_pylist()]
            if data.columns.attributes
            else None
        ),
    )
