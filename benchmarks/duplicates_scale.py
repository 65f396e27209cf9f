"""Claim: groups of duplicates by ScaNN's candidates are as good as those by exact search.

Made-up unit vectors, five a product, products in clusters as in a shop's categories. Both engines
find the candidates; the threshold is chosen by a tenth of the products, all listings judge it.

    python benchmarks/duplicates_scale.py --listings 60000
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

import numpy as np

from benchmarks.support.machine import machine
from stylejax.retrieval.duplicates.agreement import agreement
from stylejax.retrieval.duplicates.find import Wanted, find_duplicates
from stylejax.retrieval.duplicates.labelled import ByTruth, Truth
from stylejax.retrieval.duplicates.neighbours import neighbours
from stylejax.retrieval.duplicates.space import Space
from stylejax.retrieval.index.build import make_part
from stylejax.retrieval.index.folder import load_index, save_index
from stylejax.retrieval.index.part import Engine

LISTINGS, DIM, CLUSTERS = 5, 128, 500
LOSS = 0.01  # of precision or recall, that ScaNN may cost
ENGINES: tuple[Engine, ...] = ("scann", "exact")


def main() -> None:
    """Prints a line for each engine; ends 1 where the claim is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listings", type=int, default=60_000, help="made-up listings")
    parser.add_argument("--out", default="runs/duplicates_scale.json", help="results as JSON")
    args = parser.parse_args()
    vectors, product = made_up(args.listings)
    results = {engine: measured(vectors, product, engine) for engine in ENGINES}
    for engine, told in results.items():
        print(engine, ", ".join(f"{name} {value:.4g}" for name, value in told.items()))
    record = machine("jax", "scann", "numpy") | {"listings": args.listings, "results": results}
    print(record)
    Path(args.out).parent.mkdir(parents=True, exist_ok=True)
    Path(args.out).write_text(json.dumps(record, indent=1) + "\n")
    ours, exact = results["scann"], results["exact"]
    for name in ("precision", "recall"):
        if ours[name] < exact[name] - LOSS:
            raise SystemExit(f"missed: {name} {ours[name]:.3f}, exact {exact[name]:.3f}")


def made_up(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors, and the product of each."""
    rng = np.random.default_rng(0)
    product = np.repeat(np.arange(-(-count // LISTINGS)), LISTINGS)[:count]
    clusters = rng.normal(size=(CLUSTERS, DIM)).astype(np.float32)
    centres = clusters[rng.integers(0, CLUSTERS, product[-1] + 1)]
    centres += 0.5 * rng.normal(size=centres.shape).astype(np.float32)
    x = centres[product] + 0.35 * rng.normal(size=(count, DIM)).astype(np.float32)
    return x / np.linalg.norm(x, axis=1, keepdims=True), product


def measured(vectors: np.ndarray, product: np.ndarray, engine: Engine) -> dict[str, Any]:
    """Seconds of each stage, precision and recall of the groups, and memory so far."""
    ids, blank = [f"{n:09d}" for n in range(len(vectors))], [""] * len(vectors)
    truth = Truth(product, np.zeros(len(product), np.int64))
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        part = make_part(ids, blank, vectors, engine, 0.95)
        save_index(Path(folder), iter([part]), "m", 0.95, None)
        del part
        space = Space(load_index(Path(folder)))
        built = time.perf_counter()
        near = neighbours(space, 20, local=10)
        searched = time.perf_counter()
        judge = ByTruth(near, truth, np.arange(len(product) // 10))
        found = find_duplicates(space.searched(), near, judge, Wanted(0.95))
        group = found.dendrogram.groups(found.threshold)
        grouped = time.perf_counter()
    shares = agreement(group, truth, np.arange(len(product)))
    return {
        "index s": built - began,
        "candidates s": searched - built,
        "groups s": grouped - searched,
        "precision": shares["precision"],
        "recall": shares["recall"],
        "MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


if __name__ == "__main__":
    main()
