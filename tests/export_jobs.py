"""Shards of made-up listings, and an encoder whose vectors tell which listing they are of."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from stylejax.batch import Products
from stylejax.config import VIEWS
from stylejax.origin import Origin
from stylejax.retrieval.export.finish import finish
from stylejax.retrieval.export.job import ExportJob
from stylejax.retrieval.export.run import export

ORIGIN = Origin("grocery", 3, "abc", "ff0")
DIM = 6
BATCH = 4


@dataclass(frozen=True)
class Listings:
    """A shard; a title is what its listing's vectors come from, "" = it has none."""

    number: int
    titles: Mapping[str, str]
    quarantine: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def item_id(self) -> list[str]:
        return list(self.titles)

    @property
    def category_path(self) -> list[str]:
        return [f"Home > {len(title)}" for title in self.titles.values()]

    @property
    def digest(self) -> list[str]:
        return [hashlib.sha256(title.encode()).hexdigest() for title in self.titles.values()]

    @property
    def unreadable(self) -> list[bool]:
        return [item in self.quarantine for item in self.titles]

    def batches(self, rows: np.ndarray, batch_size: int) -> Iterator[tuple[np.ndarray, Products]]:
        numbers = np.array([int(title or "-1") for title in self.titles.values()], np.int32)
        for start in range(0, len(rows), batch_size):
            chunk = rows[start : start + batch_size]
            tokens = np.full((batch_size, 1), -1, np.int32)
            tokens[: len(chunk), 0] = numbers[chunk]
            image = np.zeros((batch_size, 2, 2, 3), np.uint8)
            yield chunk, Products(image, np.ones(batch_size, bool), tokens)


class TitleEncoder:
    """Draws the vectors of a listing from the number that its title is; it lacks only view t."""

    def __init__(self, origin: Origin = ORIGIN) -> None:
        self.origin = origin
        self.encoded = 0

    def encode(
        self, batches: Iterable[tuple[np.ndarray, Products]], views: Iterable[str]
    ) -> Iterator:
        views = list(views)
        for rows, products in batches:
            numbers = products.tokens[: len(rows), 0]
            self.encoded += len(rows)
            vectors = {view: np.stack([vector(int(n), view) for n in numbers]) for view in views}
            there = {view: numbers >= 0 if view == "t" else numbers > -2 for view in views}
            yield rows, vectors, there


def vector(number: int, view: str) -> np.ndarray:
    drawn = np.random.default_rng([number + 1, ord(view)]).normal(size=DIM)
    return (drawn / np.linalg.norm(drawn)).astype(np.float32)


def titles(count: int, *, untitled: Sequence[int] = (3,)) -> dict[str, str]:
    return {f"item {n}": "" if n in untitled else str(n) for n in range(count)}


def cut(listings: Mapping[str, str], size: int) -> list[Listings]:
    items = list(listings.items())
    return [
        Listings(number, dict(items[start : start + size]))
        for number, start in enumerate(range(0, len(items), size))
    ]


def job(shards: Sequence[Listings], **options: Any) -> ExportJob:
    return ExportJob(
        **{
            "origin": ORIGIN,
            "shards": len(shards),
            "views": VIEWS,
            "dtype": "float32",
            "dim": DIM,
            "batch_size": BATCH,
            "shard_listings": max(len(shard.titles) for shard in shards),
        }
        | options
    )


def exported(shards: Sequence[Listings], folder: Path, **options: Any) -> dict[str, Any]:
    """Runs a whole export; returns its manifest."""
    what = job(shards, **options)
    export(
        TitleEncoder(what.origin), shards, what, folder, sum(len(shard.titles) for shard in shards)
    )
    ended = finish(what, folder)
    assert ended is not None
    return ended[0]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
