"""Latency and queries a second of `stylejax serve`, by 1 and by 16 users at a time.

The claim is about batching: 16 users who send photos and words get at least three times as many
answers a second from batches of up to 16 as from the same server that takes one search at a time
(`--batch 1`). Both run on the same machine as the users, one after the other, with all of the
demo's pictures in turns.

make demo; python benchmarks/serving.py
"""

from __future__ import annotations

import argparse
import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import numpy as np
from httpx2 import Client

from benchmarks.support.machine import machine

LEAST = 3.0  # times the queries a second without batches
WARM = 1.0  # seconds that are not counted
WORDS = ("orange fish mug", "red dress", "m6 bolt", "10k resistor", "oak chair", "blue curtain")


def main() -> None:
    """Prints percentiles and rates; ends 1 when an answer is an error or the claim is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", default="runs/demo", help="folder of a trained and indexed run")
    parser.add_argument("--images", default="runs/demo/data/images", help="photos to ask with")
    parser.add_argument("--seconds", type=float, default=15, help="of each measurement")
    parser.add_argument("--out", default="runs/serving.json", help="results as JSON")
    args = parser.parse_args()
    kinds = ("*.jpg", "*.jpeg", "*.png")
    photos = sorted(p for kind in kinds for p in Path(args.images).rglob(kind))[:400]
    if not photos:
        sys.exit(f"no pictures in {args.images}; run `make demo`, or name a folder with --images")
    files = [path.read_bytes() for path in photos]
    results, errors = [], 0
    for batch in (16, 1):
        with server(args.run, batch) as address:
            for users in (1, 16):
                for asked, given in (("photo and words", files), ("words", [])):
                    found = load(address, users, args.seconds, given)
                    errors += found["errors"]
                    results.append({"batch": batch, "users": users, "asked": asked, **found})
                    p50, p95, p99 = found["percentiles"]
                    print(
                        f"batch {batch:>2}  {users:>2} users  {asked:<16} "
                        f"p50 {p50:6.0f} ms  p95 {p95:6.0f}  p99 {p99:6.0f}  "
                        f"{found['rate']:7.1f} queries/s  {found['errors']} errors"
                    )
    rate = {(r["batch"], r["users"], r["asked"]): r["rate"] for r in results}
    ratios = {
        asked: rate[16, 16, asked] / rate[1, 16, asked] for asked in ("photo and words", "words")
    }
    print("batches    " + ", ".join(f"{asked} x {x:.2f}" for asked, x in ratios.items()))
    record = machine("jax", "flax", "fastapi", "uvicorn") | {"results": results, "ratios": ratios}
    print(f"{record['date']}, {record['processor']}, {record['cores']} cores")
    Path(args.out).parent.mkdir(parents=True, exist_ok=True)
    Path(args.out).write_text(json.dumps(record, indent=1))
    if errors:
        sys.exit(f"{errors} answers were errors")
    if ratios["photo and words"] < LEAST:
        sys.exit(f"missed: batches answer less than {LEAST:g} times as many queries a second")


@contextmanager
def server(run: str, batch: int) -> Iterator[str]:
    """`stylejax serve` in a process of its own; yields its address when it is ready."""
    words = ["-c", "from stylejax.cli import main; main()", "serve", "--run", run, "--port", "0"]
    words += ["--limit-rate", "0", "--batch", str(batch)]
    process = subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        ready = re.match(r"ready +(http://\S+) ", process.stdout.readline())
        if ready is None:
            sys.exit(f"the server ended with {process.wait()}")
        yield ready[1]
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


def load(address: str, users: int, seconds: float, photos: list[bytes]) -> dict:
    """Each user asks again as soon as the answer is there; photos and words are taken in turns."""
    taken: list[list[float]] = [[] for _ in range(users)]
    errors = [0] * users
    begin = time.perf_counter() + WARM
    end = begin + seconds

    def user(number: int) -> None:
        turn = number
        with Client(base_url=address, timeout=60) as client:
            while (started := time.perf_counter()) < end:
                files = {"photo": photos[turn % len(photos)]} if photos else None
                words = {"words": WORDS[turn % len(WORDS)]}
                answered = client.post("/api/search", data=words, files=files)
                errors[number] += answered.status_code != 200
                if started >= begin:
                    taken[number].append(time.perf_counter() - started)
                turn += users

    threads = [threading.Thread(target=user, args=(number,)) for number in range(users)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spent = time.perf_counter() - begin
    times = 1000 * np.array([one for user in taken for one in user])
    return {
        "percentiles": np.percentile(times, [50, 95, 99]).round(1).tolist(),
        "rate": len(times) / spent,
        "queries": len(times),
        "errors": sum(errors),
    }


if __name__ == "__main__":
    main()
