"""What each option of the loss gives: a table, no claim.

Trains the demo (simulated) and the grocery photos (real) by their recipes, cut to fewer steps, once
as they are and once with each option, same seed and data; it makes the tables of docs/losses.md.
Vectors cut to a prefix are scored too, those that were trained for it and those that were not.
Standard errors of R@1 are about 0.015 on the demo (851 queries), and on grocery (235) 0.03 for
photos, 0.02 for the others.

    STYLEJAX_DATA=FOLDER python benchmarks/loss_options.py
    python benchmarks/loss_options.py --only demo --options memory
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import numpy as np

from benchmarks.support.machine import machine
from stylejax.commands.opened import Run
from stylejax.retrieval.evaluation.evaluate import evaluate_splits
from stylejax.retrieval.vectors import read_vectors
from stylejax.training.record import read_record

RECIPES = {"demo": ("configs/quickstart.py", 200), "grocery": ("configs/grocery.py", 600)}
OPTIONS: dict[str, list[str]] = {
    "the recipe": [],
    "duplicates excluded": ["--loss.duplicates", "exclude"],
    "memory of 8 batches": ["--loss.memory", "8"],
    "pairs by weight ** 0.5": ["--loss.weight-exponent", "0.5"],
    "prune 0.3 by text": ["--encoder.prune", "0.3", "--encoder.prune-by", "text"],
    "prune 0.3 by image": ["--encoder.prune", "0.3", "--encoder.prune-by", "image"],
    "prefixes 32, 64": ["--loss.prefixes", "32", "64"],
    "nine directions": ["--loss.matching", *(f"{q}-{t}" for q in "mti" for t in "mti")],
    "fixed temperature": ["--loss.no-learn-scale"],
    "sigmoid": ["--loss.form", "sigmoid"],
    "hinge": ["--loss.form", "hinge", "--loss.duplicates", "exclude"],
    "not pooled": ["--loss.no-pooled"],
}
CUT = ("the recipe", "prefixes 32, 64")  # whose vectors are scored at these lengths as well
LENGTHS = (32, 64)
DIRECTIONS = ("i-i", "t-t", "m-m")


def main() -> None:
    """Trains what is asked for and prints one table a recipe."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=tuple(RECIPES), help="one recipe; else both")
    parser.add_argument("--options", nargs="*", help="those whose name holds one of these words")
    parser.add_argument("--out", default="runs/loss_options.json", help="results as JSON")
    parser.add_argument("--steps", type=int, default=0, help="of each; 0 = as in docs/losses.md")
    args = parser.parse_args()
    results: dict[str, dict] = {}
    for name, (recipe, usual) in RECIPES.items():
        steps = args.steps or usual
        if args.only in (None, name):
            run = Path("runs/loss_options") / name
            mined(name, recipe, run)
            results[name] = {}
            for option, flags in OPTIONS.items():
                if args.options and not any(word in option for word in args.options):
                    continue
                results[name][option] = scores(recipe, run, steps, flags)
                for length in LENGTHS if option in CUT else ():
                    results[name][f"{option}, cut to {length}"] = cut_scores(run, length)
                write(Path(args.out), results)
            show(name, steps, results[name])


def mined(name: str, recipe: str, run: Path) -> None:
    """The pairs, once for all options; the demo's catalogue and clicks before them."""
    if name == "demo" and not (data := Path("runs/demo/data")).is_dir():
        verb("simulate", "--out", str(data))
    verb("mine", "--config", recipe, "--run-dir", str(run))


def scores(recipe: str, run: Path, steps: int, flags: list[str]) -> dict[str, float]:
    """R@1 and mAP@R after the last step."""
    words = ["--training.steps", str(steps), "--training.evaluate-every", "0"]
    verb("train", "--config", recipe, "--run-dir", str(run), "--restart", *words, *flags)
    (last,) = [line for line in read_record(run) if "retrieval/m-m/recall@1" in line]
    return {
        f"{direction} {metric}": last[f"retrieval/{direction}/{metric}"]
        for direction in DIRECTIONS
        for metric in ("recall@1", "map@r")
    }


def cut_scores(run: Path, length: int) -> dict[str, float]:
    """The same of the first numbers of every vector, by the catalogue's true products."""
    verb("export", "--checkpoint", str(run))
    opened = Run(run)
    columns = opened.config.data.columns
    catalogue = opened.catalogue(
        argparse.Namespace(catalog="", images="", columns=columns), with_truth=True
    )
    vectors = read_vectors(run / "vectors")
    for x in vectors.vectors.values():
        x[:, length:] = 0
        x /= np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
    options = opened.config.evaluation
    found = evaluate_splits(
        vectors,
        catalogue.labels(options.category_level),
        options.query_split,
        options.gallery_split,
        directions=DIRECTIONS,
    ).metrics["directions"]
    return {f"{d} {m}": found[d][m] for d in DIRECTIONS for m in ("recall@1", "map@r")}


def verb(*words: str) -> None:
    """Runs `stylejax` in a process of its own."""
    code = "from stylejax.cli import main; main()"
    subprocess.run([sys.executable, "-c", code, *words], check=True)


def show(name: str, steps: int, results: dict[str, dict[str, float]]) -> None:
    """Prints a recipe's table in Markdown."""
    columns = [f"{d} {metric}" for d in DIRECTIONS for metric in ("R@1", "mAP@R")]
    print(f"\n{name}, {steps} steps\n| | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}")
    for option, found in results.items():
        print(f"| {option} | {' | '.join(f'{value:.3f}' for value in found.values())} |")


def write(path: Path, results: dict[str, dict]) -> None:
    """Writes what there is so far."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        json.dumps({"machine": machine("jax", "flax", "optax"), "results": results}, indent=1)
        + "\n"
    )


if __name__ == "__main__":
    main()
