"""A few threads for work that must not hold up the server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")


class Pool:
    """Threads without a queue: whoever waits for one keeps its work, and takes it along if it goes.

    A queue would hold the photos of clients that have gone.
    """

    def __init__(self, name: str, threads: int):
        """None works yet."""
        self._threads = ThreadPoolExecutor(threads, name)
        self._free = asyncio.Semaphore(threads)

    async def do(self, work: Callable[[], Result]) -> Result:
        """What `work` returns, done in a thread; raises what it raises."""
        await self._free.acquire()
        done = asyncio.get_running_loop().run_in_executor(self._threads, work)
        # A thread is not free before it has ended, though whoever asked may have gone.
        done.add_done_callback(lambda _: self._free.release())
        return await asyncio.shield(done)

    def close(self) -> None:
        """Begins nothing more; what is being done is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)
