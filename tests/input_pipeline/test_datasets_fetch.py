"""Tests of input_pipeline/datasets/fetch.py; the only server is on the loopback address."""

import io
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from loopback import serve
from PIL import Image

from input_pipeline.datasets import fetch
from input_pipeline.datasets.fetch import PictureLoader
from stylejax.config import ConfigError


def jpeg(colour: tuple[int, int, int] = (200, 30, 30)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (24, 24), colour).save(file, "JPEG")
    return file.getvalue()


def patient(cache: Path | str = "", **settings) -> PictureLoader:
    return PictureLoader(cache=str(cache), **({"pause": 0.0, "timeout": 5.0} | settings))


def test_a_file_is_taken_as_it_is_and_its_absence_has_a_reason(tmp_path: Path) -> None:
    (tmp_path / "odd.jpg").write_bytes(b"not a picture")
    (tmp_path / "empty.jpg").touch()
    loader = PictureLoader(folder=str(tmp_path))
    assert loader.load("odd.jpg") == (b"not a picture", "")
    assert loader.load(str(tmp_path / "odd.jpg")) == (b"not a picture", "")
    assert loader.load("") == (b"", "")
    assert loader.load("gone.jpg") == (b"", "No such file or directory")
    assert loader.load("empty.jpg") == (b"", "the file is empty")
    assert loader.load("a\0.jpg") == (b"", "embedded null byte")  # no file can be called so


def test_what_was_fetched_is_kept_and_not_asked_for_again(tmp_path: Path) -> None:
    with serve({"/a.jpg": jpeg()}) as site:
        loader = patient(tmp_path / "cache")
        assert loader.load(f"{site.address}/a.jpg") == (jpeg(), "")
        assert loader.load(f"{site.address}/a.jpg") == (jpeg(), "")
        assert site.asked["/a.jpg"] == 1
        assert patient().load(f"{site.address}/a.jpg") == (jpeg(), "")  # no cache: asked again
        assert site.asked["/a.jpg"] == 2
    # The server is gone, the picture is not.
    assert loader.load(f"{site.address}/a.jpg") == (jpeg(), "")
    kept = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert [path.read_bytes() for path in kept] == [jpeg()]


@pytest.mark.parametrize(
    ("statuses", "retries", "asked", "reason"),
    [
        ([503, 429], 3, 3, ""),
        ([503, 503, 503], 1, 2, "the server answered 503"),
        ([500], 0, 1, "the server answered 500"),
        ([404], 3, 1, "the server answered 404"),  # another try would not better it
        ([403], 3, 1, "the server answered 403"),
    ],
)
def test_failures_that_may_pass_are_tried_again(
    statuses: list[int], retries: int, asked: int, reason: str
) -> None:
    with serve({"/a.jpg": jpeg()}, {"/a.jpg": list(statuses)}) as site:
        content, told = patient(retries=retries).load(f"{site.address}/a.jpg")
        assert told == reason
        assert content == (b"" if reason else jpeg())
        assert site.asked["/a.jpg"] == asked


def test_a_page_in_place_of_a_picture_is_a_failure_and_not_kept(tmp_path: Path) -> None:
    with serve({"/a.jpg": b"<html>not found</html>", "/cut.jpg": jpeg()[:-200]}) as site:
        loader = patient(tmp_path)
        for name in ("a.jpg", "cut.jpg"):
            content, reason = loader.load(f"{site.address}/{name}")
            assert content == b""
            assert reason
        assert list(tmp_path.rglob("*")) == []
        site.pages["/a.jpg"] = jpeg()
        assert loader.load(f"{site.address}/a.jpg") == (jpeg(), "")


def test_an_answer_that_is_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "MAX_BYTES", 100)
    with serve({"/a.jpg": jpeg()}) as site:
        assert patient().load(f"{site.address}/a.jpg") == (
            b"",
            "the answer is longer than 100 bytes",
        )


def test_a_server_that_is_not_there_or_says_nothing_is_a_failure() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        content, reason = patient(retries=1).load(f"{address}/a.jpg")  # nobody listens
        assert content == b""
        assert reason.startswith("MaxRetryError")
        silent.listen()  # takes the call and never answers
        content, reason = patient(retries=0, timeout=0.2).load(f"{address}/a.jpg")
        assert content == b""
        assert "timed out" in reason


def test_many_threads_fetch_the_same_address(tmp_path: Path) -> None:
    with serve({"/a.jpg": jpeg()}) as site, ThreadPoolExecutor(8) as pool:
        loader = patient(tmp_path)
        answers = list(pool.map(lambda _: loader.load(f"{site.address}/a.jpg"), range(16)))
    assert answers == [(jpeg(), "")] * 16
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1


@pytest.mark.parametrize("setting", [{"retries": -1}, {"timeout": 0.0}])
def test_settings_out_of_range_are_named(setting: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(setting))):
        PictureLoader(**setting)
