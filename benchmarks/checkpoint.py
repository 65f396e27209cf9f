"""Claim: saving checkpoints beside training costs at most 3 % of its time.

Steps of the demo's recipe on random pictures and titles, in short blocks: some during which a
checkpoint is written, others without, in turns. What the former take longer is the cost of one,
held against the steps that the recipe takes from one checkpoint to the next.

    python benchmarks/checkpoint.py
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import jax

from benchmarks.support.machine import machine
from benchmarks.support.random_listings import all_different, random_listings
from stylejax.batch import flat_pixels
from stylejax.config import load_config
from stylejax.training.checkpoint import Checkpoints
from stylejax.training.mesh import make_mesh, place
from stylejax.training.program import Program
from stylejax.training.step import make_train_step

MOST = 0.03  # of the time without
VOCABULARY = 1024


def main() -> None:
    """Prints the medians and their ratio; ends 1 where the promise is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10, help="blocks of each kind")
    parser.add_argument("--steps", type=int, default=20, help="a block")
    parser.add_argument("--out", default="runs/checkpoint.json", help="results as JSON")
    args = parser.parse_args()
    config, mesh = load_config(Path(__file__).parent.parent / "configs/quickstart.py"), make_mesh(1)
    steps, interval = args.steps, config.training.save_every
    shape = config.picture.size, config.text.max_tokens, VOCABULARY
    sides = [random_listings(config.training.batch_size, *shape, seed=seed) for seed in (0, 1)]
    create, step = make_train_step(config, VOCABULARY, mesh)
    state, batch, run = create(), place(mesh, flat_pixels(all_different(*sides))), Program(step)
    state, metrics = run(state, batch)  # compiles
    for _ in range(4):  # warms up
        state, metrics = run(state, batch)
    found: dict[str, list[float]] = {"saving": [], "without": []}
    with tempfile.TemporaryDirectory() as folder:
        checkpoints = Checkpoints(folder, config.training.keep)
        checkpoints.save(state, config, "{}", VOCABULARY)
        checkpoints.close()
        checkpoints = Checkpoints(folder, config.training.keep)
        for kind in ("without", "saving") * args.rounds:
            jax.block_until_ready(metrics)
            started = time.perf_counter()
            if kind == "saving":
                checkpoints.save(state, config, "{}", VOCABULARY)
            for _ in range(steps):
                state, metrics = run(state, batch)
            jax.block_until_ready(metrics)
            if kind == "saving":  # until it is written, however long that takes
                checkpoints.close()
                checkpoints = Checkpoints(folder, config.training.keep)
            found[kind].append(time.perf_counter() - started)
    medians = {kind: statistics.median(times) for kind, times in found.items()}
    extra, step_time = medians["saving"] - medians["without"], medians["without"] / steps
    cost = extra / (interval * step_time)
    size = sum(x.nbytes for x in jax.tree.leaves(state)) / 2**20
    for kind, seconds in medians.items():
        print(f"{kind:<9} {seconds:7.2f} s for {steps} steps ({seconds / steps:.3f} s each)")
    record = machine("jax", "orbax-checkpoint") | {
        "steps": steps,
        "interval": interval,
        "state MiB": size,
        "seconds": found,
        "cost": cost,
    }
    print(
        f"a checkpoint of {size:,.1f} MiB costs {extra:.2f} s: {cost:+.2%} at one every {interval} "
        f"steps; {record['date']}, {record['processor']}, {record['cores']} cores"
    )
    Path(args.out).parent.mkdir(parents=True, exist_ok=True)
    Path(args.out).write_text(json.dumps(record, indent=1))
    if cost > MOST:
        sys.exit(f"missed: {MOST:.0%} at most")


if __name__ == "__main__":
    main()
