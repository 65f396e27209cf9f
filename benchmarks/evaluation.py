"""Claim: a listing of a gallery takes 500 bytes while it is judged, however long its vectors are.

An export of drawn vectors is judged by products in a process of its own, with 1,000 drawn queries:
the most memory that the process had, for a gallery and for one of ten times as many listings (ids
and labels take what it grows by), and how long it took beside the bare product of the same matrices
in memory.

    python benchmarks/evaluation.py
    python benchmarks/evaluation.py --dim 512
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import numpy as np
import pyarrow.parquet as pq

from benchmarks.support.machine import machine
from stylejax.labels import Label
from stylejax.origin import Origin
from stylejax.retrieval.evaluation.evaluate import evaluate_splits
from stylejax.retrieval.manifest import MANIFEST, sha256, write_json
from stylejax.retrieval.stored_vectors import StoredVectors
from stylejax.retrieval.vector_table import vector_table

SHARD, PER_PRODUCT, QUERIES = 50_000, 4, 1_000
MOST = 500  # bytes for each listing that the larger gallery has more


def main() -> None:
    """Prints memory and time; ends 1 where the promise is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listings", type=int, default=100_000, help="of the smaller gallery")
    parser.add_argument("--dim", type=int, default=128, help="numbers of a vector")
    parser.add_argument("--judge", default="", help=argparse.SUPPRESS)
    parser.add_argument("--out", default="runs/evaluation.json", help="results as JSON")
    args = parser.parse_args()
    if args.judge:
        print(json.dumps(judged(Path(args.judge))))
        return
    found = []
    for listings in (args.listings, 10 * args.listings):
        with tempfile.TemporaryDirectory() as folder:
            write_export(Path(folder), listings, args.dim)
            words = [sys.executable, __file__, "--judge", folder]
            told = subprocess.run(words, check=True, capture_output=True, text=True).stdout
        row = json.loads(told) | {"listings": listings}
        row["vectors MiB"] = listings * args.dim * 4 / 2**20
        found.append(row)
        print(
            f"{listings:>9,} listings  {row['MiB']:6,.0f} MiB (vectors {row['vectors MiB']:,.0f})  "
            f"{row['seconds']:.1f} s, the bare product {row['product']:.1f} s"
        )
    added = (found[1]["MiB"] - found[0]["MiB"]) * 2**20 / (9 * args.listings)
    record = machine("numpy", "pyarrow") | {"galleries": found, "bytes a listing": added}
    print(f"a listing takes {added:,.0f} bytes; its vector has {args.dim * 4}")
    print(f"{record['date']}, {record['processor']}, {record['cores']} cores")
    Path(args.out).parent.mkdir(parents=True, exist_ok=True)
    Path(args.out).write_text(json.dumps(record, indent=1))
    if added > MOST:
        sys.exit(f"missed: {added:.0f} bytes a listing, promised at most {MOST}")


def write_export(folder: Path, listings: int, dim: int) -> None:
    """Drawn unit vectors of products, four listings each, as an export lies on disk."""
    rng = np.random.default_rng(0)
    files = []
    for start in range(0, listings, SHARD):
        count = min(SHARD, listings - start)
        centres = rng.normal(size=(count // PER_PRODUCT + 1, dim))
        x = centres[np.arange(count) // PER_PRODUCT] + 0.7 * rng.normal(size=(count, dim))
        x = (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)
        ids = [name(start + n) for n in range(count)]
        path = folder / f"part-{start // SHARD:05}.parquet"
        pq.write_table(vector_table(ids, ["m"] * count, x, "float32"), path)
        files.append({"file": path.name, "sha256": sha256(path)})
    manifest = {"vectors": {"m": listings}, "dim": dim, "files": files, "listings": listings}
    write_json(folder / MANIFEST, manifest | asdict(Origin("drawn", 0, "", "")))


def name(number: int) -> str:
    """The id of a listing."""
    return f"L{number:09}"


def judged(folder: Path) -> dict[str, float]:
    """Judges an export; returns the seconds that took, those of the product, and the most MiB."""
    vectors = StoredVectors(folder)
    category = "any"
    labels = {
        item: Label(f"P{number // PER_PRODUCT}", category, "test")
        for number, item in enumerate(vectors.item_id)
    }
    began = time.perf_counter()
    evaluate_splits(vectors, labels, "test", "test", directions=("m-m",), sample=QUERIES)
    seconds = time.perf_counter() - began
    mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    rows = np.arange(min(SHARD, len(vectors)))
    block = vectors.take("m", rows)
    began = time.perf_counter()
    queries = block[:QUERIES]
    for start in range(0, len(rows), 8192):
        queries @ block[start : start + 8192].T
    product = (time.perf_counter() - began) * len(vectors) / len(rows)
    return {"seconds": seconds, "product": product, "MiB": mib}


if __name__ == "__main__":
    main()
