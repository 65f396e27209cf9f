"""Picture bytes of a built data set, by reference and at random.

A catalogue names a record as ``SPLIT.array_record#NUMBER`` where another has a path.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_RECORD = re.compile(r"(\w+)\.array_record#(\d+)")


def record_reference(split: str, number: int) -> str:
    """The reference of a split's record."""
    return f"{split}.array_record#{number}"


def is_record(image: str) -> bool:
    """Whether a catalogue's `image` names a record rather than a file."""
    return _RECORD.fullmatch(image) is not None


class RecordPictures:
    """Record references to picture bytes. Opened at the first use; safe in several threads."""

    def __init__(self, folder: Path):
        """Takes the data set's folder, the one that holds `dataset_info.json`."""
        self._folder = folder
        self._splits: dict[str, Sequence[Any]] = {}
        self._lock = threading.Lock()

    def __getitem__(self, reference: str) -> bytes:
        """The bytes of the picture as they were stored.

        Raises:
          OSError: when there is no such data set, split or record, or it is damaged.
        """
        found = _RECORD.fullmatch(reference)
        if found is None:
            raise FileNotFoundError(f"{reference} names no record")
        split, number = found[1], int(found[2])
        records = self._split(split)
        if number >= len(records):
            raise FileNotFoundError(f"split {split} has {len(records)} records, no {number}")
        try:
            return bytes(records[number]["image"])
        except Exception as error:  # whatever the reader says of a damaged file
            raise OSError(f"{reference}: {error}") from error

    def has(self, reference: str) -> bool:
        """Whether a record can be read."""
        try:
            return bool(self[reference])
        except OSError:
            return False

    def _split(self, split: str) -> Sequence[Any]:
        with self._lock:
            if split not in self._splits:
                self._splits[split] = open_split(self._folder, split)
            return self._splits[split]


def open_split(folder: Path, split: str) -> Sequence[Any]:
    """The examples of a split, read at random: dicts of the features of `datasets.builder`.

    Raises:
      OSError: when the folder holds no data set, or none with such a split.
    """
    import tensorflow_datasets as tfds

    try:
        builder: Any = tfds.builder_from_directory(folder)
        return builder.as_data_source(split)
    except Exception as error:  # TFDS raises many kinds for a folder that is not what it should be
        reason = [type(error).__name__, *str(error).splitlines()][:2]
        raise FileNotFoundError(
            f"no split {split} of a data set in {folder}: {': '.join(reason)}"
        ) from error
