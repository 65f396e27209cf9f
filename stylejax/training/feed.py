"""From the host's batches to batches on the devices, ahead of the step that wants them."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Generator, Iterator
from typing import Protocol, runtime_checkable

from jax.sharding import Mesh

from stylejax.batch import PairBatch, flat_pixels
from stylejax.training.mesh import place
from stylejax.training.stop import DataTimeout

PATIENCE = 10.0  # seconds that the batch in hand may take when nobody wants it any more


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

    At most two steps stand in the devices' queue, and one batch waits on the devices beside that of
    the step that runs: they do not pile up there.
    """

    def __init__(self, batches: Iterator[PairBatch], mesh: Mesh, timeout: float = 0.0):
        """Starts to fetch the first.

        Args:
          batches: endless batches of this host.
          mesh: devices.
          timeout: seconds after which a batch that has not come is given up; 0 = never.
        """
        self._batches, self._mesh, self._timeout = batches, mesh, timeout
        # A step after which the next batch has room, None where it has; empty = no more.
        self._orders: queue.SimpleQueue[tuple[Pending | None, ...]] = queue.SimpleQueue()
        self._results: queue.SimpleQueue[PairBatch | BaseException] = queue.SimpleQueue()
        # A daemon: a source that hangs must not keep the process from ending.
        self._worker = threading.Thread(target=self._work, daemon=True)
        self._worker.start()
        self._orders.put((None,))
        self._hung = False
        self._earlier: Pending | None = None
        self._wait, self._since = 0.0, time.monotonic()

    def next(self, newest: Pending | None, *, last: bool) -> PairBatch:
        """The next batch; starts to fetch the one after it.

        Args:
          newest: a result of the newest step, finished or not; None before the first.
          last: no further batch will be asked for.

        Raises:
          DataTimeout: when none came in time.
          Exception: whatever the batches raised.
        """
        if self._earlier is not None:
            self._earlier.block_until_ready()
        self._earlier = newest
        asked = time.monotonic()
        try:
            batch = self._results.get(timeout=self._timeout or None)
        except queue.Empty:
            self._hung = True
            raise DataTimeout(
                f"no batch came for {self._timeout:.0f} s (--training.data-timeout): look at the "
                "store of the pictures; --resume goes on from the last checkpoint"
            ) from None
        if isinstance(batch, BaseException):
            raise batch
        # As long as a step was running the devices did not wait.
        if newest is None or newest.is_ready():
            self._wait += time.monotonic() - asked
        if not last:
            self._orders.put((newest,))
        return batch

    def waited(self) -> float:
        """Share of the time since it was last asked for that the devices waited for a batch."""
        now = time.monotonic()
        share = self._wait / max(now - self._since, 1e-9)
        self._wait, self._since = 0.0, now
        return share

    def close(self) -> None:
        """Ends the fetching, and with it whatever the batches do ahead."""
        self._orders.put(())
        if self._hung:
            return  # whoever waits for it waits for ever
        self._worker.join(PATIENCE)
        if isinstance(self._batches, Generator) and not self._worker.is_alive():
            self._batches.close()

    def _work(self) -> None:
        while order := self._orders.get():
            try:
                batch = flat_pixels(next(self._batches))
                for earlier in order:
                    if earlier is not None:
                        earlier.block_until_ready()
                self._results.put(place(self._mesh, batch))
            except BaseException as error:  # it is the caller's
                self._results.put(error)
