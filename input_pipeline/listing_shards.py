"""A catalogue of any size, a shard of listings at a time: what an export job reads.

Memory stays at two shards. The table is copied once to a scratch file, so that a shard of a CSV or
JSON lines file of millions of rows is found without reading what stands before it.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from input_pipeline.catalogue import Catalogue, catalogue_of, id_twice, no_id, require_paths
from input_pipeline.listing_digests import digests
from input_pipeline.listing_text import listing_texts
from input_pipeline.listings import ListingPictures, product_batches
from input_pipeline.photos import not_listed, photo_table, photos_of
from input_pipeline.pictures import Pictures
from input_pipeline.tables import mapped, read_table, reading
from input_pipeline.tokens import TitleTokenizer
from stylejax.batch import Products
from stylejax.config import Config, ConfigError

LISTINGS, PHOTOS = "listings.parquet", "photos.parquet"  # in the scratch folder
ROWS = 8192  # about as many a row group; few have to be read for a shard
SAMPLED = 32  # picture paths that are looked at before the work begins


@dataclass(frozen=True)
class ListingShard:
    """Consecutive listings of a catalogue, with all that an encoder reads of them."""

    number: int
    digest: list[str]  # of each listing's text, pictures and category: it is another one then
    _catalogue: Catalogue
    _texts: list[str]
    _pictures: ListingPictures
    _tokenize: Callable[[list[str]], NDArray[np.int32]]

    @property
    def item_id(self) -> list[str]:
        """Ids `[n]` of its listings."""
        return self._catalogue.item_id

    @property
    def category_path(self) -> list[str]:
        """Categories `[n]` of its listings."""
        return self._catalogue.category_path

    @property
    def quarantine(self) -> dict[str, tuple[str, str]]:
        """Item id to path and reason of every picture that could not be read so far."""
        return self._pictures.pictures.quarantine

    @property
    def unreadable(self) -> list[bool]:
        """Whether some picture of each listing could not be read so far."""
        photos, named = self._pictures.photos, self.quarantine
        return [
            any(name in named for name in photos.items[start:end])
            for start, end in pairwise(photos.start)
        ]

    def batches(
        self, rows: NDArray[np.int64], batch_size: int
    ) -> Iterator[tuple[NDArray[np.int64], Products]]:
        """Some of its listings as `product_batches`; they are read when they are asked for."""

        def tokens(chunk: NDArray[np.int64]) -> NDArray[np.int32]:
            return self._tokenize([self._texts[row] for row in chunk])

        return product_batches(rows, self._pictures, tokens, batch_size)


class ListingShards:
    """The shards of one catalogue; `listing_shards` opens them."""

    def __init__(
        self,
        scratch: Path,
        config: Config,
        images: Path,
        tokenizer: TitleTokenizer,
        size: int,
        *,
        with_pictures: bool,
    ):
        """Takes what `listing_shards` has written to `scratch`."""
        self._with_pictures = with_pictures
        self._listings = pq.ParquetFile(scratch / LISTINGS)
        self._photos, self._size = scratch / PHOTOS, size
        self._config, self._images = config, images
        self._tokenizer, self._tokenizing = tokenizer, threading.Lock()
        self.listings: int = self._listings.metadata.num_rows

    def __len__(self) -> int:
        """How many shards there are."""
        return -(-self.listings // self._size)

    def count(self, numbers: Iterable[int]) -> int:
        """How many listings some of the shards have together."""
        return sum(len(self._rows(number)) for number in numbers)

    def sampled_images(self) -> list[str]:
        """Paths of some pictures from all over the catalogue."""
        if not self._with_pictures or "image" not in self._listings.schema_arrow.names:
            return []
        found: list[str] = []
        groups = self._listings.num_row_groups
        for group in range(0, groups, max(1, groups // 4)):
            column = self._listings.read_row_group(group, columns=["image"])["image"]
            given = [str(image) for image in column.to_pylist() if image]
            found += given[:: max(1, len(given) // SAMPLED)]
        return found

    def read(self, numbers: Iterable[int]) -> Iterator[ListingShard]:
        """Shards by their numbers, the next one read while one is worked on.

        Raises:
          ConfigError: when the template of the text names attributes that there are none of.
        """
        with ThreadPoolExecutor(1) as ahead:
            waiting = None
            for number in numbers:
                following = ahead.submit(self._read, number)
                if waiting is not None:
                    yield waiting.result()
                waiting = following
            if waiting is not None:
                yield waiting.result()

    def _read(self, number: int) -> ListingShard:
        config = self._config
        catalogue = catalogue_of(self._table(number), config.data, self._images)
        if not self._with_pictures:
            catalogue = replace(catalogue, image=[""] * len(catalogue))
        photos = photos_of(catalogue, self._further(number))
        texts = listing_texts(catalogue, config.text)
        pictures = Pictures(
            photos.items,
            photos.images,
            catalogue.images,
            config.picture.read_size,
            cache_mib=0,  # every listing is read once: a cache would only cost memory
        )
        return ListingShard(
            number,
            digests(texts, catalogue.category_path, photos, catalogue.images),
            catalogue,
            texts,
            ListingPictures(photos, pictures, config.picture.per_listing),
            self._tokenize,
        )

    def _rows(self, number: int) -> range:
        return range(number * self._size, min((number + 1) * self._size, self.listings))

    def _table(self, number: int) -> pa.Table:
        """Rows of a shard, from the row groups that they lie in."""
        rows = self._rows(number)
        starts = np.cumsum(
            [0, *(self._group_rows(g) for g in range(self._listings.num_row_groups))]
        )
        first, last = np.searchsorted(starts, (rows.start, rows.stop - 1), side="right") - 1
        groups = self._listings.read_row_groups(range(first, last + 1))
        return groups.slice(rows.start - int(starts[first]), len(rows))

    def _group_rows(self, group: int) -> int:
        return self._listings.metadata.row_group(group).num_rows

    def _tokenize(self, texts: list[str]) -> NDArray[np.int32]:
        with self._tokenizing:  # the tokenizers library lends itself to one thread at a time
            return self._tokenizer(texts)

    def _further(self, number: int) -> dict[str, list[str]]:
        if not self._with_pictures or not self._photos.is_file():
            return {}
        rows = pq.read_table(self._photos, filters=[("shard", "==", number)])
        further: dict[str, list[str]] = {}
        for item, image in zip(rows["item_id"].to_pylist(), rows["image"].to_pylist(), strict=True):
            further.setdefault(item, []).append(image)
        return further


@contextmanager
def listing_shards(
    config: Config,
    path: Path,
    images: Path,
    photos: Path | None,
    tokenizer: TitleTokenizer,
    size: int,
    *,
    with_pictures: bool = True,
) -> Iterator[ListingShards]:
    """Opens a catalogue as shards; the scratch file lives in the system's temporary folder.

    Args:
      config: the run's; `config.data.columns` are those of this table.
      path: Parquet, CSV or JSON lines, as `load_catalogue` takes it.
      images: folder that picture paths start from.
      photos: table of further photos; None = there is none.
      tokenizer: of the run.
      size: listings a shard.
      with_pictures: False = every listing is as if it had none, as where only titles are encoded.

    Raises:
      ConfigError: as `load_catalogue` and `all_photos` do; also when the scratch file does not fit.
    """
    with tempfile.TemporaryDirectory(prefix="stylejax-") as folder:
        scratch = Path(folder)
        try:
            _copy(config, path, scratch)
            if photos is not None:
                _join_photos(photos, scratch, size)
        except OSError as error:
            raise ConfigError(
                f"{path} cannot be copied to {scratch}: {error.strerror or error}; set TMPDIR to a "
                "folder with more room"
            ) from error
        yield ListingShards(scratch, config, images, tokenizer, size, with_pictures=with_pictures)


def _copy(config: Config, path: Path, scratch: Path) -> None:
    """Writes the listings in the table's order, and checks their ids."""
    columns, copy = config.data.columns, scratch / LISTINGS
    names = {
        name: getattr(columns, name)
        for name in ("item_id", "title", "image", "category_path", "attributes")
    }
    connection = ibis.duckdb.connect()
    table = mapped(read_table(connection, path), names, path, "data.columns")
    require_paths(table, config.data, path)
    with reading(path):
        connection.to_parquet(table, copy, row_group_size=ROWS)
    ids = _ids(connection, copy)
    if not ids.count().to_pyarrow().as_py():
        raise ConfigError(f"{path} has no listings")
    empty = ids.filter(ids.item_id == "").row.min().to_pyarrow().as_py()
    if empty is not None:
        raise no_id(path, config.data, empty)
    count = ids.group_by("item_id").agg(times=ids.count())
    repeated: Any = count.times
    twice = count.filter(repeated > 1).item_id.min().to_pyarrow().as_py()
    if twice is not None:
        raise id_twice(path, config.data, twice)


