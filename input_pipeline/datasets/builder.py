"""What all data sets share: their features, and listings to examples with picture bytes."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import tensorflow_datasets as tfds

from input_pipeline.datasets.fetch import PictureLoader
from stylejax.config import ConfigError

# A listing before its picture is loaded: `image` is a path, an address, or empty.
LISTINGS = pa.schema(
    [
        ("item_id", pa.string()),
        ("title", pa.string()),
        ("attributes", pa.string()),  # as words, "" where there are none
        ("category_path", pa.string()),
        ("split", pa.string()),
        ("group", pa.string()),  # the true product, "" where it is not known
        ("name", pa.string()),  # the product's own name, "" where it has none
        ("image", pa.string()),
    ]
)
FURTHER = "further_photos"  # split of the listings' further photos
_CHUNK = 1_000  # listings that a Beam worker takes at a time


class ListingBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Base of the builders: a subclass says what the listings are.

    Every example has the columns of `LISTINGS` as bytes of UTF-8, and

    - `row`, int64: the listing's place in its source, over all splits;
    - `image`, bytes: the picture as its file has it, not decoded: it is read by the same rules as
      a file, and one that is damaged costs its listing the picture, not the build;
    - `image_source`: the path or address that it came from;
    - `image_error`: why there are no bytes, empty where there are some or no picture is named.

    Further photos of a listing are examples of a split of their own, `FURTHER`: `item_id` is the
    listing's, `name` tells its photos apart, and there are no words.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}  # noqa: RUF012 - TFDS reads a plain dict

    def __init__(
        self,
        *,
        loader: PictureLoader | None = None,
        beam: bool = False,
        progress: Callable[[int, int], None] | None = None,
        **kwargs: Any,
    ):
        """Takes what TFDS takes (`data_dir`, ...); files are ArrayRecord.

        Args:
          loader: how pictures are found.
          beam: make examples in an Apache Beam pipeline, which `DownloadConfig` configures.
          progress: called as `progress(listings done, listings in all)`; not with Beam.
          **kwargs: see `tfds.core.GeneratorBasedBuilder`.
        """
        self.loader, self.beam, self.progress = loader or PictureLoader(), beam, progress
        super().__init__(**{"file_format": "array_record", **kwargs})

    def listings(self, downloads: tfds.download.DownloadManager) -> tuple[pa.Table, PictureLoader]:
        """The listings, in the order that `row` keeps, and what loads their pictures."""
        raise NotImplementedError

    def further_photos(self) -> pa.Table:
        """`item_id` and `image` of photos beside the listings' own, asked for after `listings`.

        Those of one listing stand in the order in which training shows them.
        """
        return pa.table({name: pa.array([], pa.string()) for name in ("item_id", "image")})

    def _info(self) -> tfds.core.DatasetInfo:
        text = tfds.features.Text
        features = {name: text() for name in LISTINGS.names if name != "image"}
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    **features,
                    "row": tfds.features.Scalar(np.int64),
                    "image": tfds.features.Scalar(np.object_),
                    "image_source": text(),
                    "image_error": text(),
                }
            )
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        table, loader = self.listings(dl_manager)
        for split in table["split"].unique().to_pylist():
            require_split_name(split)
        parts = [table.select(LISTINGS.names).cast(LISTINGS), _as_listings(self.further_photos())]
        table = pa.concat_tables(parts)
        table = table.append_column("row", pa.array(np.arange(len(table)), pa.int64()))
        self._done, self._total = 0, len(table)
        generators = {}
        for split in table["split"].unique().to_pylist():
            rows = table.filter(pc.field("split") == split)
            generators[split] = self._generate_examples(rows, loader)
        return generators

    def _generate_examples(self, rows: pa.Table, loader: PictureLoader) -> Any:
        """(key, example) of one split: an iterator, or a Beam transform that makes the same."""
        if not self.beam:
            return self._counted(examples(rows, loader))
        import apache_beam as beam

        # The rows go through a file: as part of the pipeline they would have to fit in its graph.
        self.scratch.mkdir(parents=True, exist_ok=True)
        path = self.scratch / f"{rows['split'][0]}.parquet"
        pq.write_table(rows, path, row_group_size=_CHUNK)
        return (
            beam.Create(range(pq.read_metadata(path).num_row_groups))
            | beam.Reshuffle()  # or Beam may fuse the steps and leave all work to one worker
            | beam.FlatMap(_examples_of_group, path, loader)
        )

    @property
    def scratch(self) -> Path:
        """Folder of what Beam's workers read while they build; `build_dataset` removes it."""
        return Path(self.data_dir_root) / f"{self.name}.listings"

    def _counted(self, made: Iterator[Any]) -> Iterator[Any]:
        for one in made:
            self._done += 1
            if self.progress is not None:
                self.progress(self._done, self._total)
            yield one


def require_split_name(split: str) -> None:
    """Checks that a split can be part of a file's name.

    Raises:
      ConfigError: when it is empty or taken, or has other characters than letters, digits and _.
    """
    if not re.fullmatch(r"\w+", split or "") or split in ("all", FURTHER):
        raise ConfigError(
            f"split {split!r} cannot be part of a file's name; use letters, digits and _, not "
            f'"all" or "{FURTHER}", or map the column to nothing with --data.columns.split ""'
        )


def _as_listings(photos: pa.Table) -> pa.Table:
    """Further photos as a table of `LISTINGS`."""
    shown: Counter[str] = Counter()
    columns = {name: [""] * len(photos) for name in LISTINGS.names}
    columns |= photos.select(["item_id", "image"]).to_pydict()
    columns["split"] = [FURTHER] * len(photos)
    for place, item in enumerate(columns["item_id"]):
        shown[item] += 1
        columns["name"][place] = f"photo {shown[item] + 1}"
    return pa.table(columns, schema=LISTINGS)


def examples(
    rows: pa.Table, loader: PictureLoader, threads: int = 16
) -> Iterator[tuple[str, dict[str, Any]]]:
    """(key, example) of every listing in order; `threads` pictures are loaded at a time."""
    ahead: deque = deque()
    with ThreadPoolExecutor(threads) as pool:
        for batch in rows.to_batches(max_chunksize=_CHUNK):
            for listing in batch.to_pylist():
                ahead.append(pool.submit(example, listing, loader))
                if len(ahead) > 4 * threads:
                    yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def _examples_of_group(
    group: int, path: Path, loader: PictureLoader
) -> list[tuple[str, dict[str, Any]]]:
    return list(examples(pq.ParquetFile(path).read_row_group(group), loader))


def example(listing: dict[str, Any], loader: PictureLoader) -> tuple[str, dict[str, Any]]:
    """The key and the features of one listing."""
    content, error = loader.load(listing["image"])
    loaded = {"image": content, "image_source": listing["image"], "image_error": error}
    return picture_name(listing), {**listing, **loaded}


def picture_name(listing: dict[str, Any]) -> str:
    """What a listing's picture is called: its id, and which of its photos a further one is."""
    item, further = listing["item_id"], listing["split"] == FURTHER
    return f"{item} ({listing['name']})" if further else item


def local_copy(downloads: tfds.download.DownloadManager) -> Path | None:
    """The folder given as TFDS's `manual_dir`; None where there is none."""
    try:
        return Path(downloads.manual_dir)
    except AssertionError:  # TFDS's word for: not given, missing or empty
        return None
