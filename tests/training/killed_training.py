"""A short training that may be killed at any moment; called again, it goes on.

    python killed_training.py FOLDER

Prints how many programs had to be compiled, and how many were found. Its final state is
FOLDER/final.npz.
"""

import itertools
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import jax
import numpy as np
import tiny

from stylejax.training.compiled import keep_compiled
from stylejax.training.loop import train
from stylejax.training.mesh import make_mesh
from stylejax.training.run_folder import newest_step

PAUSE = 0.1  # seconds a batch: the moments of a step are not all over at once


def batches(start: int):
    for number in itertools.count(start):
        time.sleep(PAUSE)
        yield tiny.pair_batch(8, seed=number)


def main(folder: Path) -> None:
    missed, hit = [], []

    def count(event: str, **_: object) -> None:
        for name, counted in (("cache_misses", missed), ("cache_hits", hit)):
            if event.endswith(name):
                counted.append(event)

    jax.monitoring.register_event_listener(count)
    keep_compiled(folder)
    config = tiny.config(
        "",
        folder,
        training={"steps": 12, "save_every": 2, "log_every": 1, "ema": 0.9, "spike": 50.0},
        # Few parts of the loss: it compiles sooner, and steps and saves get their share of kills.
        loss={"memory": 2, "matching": ("m-m",), "distinctiveness": (), "consistency": ()},
    )
    resume = newest_step(folder) is not None
    state = train(config, batches, "{}", 32, make_mesh(1), resume=resume)
    leaves = jax.tree_util.tree_leaves_with_path(state)
    arrays = {jax.tree_util.keystr(path): np.asarray(x) for path, x in leaves}
    unfinished = folder / "unfinished.npz"
    np.savez(unfinished, **arrays)
    unfinished.rename(folder / "final.npz")
    print(f"compiled {len(missed)}, found {len(hit)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
