"""Tests of stylejax/serving/pool.py."""

import asyncio
import threading
from typing import Any

import pytest

from stylejax.serving.pool import Pool


def test_it_does_so_much_at_a_time() -> None:
    working, most, lock = 0, 0, threading.Lock()
    together = threading.Barrier(3)

    def work() -> str:
        nonlocal working, most
        with lock:
            working += 1
            most = max(most, working)
        together.wait(10)
        with lock:
            working -= 1
        return threading.current_thread().name

    async def asked() -> list[str]:
        pool = Pool("few", 3)
        try:
            return await asyncio.gather(*(pool.do(work) for _ in range(12)))
        finally:
            pool.close()

    names = asyncio.run(asked())
    assert (len(names), most) == (12, 3)
    assert {name[:3] for name in names} == {"few"}


def test_a_failure_is_the_askers() -> None:
    def broken() -> None:
        raise OSError("no such picture")

    async def asked() -> int:
        pool = Pool("one", 1)
        with pytest.raises(OSError, match="no such picture"):
            await pool.do(broken)
        try:
            return await pool.do(lambda: 7)
        finally:
            pool.close()

    assert asyncio.run(asked()) == 7


def test_who_goes_leaves_nothing_behind() -> None:
    go, done = threading.Event(), []

    async def asked() -> None:
        pool = Pool("one", 1)

        def ask(number: int) -> asyncio.Task[Any]:
            def work() -> None:
                assert go.wait(10)
                done.append(number)

            return asyncio.create_task(pool.do(work))

        begun = ask(0)
        await asyncio.sleep(0.05)
        gone, last = [ask(number) for number in (1, 2, 3)], ask(4)
        await asyncio.sleep(0.05)
        for task in (begun, *gone):
            task.cancel()
        await asyncio.gather(begun, *gone, return_exceptions=True)
        await asyncio.sleep(0.05)
        # The thread is not free yet, though who asked it has gone, and it has no queue.
        assert not last.done()
        assert pool._threads._work_queue.qsize() == 0
        go.set()
        await last
        pool.close()

    asyncio.run(asked())
    assert done == [0, 4]
