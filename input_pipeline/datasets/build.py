"""Building a data set: record files through TFDS, then the catalogue that names the records."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import tensorflow_datasets as tfds

from input_pipeline.datasets.builder import LISTINGS, ListingBuilder
from input_pipeline.datasets.records import open_split, record_reference
from input_pipeline.pictures import write_quarantine
from stylejax.config import ConfigError

CATALOGUE = "listings.parquet"
FAILURES = "failures.csv"
OPTIONAL = ("attributes", "group", "name")


@dataclass(frozen=True)
class BuiltDataset:
    """What a build left on disk."""

    folder: Path  # dataset_info.json, record files, `listings.parquet`, perhaps `failures.csv`
    listings: dict[str, int]  # listings of each split
    pictures: int  # listings with picture bytes
    failures: int  # listings whose picture could not be had; named in `failures.csv`


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
    """Writes `listings.parquet` and `failures.csv` of a data set from its own records.

    One pass over the records: only they know where the shuffle, or Beam, has put a listing. Rows
    stand in the order of the source. A column of `OPTIONAL` is there if any listing has a value.
    """
    names = [name for name in LISTINGS.names if name != "image"]
    columns: dict[str, list] = {name: [] for name in [*names, "image", "row"]}
    failures: dict[str, tuple[str, str]] = {}
    counts = {}
    for split in splits:
        records = open_split(folder, split)
        counts[split] = len(records)
        for number in range(len(records)):
            record = records[number]
            for name in names:
                columns[name].append(record[name].decode())
            columns["image"].append(record_reference(split, number) if record["image"] else "")
            columns["row"].append(int(record["row"]))
            if record["image_error"]:
                item, source, reason = (
                    record[name].decode() for name in ("item_id", "image_source", "image_error")
                )
                failures[item] = (source, reason)
    table = pa.table(columns).sort_by("row").drop_columns("row")
    unknown = [name for name in OPTIONAL if not any(columns[name])]
    (folder / FAILURES).unlink(missing_ok=True)
    if failures:
        write_quarantine(failures, folder / FAILURES)
    draft = folder / f"{CATALOGUE}.partial"
    pq.write_table(table.drop_columns(unknown), draft)
    draft.replace(folder / CATALOGUE)  # last and at once: where it is, the data set is whole
    return BuiltDataset(folder, counts, sum(map(bool, columns["image"])), len(failures))
