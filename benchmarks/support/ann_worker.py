"""One engine in a process of its own: builds, tunes, then searches whenever it is asked.

    python benchmarks/support/ann_worker.py ENGINE FOLDER

FOLDER holds ``vectors.npy``, ``choosing.npy``, ``choosing_true.npy``, ``judging.npy`` and
``judging_true.npy``. Prints lines of JSON: what the index costs, then, for every line that it
reads, the rate of a turn, and at the end of its input the recall.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))
os.environ.setdefault("JAX_PLATFORMS", "cpu")
# Idle threads of OpenMP must not take the cores from the engine whose turn it is.
os.environ["OMP_WAIT_POLICY"] = "passive"

import numpy as np

from benchmarks.support.ann_engines import CORES, ENGINES, recall_of

TURN = 0.5  # seconds of searching at least
SLOW = 1.0  # seconds for all queries from which on a turn searches for some


def main(name: str, folder: Path) -> None:
    """Serves one engine."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    told = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print goes elsewhere

    def tell(**found: Any) -> None:
        print(json.dumps(found), file=told)

    vectors = np.load(folder / "vectors.npy", mmap_mode="r")
    choosing, true, judging, judging_true = (
        np.load(folder / f"{part}.npy")
        for part in ("choosing", "choosing_true", "judging", "judging_true")
    )
    module, build = ENGINES[name]
    importlib.import_module(module)  # not the index's memory
    before = resident()
    began, work = time.perf_counter(), time.process_time()
    engine = build(vectors)
    built, work = time.perf_counter(), time.process_time() - work
    # Measured here: tuning searches exactly, which takes memory that searches do not need.
    mib = (resident() - before) / 2**20
    setting = engine.tune(choosing, true, 0.95)
    tuning = time.perf_counter() - built
    tell(build=built - began, work=work, tuning=tuning, MiB=mib, setting=setting)
    asked = judging
    began = time.perf_counter()
    recall = recall_of(engine.search(judging), judging_true)
    if (seconds := time.perf_counter() - began) > SLOW:
        asked = judging[: max(1, int(len(judging) * SLOW / seconds))]
    for _ in sys.stdin:
        count, began, worked = 0, time.perf_counter(), time.process_time()
        while (seconds := time.perf_counter() - began) < TURN or not count:
            engine.search(asked)
            count += len(asked)
        work = time.process_time() - worked
        tell(wall=count / seconds, rate=count * CORES / work)
    tell(recall=recall)


def resident() -> int:
    """Bytes of this process in memory that no file backs."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what training has freed
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) * 2**10
    raise RuntimeError("this system does not tell a process's memory")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
