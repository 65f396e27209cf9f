"""Claim: JPEG files become batches at least twice as fast as with PyTorch's loader on two cores.

Both read the same files anew for every picture, cut a crop of random area and aspect, mirror half
of them and scale to a square. Ours is the training pipeline itself, with every listing's picture
decoded from its file: it delivers bytes, which the device turns into floats in its first operation
(`normalised` adds that operation, on the same cores). The peer is a DataLoader with Pillow and two
worker processes, which delivers normalised floats.

    python benchmarks/loader.py            # speed; STYLEJAX_DATA=FOLDER takes real photos instead
    python benchmarks/loader.py --soak     # memory over 10,000 batches
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import numpy as np

from benchmarks.support.jpeg_files import write_jpegs
from benchmarks.support.machine import machine
from stylejax.config import Config, PictureConfig, TrainingConfig

BATCH = 256  # pictures; ours come as 128 pairs
FILES, SHORT_SIDE = 4096, 160
MIN_CROP, MAX_ASPECT = 0.3, 4 / 3


def main() -> None:
    """Prints a table a size, or the memory of a long run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[96, 224], help="side in pixels")
    parser.add_argument("--rounds", type=int, default=5, help="times that each is measured")
    parser.add_argument("--seconds", type=float, default=6.0, help="of a measurement")
    parser.add_argument("--soak", action="store_true", help="measure memory over 10,000 batches")
    parser.add_argument("--out", default="runs/loader.json", help="results as JSON")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        paths, origin = photos(Path(folder))
        print(f"{len(paths):,} JPEG files, {origin}")
        results: dict[str, Any] = {"files": origin}
        if args.soak:
            results["soak"] = soak(paths[:256])
        else:
            # The peer's workers are forked first: a process with JAX in it must not be.
            peers = {size: started_peer(paths, size) for size in args.sizes}
            for size, peer in peers.items():
                results[str(size)] = compare(peer, paths, size, args.rounds, args.seconds)
    about = machine("tensorflow-cpu", "opencv-python-headless", "torch", "pillow", "jax")
    out = Path(args.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({"machine": about, "results": results}, indent=1) + "\n")
    print(f"\n{about}\nwritten to {out}")
    for size in [] if args.soak else args.sizes:
        speeds = list(results[str(size)]["median"].values())
        if speeds[1] < 2 * speeds[0]:
            raise SystemExit(
                f"missed: {speeds[1] / speeds[0]:.2f} times the peer at {size} px, not 2"
            )
    if args.soak and len(set(results["soak"].values())) > 1:
        low, *_, high = sorted(results["soak"].values())
        if high - low > 0.02 * low:
            raise SystemExit(f"missed: memory went from {low} to {high} MiB")


def photos(folder: Path) -> tuple[list[Path], str]:
    """The files, and what they are."""
    shelf = os.environ.get("STYLEJAX_DATA", "")
    if shelf:
        paths = sorted((Path(shelf) / "grocery").rglob("*.jpg"))
        if paths:
            return paths, "real photos of grocery products"
    return write_jpegs(folder, FILES, SHORT_SIDE), "made up: blurred noise, edges and grain"


def started_peer(paths: Sequence[Path], size: int) -> Iterator:
    """The peer's endless batches."""
    from benchmarks.support.torch_loader import torch_batches

    batches = torch_batches(paths, size, BATCH, MIN_CROP, MAX_ASPECT)
    next(batches)
    return batches


def compare(
    peer: Iterator, paths: Sequence[Path], size: int, rounds: int, seconds: float
) -> dict[str, Any]:
    """Pictures a second of all, in turns, so that a slow minute hurts all alike."""
    standardise = standardiser()
    ways: dict[str, Callable[[], Any]] = {
        "torch DataLoader + Pillow, 2 workers": lambda: next(peer),
    }
    plain, light = our_batches(paths, size), our_batches(paths, size, light=0.3, rotation=15.0)
    ways["ours, bytes"] = lambda: next(plain)
    ways["ours, bytes, normalised"] = lambda: standardise(next(plain))
    ways["ours, with turn and light, normalised"] = lambda: standardise(next(light))
    speeds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, take in ways.items():
            speeds[name].append(speed(take, seconds))
    medians = {name: statistics.median(values) for name, values in speeds.items()}
    base = next(iter(medians.values()))
    print(f"\n{size} px, pictures a second, median of {rounds}")
    for name, value in medians.items():
        low, high = min(speeds[name]), max(speeds[name])
        print(f"  {name:<40} {value:8,.0f}  ({low:,.0f} to {high:,.0f})  x {value / base:.2f}")
    return {"median": medians, "all": speeds}


def speed(take: Callable[[], Any], seconds: float) -> float:
    """Pictures a second, after what was made ahead while the others ran is used up."""
    for _ in range(8):
        take()
    started, count = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        take()
        count += BATCH
    return count / (time.perf_counter() - started)


def our_batches(
    paths: Sequence[Path],
    size: int,
    *,
    batch: int = BATCH,
    light: float = 0.0,
    rotation: float = 0.0,
) -> Iterator:
    """Endless batches of pairs of pictures, each decoded from its file."""
    from input_pipeline.decode import FilePictures
    from input_pipeline.graph import PairGraph
    from input_pipeline.pairs import PairSource, pair_batches
    from input_pipeline.photos import Photos

    count = len(paths)
    rows = np.arange(count)
    names = [str(path) for path in paths]
    graph = PairGraph(  # every picture paired with the next
        left=rows,
        start=np.arange(count + 1),
        partner=(rows + 1) % count,
        weight=np.ones(count),
        group=rows.astype(np.int32),
        category=np.zeros(count, np.int64),
    )
    config = Config(
        picture=PictureConfig(
            size=size,
            min_crop=MIN_CROP,
            max_aspect=MAX_ASPECT,
            rotation=rotation,
            brightness=light,
            contrast=light,
            saturation=light,
        ),
        training=TrainingConfig(batch_size=batch // 2),
    )
    pictures = FilePictures(names, names, Path("/"))
    tokens = np.zeros((count, config.text.max_tokens), np.int32)
    words = np.zeros(tokens.shape, np.int16)
    photo = Photos(np.arange(count + 1), names, names)
    return pair_batches([PairSource(graph, photo, pictures, tokens, words)], config)


def standardiser() -> Callable[[Any], Any]:
    """A batch onto the device, and its bytes to floats there."""
    import jax
    import jax.numpy as jnp

    from stylejax.config import ImageTowerConfig
    from stylejax.encoder.image import standardise

    tower, dtype = ImageTowerConfig(), jnp.dtype("float32")
    to_floats = jax.jit(lambda *images: [standardise(x, tower, dtype) for x in images])
    return lambda batch: jax.block_until_ready(to_floats(batch.left.image, batch.right.image))


def soak(paths: Sequence[Path], batches: int = 10_000) -> dict[str, int]:
    """Memory of this process, in MiB, on the way through many small batches."""
    page, memory = os.sysconf("SC_PAGE_SIZE"), {}
    for number, _ in enumerate(islice(our_batches(paths, 32, batch=32), batches + 1)):
        if number in (100, 1_000) or (number and number % 2_500 == 0):
            resident = int(Path("/proc/self/statm").read_text().split()[1])
            memory[str(number)] = resident * page // 2**20
            print(f"  after {number:6,} batches {memory[str(number)]:6,} MiB", flush=True)
    return memory


if __name__ == "__main__":
    main()
