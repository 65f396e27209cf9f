"""Building a data set: record files through TFDS, then the catalogue that names the records."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import tensorflow_datasets as tfds

from input_pipeline.datasets.builder import FURTHER, LISTINGS, ListingBuilder, picture_name
from input_pipeline.datasets.records import open_split, record_reference
from input_pipeline.pictures import write_quarantine
from stylejax.config import ConfigError

CATALOGUE = "listings.parquet"
PHOTOS = "photos.parquet"
FAILURES = "failures.csv"
OPTIONAL = ("attributes", "group", "name")


@dataclass(frozen=True)
class BuiltDataset:
    """What a build left on disk."""

    folder: Path  # dataset_info.json, record files, `CATALOGUE`, perhaps `PHOTOS`, `FAILURES`
    listings: dict[str, int]  # listings of each split
    pictures: int  # listings with picture bytes
    photos: int  # further photos with bytes
    failures: int  # pictures that could not be had; named in `failures.csv`


def build_dataset(
    builder: ListingBuilder, *, manual_dir: str = "", beam_options: str = ""
) -> BuiltDataset:
    """Writes a data set below the builder's `data_dir`.

    A build that was stopped is done again, except for pictures that the loader's cache has kept.

    Args:
      builder: says what the listings are.
      manual_dir: a local copy of what the builder would download; empty = download.
      beam_options: ``name=value,name=value`` for the pipeline of a builder that uses Beam.

    Raises:
      FileExistsError: when the data set is there already.
      ConfigError: for what the builder cannot use, or when it uses Beam and there is none.
    """
    folder = Path(builder.data_path)
    if (folder / CATALOGUE).is_file():
        raise FileExistsError(f"{folder} is built already: delete it, or give another --out")
    config = tfds.download.DownloadConfig(
        manual_dir=manual_dir or None,
        beam_options=_pipeline_options(beam_options) if builder.beam else None,
    )
    tfds.disable_progress_bar()  # builders report their own progress
    try:
        builder.download_and_prepare(download_config=config)
    finally:
        shutil.rmtree(builder.scratch, ignore_errors=True)
    return write_listings(folder, list(builder.info.splits))


def _pipeline_options(given: str) -> Any:
    try:
        from apache_beam.options.pipeline_options import PipelineOptions
    except ImportError as error:
        raise ConfigError(
            "--beam needs Apache Beam: pip install 'stylejax[beam]', in an environment of its own"
        ) from error
    return PipelineOptions([f"--{option}" for option in given.split(",") if option])


def write_listings(folder: Path, splits: list[str]) -> BuiltDataset:
    """Writes `CATALOGUE`, `PHOTOS` and `FAILURES` of a data set from its own records.

    One pass over the records: only they know where the shuffle, or Beam, has put a listing. Rows
    stand in the order of the source. A column of `OPTIONAL` is there if any listing has a value,
    `PHOTOS` if there is a further photo, `FAILURES` if a picture could not be had.
    """
    names = [name for name in LISTINGS.names if name != "image"]
    columns: dict[str, list] = {name: [] for name in [*names, "image", "row"]}
    failures: dict[str, tuple[str, str]] = {}
    for split in splits:
        records = open_split(folder, split)
        for number in range(len(records)):
            record = records[number]
            listing = {name: record[name].decode() for name in names}
            for name, value in listing.items():
                columns[name].append(value)
            columns["image"].append(record_reference(split, number) if record["image"] else "")
            columns["row"].append(int(record["row"]))
            if record["image_error"]:
                source, reason = (record[name].decode() for name in ("image_source", "image_error"))
                failures[picture_name(listing)] = (source, reason)
    table = pa.table(columns).sort_by("row").drop_columns("row")
    is_further = pc.equal(table["split"], FURTHER)
    listings = table.filter(pc.invert(is_further))
    photos = table.filter(pc.and_(is_further, pc.not_equal(table["image"], "")))
    unknown = [name for name in OPTIONAL if not any(listings[name].to_pylist())]
    for name in (PHOTOS, FAILURES):
        (folder / name).unlink(missing_ok=True)
    if photos.num_rows:
        pq.write_table(photos.select(["item_id", "image"]), folder / PHOTOS)
    if failures:
        write_quarantine(failures, folder / FAILURES)
    draft = folder / f"{CATALOGUE}.partial"
    pq.write_table(listings.drop_columns(unknown), draft)
    draft.replace(folder / CATALOGUE)  # last and at once: where it is, the data set is whole
    return BuiltDataset(
        folder,
        {split: columns["split"].count(split) for split in splits if split != FURTHER},
        sum(map(bool, listings["image"].to_pylist())),
        photos.num_rows,
        len(failures),
    )