def _join_photos(photos: Path, scratch: Path, size: int) -> None:
    """Writes the further photos in the order of their listings, and names each one's shard."""
    connection = ibis.duckdb.connect()
    with reading(photos):
        connection.to_parquet(photo_table(connection, photos), scratch / "given.parquet")
    given = _rows(connection, scratch / "given.parquet").select(
        turn=ibis._.file_row_number,
        item_id=ibis._.item_id.cast("string"),
        image=ibis._.image.cast("string"),
    )
    given, listings = given.filter(given.image != ""), _ids(connection, scratch / LISTINGS)
    strange: ir.Table = given.anti_join(listings, "item_id").select("item_id").distinct()
    if count := strange.count().to_pyarrow().as_py():
        raise not_listed(photos, count, strange.item_id.min().to_pyarrow().as_py())
    joined = given.join(listings, "item_id").order_by("row", "turn")
    joined = joined.select("item_id", "image", shard=ibis._.row // size)
    connection.to_parquet(joined, scratch / PHOTOS, row_group_size=ROWS)


def _ids(connection: Any, listings: Path) -> ir.Table:
    """Row number and id of every listing."""
    return _rows(connection, listings).select(
        row=ibis._.file_row_number, item_id=ibis._.item_id.cast("string").fill_null("")
    )


def _rows(connection: Any, path: Path) -> ir.Table:
    return connection.read_parquet(path, file_row_number=True)
