"""Tests of stylejax/training/feed.py."""

import itertools
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace

import jax
import numpy as np
import pytest
import tiny

from stylejax.batch import PairBatch, flat_pixels
from stylejax.training import feed as module
from stylejax.training.feed import Feed
from stylejax.training.mesh import make_mesh

MESH = make_mesh(2)


class Result:
    """What a step will have given."""

    def __init__(self, ready: bool):
        self.ready, self.waiting, self.done = ready, set(), threading.Event()
        self.done.set()

    @property
    def blocked(self) -> bool:
        """Whether the training waited for it."""
        return threading.main_thread() in self.waiting

    def is_ready(self) -> bool:
        return self.ready

    def block_until_ready(self) -> None:
        self.waiting.add(threading.current_thread())
        assert self.done.wait(30)


def batches(count: int, seen: list[threading.Thread] | None = None) -> Iterator[PairBatch]:
    for number in range(count):
        if seen is not None:
            seen.append(threading.current_thread())
        yield tiny.pair_batch(4, seed=number)
    raise OSError("the disk is gone")


def test_batches_come_in_order_onto_the_devices() -> None:
    feed = Feed(batches(3), MESH)
    for number in range(3):
        batch = feed.next(None, last=number == 2)
        expected = flat_pixels(tiny.pair_batch(4, seed=number))
        assert all(jax.tree.leaves(jax.tree.map(np.array_equal, batch, expected)))
        assert all(len(x.sharding.device_set) == 2 for x in jax.tree.leaves(batch))
    feed.close()


def test_the_next_is_fetched_beside_the_step_and_none_too_many() -> None:
    seen: list[threading.Thread] = []
    feed = Feed(batches(3, seen), MESH)
    for number in range(3):
        feed.next(None, last=number == 2)
    feed.close()
    assert len(seen) == 3
    assert threading.current_thread() not in seen
    assert not any(thread.is_alive() for thread in seen)


def test_an_error_comes_when_its_batch_is_asked_for() -> None:
    feed = Feed(batches(1), MESH)
    feed.next(None, last=False)
    with pytest.raises(OSError, match="the disk is gone"):
        feed.next(None, last=False)
    feed.close()


def test_waiting_counts_only_while_the_devices_are_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count()
    # A second passes at each glance at the clock.
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    feed = Feed(batches(9), MESH)  # 0
    for result in (None, Result(False), Result(True)):  # 1 to 2 is a wait, 3 is none, 4 to 5 is one
        feed.next(result, last=False)
    assert feed.waited() == 2 / 6
    assert feed.waited() == 0
    feed.close()


def test_at_most_two_steps_are_under_way() -> None:
    feed, results = Feed(batches(9), MESH), [Result(False) for _ in range(4)]
    for number, result in enumerate(results):
        feed.next(result, last=False)
        assert [r.blocked for r in results] == [n < number for n in range(4)]
    feed.close()


def test_the_next_batch_goes_to_the_devices_when_a_step_has_made_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    placed = []
    monkeypatch.setattr(module, "place", lambda mesh, batch: placed.append(batch) or batch)
    feed, running = Feed(batches(9), MESH), Result(False)
    running.done.clear()
    feed.next(running, last=False)
    give_up = time.monotonic() + 30
    while not running.waiting and time.monotonic() < give_up:
        time.sleep(0.01)
    assert len(placed) == 1  # the second is made, and waits on the host
    running.done.set()
    feed.next(None, last=True)
    assert len(placed) == 2
    feed.close()


def test_closing_ends_what_makes_the_batches() -> None:
    ended = []

    def source() -> Iterator[PairBatch]:
        try:
            yield from batches(9)
        finally:
            ended.append(True)

    feed = Feed(source(), MESH)
    feed.next(None, last=False)
    assert not ended
    feed.close()
    assert ended


def test_a_source_that_is_still_at_work_does_not_hide_why_the_run_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.1)
    free = threading.Event()

    def slow() -> Iterator[PairBatch]:
        yield tiny.pair_batch(4)
        free.wait(60)
        yield tiny.pair_batch(4)

    feed = Feed(slow(), MESH)
    feed.next(None, last=False)
    feed.close()  # neither waits for the batch nor fails
    free.set()
