"""Claim: `make demo` takes ten minutes and 4 GiB, and shows why photo and title belong together.

Runs the stages of `make demo` (the environment is there already), each as a process of its own, on
two cores; checks the time of all, the largest memory of one, that training hardly ever waits for
data, and the table by industry: photos fail where pictures say little, titles where titles say
little, both together win overall.

    python benchmarks/demo.py
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.support.machine import machine
from stylejax.training.record import read_record

MINUTES, GIB = 10.0, 4.0
WAIT = 0.02  # mean share of the time that training may wait for data, after it has begun
EASY, HARD = 0.6, 0.4  # R@1 of a view that is enough in one industry and of no use in another
BOTH = (0.70, 0.95)  # R@1 of photo and title: neither hopeless nor solved


def main() -> None:
    """Runs the stages and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default="runs/demo_claim.json", help="results as JSON")
    args = parser.parse_args()
    run = "runs/demo"
    stages = [
        ["simulate", "--out", f"{run}/data"],
        ["mine", "--config", "configs/quickstart.py"],
        ["train", "--config", "configs/quickstart.py", "--restart"],
        ["export", "--checkpoint", run],
        ["index", "--vectors", f"{run}/vectors"],
        ["evaluate", "--run", run],
        ["report", "--run", run],
    ]
    started = time.monotonic()
    for words in stages:
        code = "from stylejax.cli import main; main()"
        subprocess.run([sys.executable, "-c", code, *words], check=True)
    minutes = (time.monotonic() - started) / 60
    gib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20

    lines = read_record(Path(run))
    # The first line's wait is that of the first batch, which nothing could have prepared.
    waits = [line["data_wait"] for line in lines if "data_wait" in line][1:]
    wait = {
        "mean": statistics.fmean(waits),
        "median": statistics.median(waits),
        "highest": max(waits),
    }

    metrics = json.loads(Path(run, "metrics.json").read_text())
    views = {"photo only": "i-i", "title only": "t-t", "both": "m-m"}
    table = {
        industry: {name: row[direction]["recall@1"] for name, direction in views.items()}
        for industry, row in metrics["breakdowns"]["category"].items()
    }
    table["all"] = {
        name: metrics["directions"][direction]["recall@1"] for name, direction in views.items()
    }
    print("\n| R@1 by industry | " + " | ".join(views) + " |")
    print("|---" * (1 + len(views)) + "|")
    for industry, row in sorted(table.items(), key=lambda row: (row[0] == "all", row[1]["both"])):
        print(f"| {industry} | " + " | ".join(f"{row[name]:.3f}" for name in views) + " |")
    about = machine("jax", "flax", "tensorflow-cpu") | {"load": f"{os.getloadavg()[0]:.1f}"}
    print(f"\n{minutes:.1f} min, at most {gib:.2f} GiB a stage")
    print("waited for data: " + ", ".join(f"{name} {x:.2%}" for name, x in wait.items()))
    print(about)
    results = {"minutes": minutes, "peak GiB": gib, "waited for data": wait, "R@1": table}
    out = Path(args.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({"machine": about, "results": results}, indent=1) + "\n")

    overall = table.pop("all")
    missed = [f"{minutes:.1f} minutes"] if minutes > MINUTES else []
    missed += [f"{gib:.2f} GiB"] if gib > GIB else []
    missed += [f"waited {wait['mean']:.2%} of the time for data"] if wait["mean"] >= WAIT else []
    for view in ("photo only", "title only"):
        values = [row[view] for row in table.values()]
        if min(values) > HARD or max(values) < EASY:
            missed.append(f"{view}: from {min(values):.3f} to {max(values):.3f}")
        if overall["both"] <= overall[view]:
            missed.append(f"both {overall['both']:.3f} against {view} {overall[view]:.3f}")
    if not BOTH[0] <= overall["both"] <= BOTH[1]:
        missed.append(f"both {overall['both']:.3f} outside {BOTH}")
    if missed:
        raise SystemExit("missed: " + "; ".join(missed))


if __name__ == "__main__":
    main()
