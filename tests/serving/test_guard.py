"""Tests of stylejax/serving/guard.py: hosts, rates, bytes and time."""

import contextlib
import http.client
import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
import served
from fastapi.testclient import TestClient
from httpx2 import Client
from PIL import Image

from stylejax.serving.guard import DRAINED, FIELDS

HOSTS = ("localhost", "127.0.0.1", "::1", "::FFFF:127.0.0.2", "Shop")


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8000", 200),
        ("LOCALHOST", 200),
        ("[::1]:8000", 200),
        ("[0:0::1]", 200),
        ("[::ffff:7f00:2]:8000", 200),
        ("shop:80", 200),
        ("evil.example", 400),
        ("127.0.0.1.evil.example:8000", 400),
        ("evil.example:127.0.0.1", 400),
        ("[::2]", 400),
        ("", 400),
    ],
)
def test_a_server_of_this_machine_answers_to_its_own_names(
    data_root: Path, host: str, status: int
) -> None:
    """Another site may have its name point at 127.0.0.1, and its page read what is served there."""
    with TestClient(served.app(data_root, hosts=HOSTS)) as client:
        answered = client.get("/api/health", headers={"Host": host})
    assert answered.status_code == status
    if status == 400:
        assert "host name" in answered.json()["detail"]


def test_a_server_for_others_answers_to_any_name(data_root: Path) -> None:
    with TestClient(served.app(data_root)) as client:
        assert client.get("/api/health", headers={"Host": "shop.example"}).status_code == 200


def test_searches_are_limited_and_pictures_hardly(data_root: Path) -> None:
    with TestClient(served.app(data_root, rate=12)) as client:  # bursts of 3
        assert [client.get("/api/similar/L00").status_code for _ in range(2)] == [200] * 2
        assert [client.get("/picture/L00").status_code for _ in range(24)] == [200] * 24
        assert client.get("/api/similar/L00").status_code == 429
        refused = client.post("/api/search", data={"words": "mug"})
        assert refused.status_code == 429
        assert "slow down" in refused.json()["detail"]
        assert 1 <= int(refused.headers["retry-after"]) <= 5
        forged = client.post(
            "/api/search", data={"words": "mug"}, headers={"X-Forwarded-For": "10.9.8.7"}
        )
        assert forged.status_code == 429


# ---- Bytes, over a real connection


@pytest.fixture(scope="module")
def address(data_root: Path) -> Iterator[str]:
    with served.running(served.app(data_root, upload_mib=0.1, seconds=1.5)) as address:
        yield address


def connection(address: str) -> http.client.HTTPConnection:
    parts = urlsplit(address)
    assert parts.hostname
    return http.client.HTTPConnection(parts.hostname, parts.port, timeout=20)


def form(photo: bytes) -> tuple[bytes, dict[str, str]]:
    start = b'--b\r\nContent-Disposition: form-data; name="photo"; filename="a.jpg"\r\n\r\n'
    return start + photo + b"\r\n--b--\r\n", {"Content-Type": "multipart/form-data; boundary=b"}


def test_an_upload_of_a_told_length_is_refused(address: str) -> None:
    body, headers = form(bytes(300_000))
    line = connection(address)
    line.request("POST", "/api/search", body, headers)
    answered = line.getresponse()
    assert answered.status == 413
    assert b"larger than 0.1 MiB" in answered.read()


def test_an_upload_without_a_length_is_refused_while_it_comes(address: str) -> None:
    """It never ends, and nobody reads it to its end."""
    sent = 0

    def stream() -> Iterator[bytes]:
        nonlocal sent
        yield form(b"")[0][:70]
        while True:
            sent += 8192
            yield bytes(8192)

    line = connection(address)
    headers = form(b"")[1] | {"Transfer-Encoding": "chunked"}
    with contextlib.suppress(OSError):  # it is hung up on
        line.request("POST", "/api/search", stream(), headers, encode_chunked=True)
    assert sent < DRAINED * (0.1 * 2**20 + FIELDS) + 2**24  # what sockets on the way hold
    # With an end soon after the limit the answer is heard.
    line = connection(address)
    parts = iter([form(bytes(200_000))[0]])
    line.request("POST", "/api/search", parts, headers, encode_chunked=True)
    assert line.getresponse().status == 413


