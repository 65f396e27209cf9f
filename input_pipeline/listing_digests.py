"""Whether a listing is still what it was when it was encoded."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from input_pipeline.datasets.records import RecordPictures, is_record
from input_pipeline.photos import Photos

AT_ONCE = 16  # files asked for their size and time: on a network disk each takes a while


def digests(
    texts: Sequence[str], categories: Sequence[str], photos: Photos, images: Path
) -> list[str]:
    """One digest a listing: of its text, its category, and its pictures' paths and states.

    A file's state is its size and the time it was changed, as rsync tells changed files; a record
    of a built data set is read.

    Args:
      texts: `[n]` of the listings.
      categories: `[n]` paths, which an index keeps beside the vectors.
      photos: of the same listings.
      images: folder that picture paths start from.
    """
    records = RecordPictures(images)

    def state(image: str) -> Any:
        try:
            if is_record(image):
                return hashlib.sha256(records[image]).hexdigest()
            found = (images / image).stat()
        except (OSError, ValueError):  # no such picture, or no file can have such a path
            return None
        return found.st_size, found.st_mtime_ns

    with ThreadPoolExecutor(AT_ONCE) as pool:
        states = list(pool.map(lambda image: state(image) if image else None, photos.images))
    found = []
    for row, known in enumerate(zip(texts, categories, strict=True)):
        mine = slice(photos.start[row], photos.start[row + 1])
        seen = [*known, photos.images[mine], states[mine]]
        found.append(hashlib.sha256(json.dumps(seen).encode()).hexdigest()[:32])
    return found
