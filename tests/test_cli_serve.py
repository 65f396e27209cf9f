"""Tests of `stylejax serve`: a real run, over a real connection."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from httpx2 import Client
from verbs import refused, run

from stylejax.commands import serve
from stylejax.config import ConfigError
from stylejax.training.compiled import ELSEWHERE, SHORTEST


@pytest.fixture(scope="module")
def served(trained_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """The verb in a process of its own, which tells its address when it is ready."""
    words = ["-c", "from stylejax.cli import main; main()", "serve", "--port", "0", "--batch", "2"]
    words += ["--index", str(trained_run / "index"), "--limit-top", "30", "--limit-rate", "0"]
    environment = {k: v for k, v in os.environ.items() if k not in (ELSEWHERE, SHORTEST)}
    log = tmp_path_factory.mktemp("serve") / "log"
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, *words],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    assert process.stdout
    line = process.stdout.readline()
    ready = re.match(r"ready +(http://127\.0\.0\.1:\d+) ", line)
    try:
        assert ready, line + log.read_text()
        with Client(base_url=ready[1], timeout=30) as client:
            yield client
    finally:
        process.send_signal(signal.SIGINT)
        ended, told = process.wait(30), log.read_text()
    assert ended == 0, told
    assert "Traceback" not in told


def test_it_finds_what_search_finds(
    served: Client, trained_run: Path, data_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = data_root / "images/L00.jpg"
    asked = {
        "photo": (["--image", photo], {}),
        "words": (["--text", "red mug"], {"words": "red mug"}),
        "photo, words": (["--image", photo, "--text", "red mug"], {"words": "red mug"}),
        "listing, words, without": (
            ["--like", "L04", "--text", "red", "--text", "mug", "--without", "blue"],
            {"like": "L04", "words": ["red", "mug"], "without": "blue"},
        ),
    }
    read = ["--image", photo, "--text", "red mug", "--method", "joint"]
    asked["photo, words "] = (read, {"words": "red mug", "method": "joint"})
    for made_of, (words, form) in asked.items():
        for category in ("", "Tools"):
            inside = ["--category", category] if category else []
            form = {**form, "top": "9"} | ({"category": category} if category else {})
            capsys.readouterr()
            run("search", "--run", trained_run, "--top", "9", *words, *inside)
            lines = [line.split() for line in capsys.readouterr().out.splitlines()]
            files = {"photo": photo.read_bytes()} if "photo" in made_of else None
            answered = served.post("/api/search", data=form, files=files).json()
            assert ", ".join(answered["made_of"]) == made_of.strip()
            scores = {line[2]: float(line[1]) for line in lines}
            results = answered["results"]
            assert [r["score"] for r in results] == pytest.approx(list(scores.values()), abs=2e-3)
            # Copies of a listing may change places: those below the last one's score are the same.
            sure = {r["item_id"] for r in results if r["score"] > results[-1]["score"] + 4e-3}
            assert sure <= set(scores)


def test_it_says_what_it_serves(served: Client, trained_run: Path) -> None:
    health = served.get("/api/health").json()
    assert (health["run"], health["step"], health["listings"]) == ("run", 5, 32)
    assert (health["top"], health["note"]) == (30, "")
    assert served.get("/picture/L00").headers["content-type"] == "image/jpeg"
    assert len(served.get("/api/similar/L10?top=30").json()["results"]) == 30
    assert served.get("/", headers={"Host": "evil.example"}).status_code == 400
    # Compiled programs are kept: the next start is quick.
    assert json.loads((trained_run / "serving/compiled/whole.json").read_text())


def test_mistakes_are_told_at_once(
    trained_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["serve", "--run", trained_run]
    assert "say what to serve: --run FOLDER" in refused(["serve"], capsys)
    assert "lies in no trained run" in refused(["serve", "--index", tmp_path / "index"], capsys)
    assert "is no trained run" in refused(["serve", "--run", tmp_path], capsys)
    assert "no index in" in refused([*given, "--port", "0", "--index", tmp_path], capsys)
    assert "--port is 70000" in refused([*given, "--port", "70000"], capsys)
    assert "use another --host" in refused([*given, "--host", "192.0.2.1"], capsys)
    nowhere = "no.such.name.invalid"
    assert f"--host {nowhere}" in refused([*given, "--host", nowhere], capsys)
    assert "--batch is 0" in refused([*given, "--batch", "0"], capsys)
    for wait in ("-1", "inf", "nan", "15000"):
        assert "fewer than the 15 s" in refused([*given, f"--batch-wait={wait}"], capsys)
    assert "--limit-words is 0" in refused([*given, "--limit-words", "0"], capsys)
    with serve._listening("127.0.0.1", 0) as taken:  # though nothing is served there yet
        port = str(taken.getsockname()[1])
        assert f"127.0.0.1 port {port}" in refused([*given, "--port", port], capsys)


def test_an_index_names_its_run(trained_run: Path, tmp_path: Path) -> None:
    index = str(trained_run / "index")
    assert serve._with_run(["--index", index]) == ["--index", index, "--run", str(trained_run)]
    assert serve._with_run(["--index", index, "--run", "x"]) == ["--index", index, "--run", "x"]
    assert serve._with_run(["--help"]) == ["--help"]
    with pytest.raises(ConfigError, match="say which one made it with --run"):
        serve._with_run(["--index", str(tmp_path)])


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("localhost", "http://localhost:8000"),
        ("::1", "http://[::1]:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "http://[::1]:8000"),
        ("192.168.1.5", "http://192.168.1.5:8000"),
    ],
)
def test_addresses(host: str, shown: str) -> None:
    assert serve._shown(host, 8000) == shown


@pytest.mark.parametrize(
    ("host", "address", "local"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.2", "127.0.0.2", True),
        ("127.1", "127.0.0.1", True),
        ("localhost", "::1", True),
        ("workshop", "127.0.1.1", True),
        ("::ffff:127.0.0.1", "::ffff:127.0.0.1", True),
        ("0.0.0.0", "0.0.0.0", False),
        ("::", "::", False),
        ("fe80::1%eth0", "fe80::1%eth0", False),
        ("192.168.1.5", "192.168.1.5", False),
    ],
)
def test_on_this_machine_it_answers_to_its_own_names(host: str, address: str, local: bool) -> None:
    """Whatever it is called, what counts is the address that it has."""
    expected = ("localhost", "127.0.0.1", "::1", host) if local else ()
    assert serve._hosts(host, address) == expected


def test_an_address_may_be_spelt_in_many_ways() -> None:
    with serve._listening("127.1", 0) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"
        with socket.create_connection(listener.getsockname()):
            pass  # it listens