def test_a_photo_just_below_the_limit_is_taken(address: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (180, 180, 3), np.uint8)
    written = io.BytesIO()
    Image.fromarray(noise).save(written, "PNG")
    assert 90_000 < len(written.getvalue()) < 0.1 * 2**20
    body, headers = form(written.getvalue())
    line = connection(address)
    line.request("POST", "/api/search", body, headers)
    answered = line.getresponse()
    assert (answered.status, bool(answered.read())) == (200, True)
    body, headers = form(written.getvalue() + bytes(20_000))  # within what fields may take
    line.request("POST", "/api/search", body, headers)
    answered = line.getresponse()
    assert (answered.status, b"the photo is larger" in answered.read()) == (413, True)


def test_a_client_that_is_too_slow_is_told(address: str) -> None:
    parts = urlsplit(address)
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as line:
        line.sendall(
            b"POST /api/search HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n"
            b"Content-Type: multipart/form-data; boundary=b\r\n\r\n--b"
        )
        assert line.recv(4096).startswith(b"HTTP/1.1 408 ")


def test_a_device_that_is_too_slow_is_said_to_be_busy(data_root: Path) -> None:
    app = served.app(data_root, encoder=served.Encoder(lambda: time.sleep(0.6)), seconds=0.2)
    with TestClient(app) as client:
        answered = client.post("/api/search", data={"words": "mug"})
    assert answered.status_code == 503
    assert answered.headers["retry-after"] == "1"
    assert "took too long" in answered.json()["detail"]


# ---- Searches at a time


class Gated(served.Reader):
    """Decodes no photo before `go`."""

    def __init__(self) -> None:
        self.go = threading.Event()

    def picture(self, file: bytes) -> np.ndarray:
        assert self.go.wait(20)
        return super().picture(file)


def test_searches_that_wait_are_bounded_wherever_they_wait(data_root: Path) -> None:
    """Here for being decoded; and the pictures of others do not wait behind them."""
    photo, reader, answers = {"photo": ("a.jpg", served.photo(data_root))}, Gated(), []

    def search() -> None:
        with Client(base_url=address, timeout=20) as client:
            answers.append(client.post("/api/search", files=photo))

    app = served.app(data_root, reader=reader, waiting=6, seconds=20)
    with served.running(app) as address, Client(base_url=address) as client:
        threads = [threading.Thread(target=search) for _ in range(20)]
        for thread in threads:
            thread.start()
        try:
            until(lambda: len(answers) == 14)
            assert client.get("/picture/L01").status_code == 200
            assert client.get("/api/health").status_code == 200
            assert client.get("/api/similar/L00").status_code == 503
        finally:
            reader.go.set()
        for thread in threads:
            thread.join()
        assert [answer.status_code for answer in answers] == [503] * 14 + [200] * 6
        assert answers[0].headers["retry-after"] == "1"
        assert "too many searches" in answers[0].json()["detail"]
        assert client.get("/api/similar/L00").status_code == 200


def test_a_search_has_its_place_before_its_upload(data_root: Path) -> None:
    with (
        served.running(served.app(data_root, waiting=1)) as address,
        Client(base_url=address) as client,
    ):
        line = socket.create_connection((client.base_url.host, client.base_url.port))
        line.sendall(
            b"POST /api/search HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n"
            b"Content-Type: multipart/form-data; boundary=b\r\n\r\n--b"
        )
        until(lambda: client.get("/api/similar/L00").status_code == 503)
        line.close()
        until(lambda: client.get("/api/similar/L00").status_code == 200)


def test_whatever_a_search_ends_with_frees_its_place(data_root: Path) -> None:
    def slow() -> None:
        if encoder.shapes:
            raise RuntimeError("broken after the first")
        encoder.shapes.append(("t", 0))
        time.sleep(0.4)

    encoder = served.Encoder(slow)
    app = served.app(data_root, encoder=encoder, waiting=1, seconds=0.2, upload_mib=0.1)
    statuses = []
    with TestClient(app, raise_server_exceptions=False) as client:
        for form in ({"words": "mug"}, {"words": "mug"}, {"words": " "}, {"words": "x" * 10**6}):
            statuses.append(client.post("/api/search", data=form).status_code)
            time.sleep(0.3)
        statuses.append(client.get("/api/similar/nobody").status_code)
        statuses.append(client.get("/api/similar/L00").status_code)
    assert statuses == [503, 500, 422, 413, 404, 200]


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not true():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


def test_what_is_no_http_is_refused(address: str) -> None:
    parts = urlsplit(address)
    for nonsense in (b"\x00\xff\r\n\r\n", b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 20_000 + b"\r\n"):
        with socket.create_connection((parts.hostname, parts.port), timeout=20) as line:
            try:
                line.sendall(nonsense)
                told = line.recv(4096)
            except ConnectionError:  # hung up before all of it was sent
                continue
            assert told.startswith(b"HTTP/1.1 400 ")
            assert b"Traceback" not in told
