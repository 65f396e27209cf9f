"""Photos of listings: the catalogue's own, and further ones from a table beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import ibis
import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from input_pipeline.catalogue import Catalogue
from input_pipeline.stateless import mixed
from input_pipeline.tables import mapped, read_table, reading
from stylejax.config import ConfigError

_PHOTO = 201  # what a number is drawn for


@dataclass(frozen=True)
class Photos:
    """Numbered photos: those of catalogue row r are `start[r]` to `start[r + 1] - 1`.

    A row has one at least; its path is "" when there is no picture.
    """

    start: NDArray[np.int64]  # [catalogue + 1]
    items: list[str]  # name of each photo for people: its listing, and which of its photos
    images: list[str]  # path of each photo

    def chosen(
        self, rows: NDArray[np.int64], turn: NDArray[np.int64], seed: int, most: int = 1
    ) -> NDArray[np.int64]:
        """The photos that each row shows in a turn: all of them, one turn after another.

        Args:
          rows: `[n]` catalogue rows.
          turn: `[n]` epochs.
          seed: of the run; which photo is shown first follows from it.
          most: photos to show at a time.

        Returns:
          `[n, most]` photo numbers, each once in a row; -1 where a listing has no more.
        """
        count = self.start[rows + 1] - self.start[rows]
        first = (mixed(seed, _PHOTO, rows) % count.astype(np.uint64)).astype(np.int64)
        return self._from(rows, first + turn, most)

    def leading(self, rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
        """The first photos of each row in their order, likewise `[n, most]`."""
        return self._from(rows, np.zeros_like(rows), most)

    def _from(
        self, rows: NDArray[np.int64], first: NDArray[np.int64], most: int
    ) -> NDArray[np.int64]:
        count, number = (self.start[rows + 1] - self.start[rows])[:, None], np.arange(most)
        photos = self.start[rows][:, None] + (first[:, None] + number) % count
        return np.where(number < count, photos, -1)


def all_photos(catalogue: Catalogue, table: Path | None) -> Photos:
    """The photos of a catalogue: of each listing its own, then further ones in the table's order.

    Args:
      catalogue: listings with one picture each at most.
      table: further photos, `item_id` and `image`, one row a photo, as Parquet, CSV or JSON
        lines; None = there are none.

    Raises:
      ConfigError: when the table lacks a column, or names a listing that is not there.
    """
    further: dict[str, list[str]] = {}
    if table is not None:
        rows = photo_table(ibis.duckdb.connect(), table)
        with reading(table):
            found = rows.to_pyarrow()
        for item, image in zip(
            found["item_id"].to_pylist(), found["image"].to_pylist(), strict=True
        ):
            if image:
                further.setdefault(str(item), []).append(str(image))
        if strangers := set(further) - set(catalogue.item_id):
            raise not_listed(table, len(strangers), min(strangers))
    return photos_of(catalogue, further)


def photo_table(connection: ibis.BaseBackend, path: Path) -> ir.Table:
    """The table of further photos, `item_id` and `image`.

    Raises:
      ConfigError: when there is none, or it lacks a column.
    """
    if not path.is_file():
        raise ConfigError(f"no table of further photos {path}; set --data.photos")
    names = {"item_id": "item_id", "image": "image"}
    return mapped(read_table(connection, path), names, path, "data.photos")


def not_listed(table: Path, count: int, item: str) -> ConfigError:
    """What is said of photos whose listings are not in the catalogue."""
    return ConfigError(
        f"{table} has photos of {count} listings that are not in the catalogue, one is {item!r}"
    )


def photos_of(catalogue: Catalogue, further: Mapping[str, Sequence[str]]) -> Photos:
    """Numbers the photos of listings: of each its own, then the further ones by its id."""
    items, images, counts = [], [], []
    for item, own in zip(catalogue.item_id, catalogue.image, strict=True):
        shown = list(dict.fromkeys([*[own] * bool(own), *further.get(item, ())])) or [""]
        items += [item, *(f"{item} (photo {n})" for n in range(2, len(shown) + 1))]
        images += shown
        counts.append(len(shown))
    return Photos(np.cumsum([0, *counts]), items, images)
