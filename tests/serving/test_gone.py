"""Tests of stylejax/serving/gone.py: real connections that are closed before the answer."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import served
from httpx2 import Client
from starlette.requests import ClientDisconnect

from stylejax.serving.gone import unless_gone

WORDS = (
    b"POST /api/search HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\n\r\nwords=mug"
)
SIMILAR = b"GET /api/similar/L00 HTTP/1.1\r\nHost: localhost\r\n\r\n"


def photo(root: Path) -> bytes:
    body = b'--b\r\nContent-Disposition: form-data; name="photo"; filename="a"\r\n\r\n'
    body += served.photo(root) + b"\r\n--b--\r\n"
    head = b"POST /api/search HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n" % len(body)
    return head + b"Content-Type: multipart/form-data; boundary=b\r\n\r\n" + body


class Device:
    """Encodes and decodes nothing before `go`."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.decoded = 0
        self.encoder = served.Encoder(self.wait)
        self.reader = Decoder(self)

    def wait(self) -> None:
        assert self.go.wait(20)


class Decoder(served.Reader):
    def __init__(self, device: Device) -> None:
        self.device = device

    def picture(self, file: bytes) -> np.ndarray:
        self.device.wait()
        self.device.decoded += 1
        return super().picture(file)


class Watched:
    """An application whose requests are counted while they run, and whose failures are kept."""

    def __init__(self, app: Any) -> None:
        self.app, self.running, self.failures = app, 0, []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.running += scope["type"] == "http"
        try:
            await self.app(scope, receive, send)
        except Exception as error:
            self.failures.append(error)
            raise
        finally:
            self.running -= scope["type"] == "http"


@pytest.mark.parametrize("kind", ["words", "photo", "like", "upload"])
def test_nobody_works_for_clients_that_have_gone(data_root: Path, kind: str) -> None:
    device = Device()
    uploaded = photo(data_root)
    asked = {"words": WORDS, "photo": uploaded, "like": SIMILAR, "upload": uploaded[:-99]}[kind]
    watched = Watched(
        served.app(data_root, seconds=30, encoder=device.encoder, reader=device.reader)
    )
    answers = []

    def search() -> None:
        answers.append(client.post("/api/search", data={"words": "mug"}).status_code)

    with served.running(watched) as address, Client(base_url=address, timeout=30) as client:
        first = threading.Thread(target=search)
        first.start()
        try:
            until(lambda: watched.running == 1)
            time.sleep(0.1)  # it is on the device: all others wait behind it
            at = (client.base_url.host, client.base_url.port)
            lines = [socket.create_connection(at) for _ in range(30)]
            for line in lines:
                line.sendall(asked)
            until(lambda: watched.running == 31)
            time.sleep(0.1)
            for line in lines:
                line.close()
            until(lambda: watched.running == 1)
            assert answers == []
        finally:
            device.go.set()
        first.join()
        search()
        health = client.get("/api/health").json()
    assert answers == [200, 200]
    assert (health["searches"], health["batches"]) == (2, 2)
    assert device.decoded <= 4  # photos that threads had begun with
    assert watched.failures == []


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not true():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


# ---- By hand


class Line:
    """What a server's connection is to an application: messages, one after another."""

    def __init__(self, *messages: str) -> None:
        self.messages = list(messages)
        self.come = asyncio.Event()

    async def __call__(self) -> dict[str, Any]:
        if not self.messages:
            await self.come.wait()
        return {"type": self.messages.pop(0)}


def test_an_answer_that_is_there_first_is_given() -> None:
    async def asked() -> tuple[int, int]:
        line, before = Line("http.request"), len(asyncio.all_tasks())

        async def seven() -> int:
            await asyncio.sleep(0.01)
            return 7

        return await unless_gone(line, seven()), len(asyncio.all_tasks()) - before

    assert asyncio.run(asked()) == (7, 0)


def test_a_failure_of_the_answer_is_its_own() -> None:
    async def broken() -> int:
        raise KeyError("no such listing")

    async def asked() -> None:
        with pytest.raises(KeyError):
            await unless_gone(Line("http.request"), broken())

    asyncio.run(asked())


def test_an_answer_is_cancelled_with_whoever_waits_for_it() -> None:
    ended = []

    async def slow() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("slow")

    async def asked() -> None:
        with pytest.raises(ClientDisconnect):
            await unless_gone(Line("http.request", "http.disconnect"), slow())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await unless_gone(Line("http.request"), slow())
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(asked())
    assert ended == ["slow", "slow"]
