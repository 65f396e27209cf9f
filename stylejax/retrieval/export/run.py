"""Shards on their way from the encoder to the disk."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stylejax.batch import Products
from stylejax.config import ConfigError
from stylejax.progress import Advance, progress
from stylejax.retrieval.encoding import Encoder
from stylejax.retrieval.export.files import finished, write_shard
from stylejax.retrieval.export.job import ExportJob, Shard
from stylejax.retrieval.manifest import MANIFEST
from stylejax.retrieval.vector_table import rows_by_item, vector_table
from stylejax.retrieval.vectors import collect, prefix

if TYPE_CHECKING:
    from stylejax.encoder.inference import Encoded


def export(
    encoder: Encoder, shards: Iterable[Shard], job: ExportJob, folder: Path, listings: int
) -> int:
    """Encodes shards and writes their vectors, under a progress bar.

    The encoder never waits for the disk: a shard is written while the next one is encoded. At most
    three are in memory.

    Args:
      encoder: trained.
      shards: of the catalogue, or a host's part of them.
      job: what they have in common.
      folder: created; where it holds a finished export, that loses its manifest as soon as a shard
        of it is made anew, so that nobody reads a mixture.
      listings: of these shards together.

    Returns:
      How many of the shards were done before.

    Raises:
      ConfigError: when vectors are shorter than `job.dim`, or the folder takes no files.
    """
    with _writing_to(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with progress("export", "listings") as advance, ThreadPoolExecutor(1) as disk:
        run = _Run(job, folder, advance, listings, disk)
        for batch in encoder.encode(run.feed(shards), job.views):
            run.take(batch)
        run.write_ready(to_the_end=True)
        return run.done_before


@contextmanager
def _writing_to(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigError(
            f"vectors cannot be written to {folder}: {error.strerror or error}; make room or "
            "choose another --out, and run this again: shards that are done stay done"
        ) from error


@dataclass
class _Open:
    """A shard whose vectors come in."""

    shard: Shard
    missing: int  # listings that are not encoded yet
    kept: pa.Table | None  # rows of an earlier export
    known: dict[str, int]
    encoded: list[Encoded] = field(default_factory=list)


class _Run:
    """The shards of one export on their way from the encoder to the disk."""

    def __init__(
        self,
        job: ExportJob,
        folder: Path,
        advance: Advance,
        listings: int,
        disk: ThreadPoolExecutor,
    ):
        self._job, self._folder, self._advance, self._disk = job, folder, advance, disk
        self._identity = job.identity
        self._total, self._done, self.done_before = listings, 0, 0
        self._open: deque[_Open] = deque()
        self._writing: Future[None] | None = None

    def feed(self, shards: Iterable[Shard]) -> Iterator[tuple[NDArray[np.int64], Products]]:
        """Batches of all shards that are not done, one shard after another."""
        for shard in shards:
            if finished(self._folder, shard.number, self._identity, shard.digest):
                self.done_before += 1
                self._total -= len(shard.item_id)
                continue
            # Readers must not take what is being replaced for a whole.
            (self._folder / MANIFEST).unlink(missing_ok=True)
            rows, kept, known = self._compared(shard)
            self._open.append(_Open(shard, len(rows), kept, known))
            self.write_ready()
            yield from shard.batches(rows, self._job.batch_size)

    def take(self, batch: Encoded) -> None:
        """Takes in a batch of vectors: those of the oldest shard that lacks some."""
        rows, vectors, present = batch
        vectors = {
            view: x if x.shape[1] == self._job.dim else prefix(x, self._job.dim)
            for view, x in vectors.items()
        }
        shard = next(shard for shard in self._open if shard.missing)
        shard.encoded.append((rows, vectors, present))
        shard.missing -= len(rows)
        self._done += len(rows)
        self._advance(self._done, self._total)
        self.write_ready()

    def write_ready(self, *, to_the_end: bool = False) -> None:
        """Has shards written that lack nothing, one at a time."""
        while self._open and not self._open[0].missing:
            self._wait()
            self._writing = self._disk.submit(self._write, self._open.popleft())
        if to_the_end:
            self._wait()

    def _wait(self) -> None:
        if self._writing is not None:
            self._writing.result()
            self._writing = None

    def _compared(self, shard: Shard) -> tuple[NDArray[np.int64], pa.Table | None, dict[str, int]]:
        """Rows to encode, stored rows to keep, and how many listings are what."""
        everything = np.arange(len(shard.item_id))
        if self._job.earlier is None:
            return everything, None, {"encoded": len(everything)}
        before = self._job.earlier.digests(shard.item_id)
        same = {
            item: before[item][1]
            for item, digest in zip(shard.item_id, shard.digest, strict=True)
            if item in before and before[item][0] == digest
        }
        self._total -= len(same)
        rows = np.array([r for r, item in enumerate(shard.item_id) if item not in same], np.int64)
        known = {
            "encoded": len(rows),
            "kept": len(same),
            "changed": len(before) - len(same),
            "added": len(shard.item_id) - len(before),
        }
        return rows, self._job.earlier.vectors(same), known

    def _write(self, done: _Open) -> None:
        job, shard = self._job, done.shard
        tables = [] if done.kept is None else [done.kept]
        if done.encoded:
            found = collect(done.encoded, shard.item_id)
            for view in job.views:
                there = found.present[view]
                items = list(compress(found.item_id, there))
                vectors = found.vectors[view][there]
                tables.append(vector_table(items, [view] * len(items), vectors, job.dtype))
        with _writing_to(self._folder):
            write_shard(
                self._folder,
                self._identity,
                _ordered(pa.concat_tables(tables), shard.item_id, job.views),
                shard,
                known=done.known,
            )


def _ordered(table: pa.Table, item_id: Sequence[str], views: Sequence[str]) -> pa.Table:
    """Rows view by view, each in the order of the catalogue."""
    view = np.array([views.index(name) for name in table["view"].to_pylist()], np.int64)
    ordered = table.take(np.lexsort((rows_by_item(table, item_id), view)))
    return ordered.combine_chunks()  # or the pages of the file would lie as the rows came
