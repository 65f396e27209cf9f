"""Claim: exact contrastive losses over very large batches at the speed of the products alone.

Forward and backward of InfoNCE and of the sigmoid loss in float32, beside open_clip's `ClipLoss`
and `SigLipLoss` on the same vectors. Every measurement has a process of its own, so that its
highest memory can be read; ours and the peer's take turns. The floor is four products of
`[B, D]` and `[D, B]`: one forward, one again and two for the gradients backward.

    python benchmarks/loss.py                        # about 15 minutes, and 18 GiB for the peer
    python benchmarks/loss.py --rows 4096 --most 0   # half a minute
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import numpy as np

from benchmarks.support.machine import machine

WIDTH, SCALE, BIAS = 256, 20.0, -10.0
PEERS = {"clip": "softmax", "siglip": "sigmoid", "siglip-chunks": "sigmoid"}
FASTER, SMALLER, FLOOR = 3.0, 150.0, 1.4  # promised at 32,768 rows; 131,072 are for their memory
MIB = 2.0**20


def main() -> None:
    """Prints a line for each loss and size; ends 1 where a promise is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[4096, 16384, 32768])
    parser.add_argument("--most", type=int, default=131072, help="rows of ours alone; 0 = none")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each at most")
    parser.add_argument("--out", default="runs/loss.json", help="results as JSON")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        print(json.dumps(measure(args.measure, args.rows[0])))
        return
    results: list[dict[str, Any]] = []
    print(f"{'rows':>8} {'loss':14} {'seconds':>9} {'products':>9} {'memory MiB':>11}")
    for rows in args.rows:
        rounds = max(1, min(args.rounds, 2 * 32768 // rows - 1))
        runs: dict[str, list[dict[str, Any]]] = {}
        for _ in range(rounds):
            for name in (*dict.fromkeys(PEERS.values()), *PEERS):
                runs.setdefault(name, []).append(started(name, rows))
        agree(runs)
        results += [shown(name, rows, several) for name, several in runs.items()]
    if args.most:
        results += [shown(n, args.most, [started(n, args.most)]) for n in ("softmax", "sigmoid")]
    record = machine("jax", "torch", "open_clip_torch") | {"results": results}
    missed = promises(results)
    Path(args.out).parent.mkdir(parents=True, exist_ok=True)
    Path(args.out).write_text(json.dumps(record | {"missed": missed}, indent=1))
    print(f"{record['date']}, {record['processor']}, {record['cores']} cores; {args.out}")
    if missed:
        sys.exit("missed: " + "; ".join(missed))


def started(name: str, rows: int) -> dict[str, Any]:
    """One measurement in a process of its own."""
    command = [sys.executable, __file__, "--measure", name, "--rows", str(rows)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return {"failed": (done.stderr.strip().splitlines() or [f"signal {-done.returncode}"])[-1]}
    return json.loads(done.stdout.splitlines()[-1])


def measure(name: str, rows: int) -> dict[str, Any]:
    """Seconds of forward and backward, memory above that of the inputs, and what came out."""
    rng = np.random.default_rng(0)
    target = rng.normal(size=(rows, WIDTH)).astype(np.float32)
    query = target + rng.normal(size=target.shape).astype(np.float32)
    if name in PEERS:
        from benchmarks.support.open_clip_losses import peer

        run = peer(name, query, target, SCALE, BIAS)
        peer(name, query[:4096], target[:4096], SCALE, BIAS)()  # threads and kernels are ready
        floor = None
    else:
        run, floor = ours(name, query, target)
    before = reset_highest()
    start = time.perf_counter()
    loss, *gradients = run()
    seconds = time.perf_counter() - start
    norms = [float(np.linalg.norm(g)) for g in gradients]
    return {
        "seconds": seconds,
        "mib": (highest() - before) / MIB,
        "loss": float(loss),
        "gradients": norms,
        **({"floor": floor()} if floor else {}),
    }


def ours(name: str, query: np.ndarray, target: np.ndarray) -> tuple[Callable, Callable]:
    """Compiled loss and gradients, and a function that times the floor."""
    import jax
    import jax.numpy as jnp

    from stylejax.losses import sigmoid_contrastive, softmax_contrastive

    def loss(query: jax.Array, target: jax.Array, scale: jax.Array, bias: jax.Array) -> jax.Array:
        if name == "softmax":
            return softmax_contrastive(query, target, scale=scale).mean()
        return sigmoid_contrastive(query, target, scale=scale, bias=bias).mean()

    given = (jnp.asarray(query), jnp.asarray(target), jnp.float32(SCALE), jnp.float32(BIAS))
    step = jax.jit(jax.value_and_grad(loss, argnums=(0, 1, 2, 3))).lower(*given).compile()

    def run() -> tuple[Any, Any, Any]:
        value, (first, second, *_) = jax.block_until_ready(step(*given))
        return value, first, second

    def floor() -> float:
        block = min(1024, len(query))  # what is multiplied stays near the processor
        product = jax.jit(lambda a, b: a @ b.T)
        a, b = given[0][:block], given[1][:block]
        seconds = []
        for _ in range(50):
            start = time.perf_counter()
            jax.block_until_ready(product(a, b))
            seconds.append(time.perf_counter() - start)
        return 4 * statistics.median(seconds) * (len(query) / block) ** 2

    return run, floor


def reset_highest() -> int:
    """Forgets the highest memory so far; bytes resident now."""
    Path("/proc/self/clear_refs").write_text("5")
    return highest()


def highest() -> int:
    """Most bytes resident since `reset_highest`."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    raise OSError("no VmHWM in /proc/self/status: this benchmark reads memory as Linux gives it")


def agree(runs: dict[str, list[dict[str, Any]]]) -> None:
    """Ends where ours and the peer's losses or gradients are not the same numbers."""
    for theirs, mine in PEERS.items():
        a, b = runs[theirs][0], runs[mine][0]
        if "failed" not in a:
            found = [b["loss"], *b["gradients"]]
            np.testing.assert_allclose(found, [a["loss"], *a["gradients"]], rtol=1e-4)


def shown(name: str, rows: int, runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Prints and returns the medians of the runs of one loss at one size."""
    label = f"{rows:>8,} {('ours, ' if name not in PEERS else '') + name:14}"
    if failed := [run["failed"] for run in runs if "failed" in run]:
        print(f"{label} failed: {failed[0]}")
        return {"name": name, "rows": rows, "failed": failed[0]}
    seconds, mib = (statistics.median(run[key] for run in runs) for key in ("seconds", "mib"))
    result = {"name": name, "rows": rows, "seconds": seconds, "mib": mib, "runs": runs}
    if name not in PEERS:
        result["products"] = statistics.median(run["seconds"] / run["floor"] for run in runs)
    times = f"{result['products']:>9.2f}" if "products" in result else " " * 9
    print(f"{label} {seconds:>9.2f} {times} {mib:>11,.0f}", flush=True)
    return result


def promises(results: list[dict[str, Any]]) -> list[str]:
    """What was promised at the largest common size and is not so."""
    by = {(r["name"], r["rows"]): r for r in results}
    missed = []
    for theirs, mine in (("clip", "softmax"), ("siglip", "sigmoid")):
        a, b = by.get((theirs, 32768)), by.get((mine, 32768))
        if a and b and ("failed" in a or "failed" in b):
            missed.append(f"{mine} beside {theirs} could not be compared")
        elif a and b:
            ratios = a["seconds"] / b["seconds"], a["mib"] / b["mib"]
            print(
                f"{mine}: {ratios[0]:.1f} times as fast as {theirs}, 1/{ratios[1]:.0f} the memory"
            )
            if ratios[0] < FASTER or ratios[1] < SMALLER:
                missed.append(f"{mine} beside {theirs}: {ratios[0]:.1f} times, 1/{ratios[1]:.0f}")
    for result in results:
        if "failed" in result and result["name"] in PEERS.values():
            missed.append(f"{result['name']} with {result['rows']:,} rows: {result['failed']}")
            continue
        if result.get("products", 0.0) > FLOOR and result["rows"] == 32768:
            missed.append(f"{result['name']}: {result['products']:.2f} times the products")
        if result["rows"] == 131072 and result["mib"] > 1024:
            missed.append(f"{result['name']}: {result['mib']:,.0f} MiB for 131,072 rows")
    return missed


if __name__ == "__main__":
    main()
