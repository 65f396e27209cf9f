"""What many requests ask at the same time, gathered into batches for one device."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

Question = TypeVar("Question")
Answer = TypeVar("Answer")


@dataclass(frozen=True, eq=False)
class _Waiting(Generic[Question, Answer]):
    question: Question
    answer: asyncio.Future[Answer]
    since: float


class Batcher(Generic[Question, Answer]):
    """Asks for several questions at a time; questions of one lane go together.

    A question waits for company for a few milliseconds when nothing else is going on, and while the
    device works on the batch before. One thread does all batches, one after another. When a batch
    fails, its questions are asked again one by one.
    """

    def __init__(
        self,
        work: Callable[[str, Sequence[Question]], Sequence[Answer]],
        *,
        most: int,
        seconds: float,
    ):
        """Nothing waits.

        Args:
          work: from questions of one lane to their answers, in a thread of its own.
          most: questions of a batch.
          seconds: that the first question of a batch waits for others.
        """
        self._work, self._most, self._seconds = work, most, seconds
        self._lanes: dict[str, deque[_Waiting[Question, Answer]]] = {}
        self._came = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, "device")
        self.batches = 0  # that were done
        self.questions = 0  # answered in them

    async def ask(self, lane: str, question: Question) -> Answer:
        """The answer to one question; whoever is cancelled takes it back."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        waiting = _Waiting(question, answer, time.monotonic())
        line = self._lanes.setdefault(lane, deque())
        line.append(waiting)
        self._came.set()
        try:
            return await answer
        finally:
            if waiting in line:
                line.remove(waiting)

    async def run(self) -> None:
        """Works until it is cancelled; what waits then is cancelled too."""
        try:
            while True:
                lane = await self._next()
                await self._do(lane, self._taken(lane))
        finally:
            for waiting in self._lanes.values():
                for one in waiting:
                    one.answer.cancel()
            self._thread.shutdown(wait=False, cancel_futures=True)

    async def _next(self) -> str:
        """The lane whose first question came first, once it is full or has waited long enough."""
        while True:
            self._came.clear()
            first = {name: lane[0].since for name, lane in self._lanes.items() if lane}
            if not first:
                await self._came.wait()
                continue
            full = [name for name in first if len(self._lanes[name]) >= self._most]
            lane = min(full or first, key=first.__getitem__)
            left = first[lane] + self._seconds - time.monotonic()
            if full or left <= 0:
                return lane
            try:
                async with asyncio.timeout(left):
                    await self._came.wait()
            except TimeoutError:
                return lane

    def _taken(self, name: str) -> list[_Waiting[Question, Answer]]:
        """The next batch, without those whose clients have gone."""
        line = self._lanes[name]
        taken = [line.popleft() for _ in range(min(len(line), self._most))]
        return [one for one in taken if not one.answer.done()]

    async def _do(self, lane: str, taken: Sequence[_Waiting[Question, Answer]]) -> None:
        taken = [one for one in taken if not one.answer.done()]
        if not taken:
            return
        loop, questions = asyncio.get_running_loop(), [one.question for one in taken]
        try:
            answers = await loop.run_in_executor(self._thread, self._work, lane, questions)
            pairs = list(zip(taken, answers, strict=True))
        except Exception as error:  # whatever it is, the server goes on; each request reports it
            if len(taken) > 1:  # what one of them cannot be answered for is not the others' fault
                for one in taken:
                    await self._do(lane, [one])
            elif not taken[0].answer.done():
                taken[0].answer.set_exception(error)
            return
        self.batches, self.questions = self.batches + 1, self.questions + len(taken)
        for one, answer in pairs:
            if not one.answer.done():
                one.answer.set_result(answer)
