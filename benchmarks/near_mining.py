"""Claim: what an index adds to the log is mostly right.

Negatives are other products, suspected pairs are the same product more often than not. Trains the
demo on its log and on one of a third as many sessions, indexes both, and judges by the true
products what `stylejax mine --from-index` finds, beside two plainer ways to take negatives from the
same neighbours: the nearest that no evidence joins, and those of them that the share of the
positives admits (NV-Retriever's rule alone).

    python benchmarks/near_mining.py                                     # trains both first
    python benchmarks/near_mining.py --full runs/demo --thin runs/thin   # as they are
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import numpy as np

from benchmarks.support.machine import machine
from input_pipeline.catalogue import load_catalogue
from input_pipeline.mining import read_pairs
from input_pipeline.mining.near import Indexed, indexed
from input_pipeline.sources import locate
from stylejax.cli import main as stylejax
from stylejax.commands.opened import Run
from stylejax.config import NearConfig
from stylejax.retrieval.index.folder import load_index
from stylejax.retrieval.index.index import Index
from stylejax.retrieval.near import near_pairs

RECIPE = "configs/quickstart.py"
THIN = "6000"  # sessions; the demo has 20,000
QUANTILES = (0.25, 0.5, 0.75)  # of mined pairs' cosines
LEAST = {"suspected": 0.5, "negatives": 0.99}  # shares that are claimed


def made(folder: str, *options: str) -> Path:
    """The folder of a demo, trained and indexed here unless it is there."""
    path = Path(folder)
    if not (path / "index" / "index.json").is_file():
        given = ["--config", RECIPE, "--run-dir", folder, *options]
        stylejax(["mine", *given])
        stylejax(["train", *given])
        stylejax(["export", "--checkpoint", folder])
        stylejax(["index", "--vectors", str(path / "vectors")])
    return path


def nearest(index: Index, known: Indexed, options: NearConfig, share: float) -> np.ndarray:
    """Pairs of each listing and the nearest that no evidence joins, capped; places `[n, 2]`.

    Args:
      index: small enough for a matrix of all pairs.
      known: what catalogue and log know of it.
      options: the cap.
      share: of the mean cosine of its mined pairs that a neighbour has at most, at both ends;
        infinite = however near.
    """
    vectors = index.take(np.arange(len(index)))
    cosine = vectors @ vectors.T
    joined = known.group[:, None] == known.group[None]
    joined[known.mined[:, 0], known.mined[:, 1]] = joined[known.mined[:, 1], known.mined[:, 0]] = 1
    limit = np.full(len(index), np.inf)
    alike = cosine[known.mined[:, 0], known.mined[:, 1]]
    if np.isfinite(share):
        ends = known.mined.T.ravel()
        count = np.bincount(ends, minlength=len(index))
        total = np.bincount(ends, np.tile(alike, 2), minlength=len(index))
        limit = share * np.where(count > 0, total / np.maximum(count, 1), alike.mean())
    same = (known.category[:, None] == known.category[None]) & (known.category >= 0)[:, None]
    may = same & ~joined & (cosine <= np.minimum(limit[:, None], limit[None]))
    np.fill_diagonal(may, False)
    cosine[~may] = -np.inf
    order = np.argsort(-cosine, axis=1, kind="stable")[:, : options.max_negatives_per_item]
    chosen = np.zeros_like(may)
    np.put_along_axis(chosen, order, True, axis=1)
    return np.argwhere(np.triu(chosen & chosen.T & may, 1))


def judged(folder: Path) -> dict[str, dict[str, float]]:
    """Numbers of pairs and the shares that are right, by what they are."""
    run = Run(folder)
    config = run.config
    sources = locate(config)
    catalogue = load_catalogue(config.data, sources.catalogue, sources.images)
    index, pairs = load_index(folder / "index"), read_pairs(folder / "pairs.parquet")
    split, level = config.data.train_split, config.mining.category_level
    known = indexed(index.item_id, catalogue, pairs, split, level)
    true = load_catalogue(config.data, sources.catalogue, sources.images, with_truth=True)
    product = {item: true.product(row) for row, item in enumerate(true.item_id)}
    of = np.unique([product[item] for item in index.item_id], return_inverse=True)[1]

    def told(places: np.ndarray, *, same: bool) -> dict[str, float]:
        right = (of[places[:, 0]] == of[places[:, 1]]) == same
        return {"pairs": len(places), "right": float(right.mean())}

    options = NearConfig()
    found = near_pairs(index, known.category, known.group, known.mined, known.paired, options)
    results = {
        "mined pairs": told(known.mined, same=True),
        "negatives: the nearest": told(nearest(index, known, options, np.inf), same=False),
        "negatives: NV-Retriever's rule": told(
            nearest(index, known, options, options.positive_share), same=False
        ),
        "negatives (ours)": told(found.negatives, same=False),
    }
    for quantile in QUANTILES:
        changed = dataclasses.replace(options, suspected_quantile=quantile)
        other = near_pairs(index, known.category, known.group, known.mined, known.paired, changed)
        results[f"suspected, quantile {quantile}"] = told(other.suspected, same=True)
    knows_all = dataclasses.replace(options, silent_pairs=len(index))
    everything = near_pairs(
        index, known.category, known.group, known.mined, known.paired, knows_all
    )
    results["suspected, whatever the log knows"] = told(everything.suspected, same=True)
    return results


def main() -> None:
    """Judges both runs and prints one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", default="runs/near_full", help="a demo, or where to make one")
    parser.add_argument("--thin", default="runs/near_thin", help="likewise, of the thin log")
    parser.add_argument("--out", default="runs/near_mining.json", help="results as JSON")
    args = parser.parse_args()
    told = {
        "the demo's log": judged(made(args.full)),
        f"a log of {int(THIN):,} sessions": judged(
            made(args.thin, "--data.synthetic.sessions", THIN)
        ),
    }
    print(f"| | {' | right | '.join(f'{log}: pairs' for log in told)} | right |")
    print("|---" * (1 + 2 * len(told)) + "|")
    for name in next(iter(told.values())):
        cells = [f"{of[name]['pairs']:,} | {of[name]['right']:.3f}" for of in told.values()]
        print(f"| {name} | {' | '.join(cells)} |")
    about, out = machine("jax", "numpy"), Path(args.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({"machine": about, "results": told}, indent=1) + "\n")
    print(f"\n{about}\nwritten to {out}")
    for log, of in told.items():
        ours = {
            "suspected": of[f"suspected, quantile {NearConfig().suspected_quantile}"],
            "negatives": of["negatives (ours)"],
        }
        for name, least in LEAST.items():
            if ours[name]["right"] < least:
                raise SystemExit(
                    f"missed: {log}: {ours[name]['right']:.3f} of {name} are right, not {least}"
                )


if __name__ == "__main__":
    main()
