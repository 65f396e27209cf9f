"""Tests of stylejax/serving/batching.py."""

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylejax.serving.batching import Batcher


class Doubling:
    """Answers n with 2n, and notes its batches; waits for `go` before each."""

    def __init__(self) -> None:
        self.batches: list[tuple[str, list[int]]] = []
        self.go = threading.Event()
        self.go.set()

    def __call__(self, lane: str, numbers: Sequence[int]) -> list[int]:
        assert self.go.wait(10)
        self.batches.append((lane, list(numbers)))
        if -1 in numbers:
            raise ValueError("the device fails at -1")
        return [2 * number for number in numbers]


def during(batcher: Batcher, asked: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine while the batcher works."""

    async def both() -> Any:
        working = asyncio.create_task(batcher.run())
        try:
            return await asyncio.wait_for(asked, 20)
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)

    return asyncio.run(both())


def batcher(work: Doubling, **options: Any) -> Batcher[int, int]:
    return Batcher(work, **({"most": 4, "seconds": 0.02} | options))


def test_questions_of_one_moment_go_together() -> None:
    work = Doubling()
    queue = batcher(work)

    async def asked() -> list[int]:
        return await asyncio.gather(*(queue.ask("m", n) for n in range(10)))

    assert during(queue, asked()) == [2 * n for n in range(10)]
    assert work.batches == [("m", [0, 1, 2, 3]), ("m", [4, 5, 6, 7]), ("m", [8, 9])]
    assert (queue.batches, queue.questions) == (3, 10)


def test_lanes_do_not_mix_and_the_first_to_come_is_the_first_to_go() -> None:
    work = Doubling()
    queue = batcher(work)

    async def asked() -> list[int]:
        return await asyncio.gather(*(queue.ask("mt"[n % 2], n) for n in range(6)))

    assert during(queue, asked()) == [0, 2, 4, 6, 8, 10]
    assert work.batches == [("m", [0, 2, 4]), ("t", [1, 3, 5])]


def test_a_question_does_not_wait_for_company_for_long() -> None:
    work = Doubling()
    queue = batcher(work)
    assert during(queue, queue.ask("m", 7)) == 14
    assert work.batches == [("m", [7])]


def test_what_comes_while_the_device_works_is_the_next_batch() -> None:
    work = Doubling()
    work.go.clear()
    queue = batcher(work, seconds=0)

    async def asked() -> list[int]:
        first = asyncio.create_task(queue.ask("m", 0))
        await asyncio.sleep(0.05)
        others = [asyncio.create_task(queue.ask("m", n)) for n in (1, 2, 3)]
        await asyncio.sleep(0.05)
        work.go.set()
        return await asyncio.gather(first, *others)

    assert during(queue, asked()) == [0, 2, 4, 6]
    assert work.batches == [("m", [0]), ("m", [1, 2, 3])]


def test_a_failure_is_reported_and_the_next_batch_is_done() -> None:
    work = Doubling()
    queue = batcher(work, seconds=0.01)

    async def asked() -> int:
        with pytest.raises(ValueError, match="fails at -1"):
            await queue.ask("m", -1)
        return await queue.ask("m", 5)

    assert during(queue, asked()) == 10


def test_who_asks_beside_a_question_that_fails_is_answered() -> None:
    work = Doubling()
    queue = batcher(work)

    async def asked() -> list[Any]:
        asked = (queue.ask("m", n) for n in (1, -1, 3))
        return await asyncio.gather(*asked, return_exceptions=True)

    first, failed, last = during(queue, asked())
    assert (first, last) == (2, 6)
    assert isinstance(failed, ValueError)
    assert [numbers for _, numbers in work.batches] == [[1, -1, 3], [1], [-1], [3]]
    assert (queue.batches, queue.questions) == (2, 2)


def test_answers_that_are_too_few_are_a_failure() -> None:
    queue: Batcher[int, int] = Batcher(lambda lane, numbers: [], most=4, seconds=0)
    with pytest.raises(ValueError, match="shorter"):
        during(queue, queue.ask("m", 1))


def test_who_has_gone_is_not_answered() -> None:
    work = Doubling()
    work.go.clear()
    queue = batcher(work, seconds=0)

    async def asked() -> int:
        busy = asyncio.create_task(queue.ask("m", 0))
        await asyncio.sleep(0.05)
        gone = asyncio.create_task(queue.ask("m", 1))
        late = asyncio.create_task(queue.ask("m", 2))
        await asyncio.sleep(0.05)
        gone.cancel()
        await asyncio.sleep(0)
        work.go.set()
        await busy
        return await late

    assert during(queue, asked()) == 4
    assert work.batches == [("m", [0]), ("m", [2])]


def test_an_end_lets_nobody_wait() -> None:
    queue = batcher(Doubling(), seconds=60)

    async def asked() -> list[Any]:
        working = asyncio.create_task(queue.run())
        waiting = asyncio.create_task(queue.ask("m", 1))
        await asyncio.sleep(0.05)
        working.cancel()
        return await asyncio.gather(working, waiting, return_exceptions=True)

    assert [type(end) for end in asyncio.run(asked())] == [asyncio.CancelledError] * 2


@given(
    st.lists(st.tuples(st.sampled_from("mtl"), st.integers(0, 3)), max_size=30),
    st.integers(1, 5),
)
def test_everybody_gets_the_own_answer(asked: list[tuple[str, int]], most: int) -> None:
    work = Doubling()
    queue = batcher(work, most=most, seconds=0.001)

    async def all_of_them() -> list[int]:
        async def one(number: int, lane: str, pause: int) -> int:
            await asyncio.sleep(pause / 1000)
            return await queue.ask(lane, number)

        jobs = (one(n, lane, pause) for n, (lane, pause) in enumerate(asked))
        return await asyncio.gather(*jobs)

    assert during(queue, all_of_them()) == [2 * n for n in range(len(asked))]
    assert all(1 <= len(batch) <= most for _, batch in work.batches)
    assert all({asked[n][0] for n in batch} == {lane} for lane, batch in work.batches)
