"""From the host's batches to batches on the devices, ahead of the step that wants them."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, runtime_checkable

from jax.sharding import Mesh

from stylejax.batch import PairBatch
from stylejax.training.mesh import place


@runtime_checkable
class Pending(Protocol):
    """What a step will have given: a `jax.Array`."""

    def is_ready(self) -> bool:
        """Whether it is computed."""
        ...

    def block_until_ready(self) -> object:
        """Returns when it is."""
        ...


class Feed:
    """Batches on the devices, one ahead of the step that runs; knows how long they kept it waiting.

    At most two steps stand in the devices' queue, so that batches do not pile up there.
    """

    def __init__(self, batches: Iterator[PairBatch], mesh: Mesh):
        """Starts to fetch the first.

        Args:
          batches: endless batches of this host.
          mesh: devices.
        """
        self._batches, self._mesh = batches, mesh
        self._pool = ThreadPoolExecutor(1)
        self._coming = self._pool.submit(self._fetch)
        self._earlier: Pending | None = None
        self._wait, self._since = 0.0, time.monotonic()

    def next(self, newest: Pending | None, *, last: bool) -> PairBatch:
        """The next batch; starts to fetch the one after it.

        Args:
          newest: a result of the newest step, finished or not; None before the first.
          last: no further batch will be asked for.

        Raises:
          Exception: whatever the batches raised.
        """
        if self._earlier is not None:
            self._earlier.block_until_ready()
        self._earlier = newest
        asked = time.monotonic()
        batch = self._coming.result()
        # As long as a step was running the devices did not wait.
        if newest is None or newest.is_ready():
            self._wait += time.monotonic() - asked
        if not last:
            self._coming = self._pool.submit(self._fetch)
        return batch

    def waited(self) -> float:
        """Share of the time since it was last asked for that the devices waited for a batch."""
        now = time.monotonic()
        share = self._wait / max(now - self._since, 1e-9)
        self._wait, self._since = 0.0, now
        return share

    def close(self) -> None:
        """Ends the fetching, and with it whatever the batches do ahead."""
        self._pool.shutdown(cancel_futures=True)
        if isinstance(self._batches, Generator):
            self._batches.close()

    def _fetch(self) -> PairBatch:
        return place(self._mesh, next(self._batches))
