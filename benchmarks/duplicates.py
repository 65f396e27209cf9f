"""Claim: our groups of duplicates find more than other groupings at a wanted precision.

Groups all listings of a run's export and judges those of the split that its recipe searches with.
The products of that split are halved by lot, again and again: the threshold is chosen by one half
and judged by the other, for each way of grouping alike.

    python benchmarks/duplicates.py                                     # the demo's run
    python benchmarks/duplicates.py --run runs/grocery --precision 0.9   # with STYLEJAX_DATA
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import numpy as np
from scipy.cluster.hierarchy import linkage

from benchmarks.support.machine import machine
from input_pipeline.catalogue import load_catalogue
from input_pipeline.sources import locate
from stylejax.config import ConfigError, from_json
from stylejax.retrieval.duplicates.agreement import MEASURES, agreement
from stylejax.retrieval.duplicates.dendrogram import APART, Dendrogram, Growing
from stylejax.retrieval.duplicates.labelled import ByTruth, Truth, floor_of
from stylejax.retrieval.duplicates.linkage import average_linkage
from stylejax.retrieval.duplicates.neighbours import Neighbours, neighbours
from stylejax.retrieval.duplicates.space import Space
from stylejax.retrieval.duplicates.threshold import choose, curve, point
from stylejax.retrieval.index.build import engine_of, parts_of
from stylejax.retrieval.index.index import Index

OURS = "average linkage, scores (ours)"
PEER = "connected components, scores"
SAME = "connected components, scores, at our threshold"
MOST = 200_000  # pairs of the listings asked: where groups make more, nearly all are wrong


def main() -> None:
    """Prints one table for each rule; ends 1 where the promise is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", default="runs/demo", help="folder of a trained and exported run")
    parser.add_argument("--precision", type=float, default=0.8, help="wanted")
    parser.add_argument("--halves", type=int, default=40, help="times that products are halved")
    parser.add_argument("--out", default="", help="results as JSON; empty = by the run's name")
    args = parser.parse_args()
    space, truth, asked = opened(Path(args.run))
    ways = dendrograms(space, truth, asked, args.precision)
    rules = {"the lower end of 95 %": 0.95, "the estimate": 0.0}
    results = {
        rule: judged(ways, truth, asked, args.precision, level, args.halves)
        for rule, level in rules.items()
    }
    for rule, rows in results.items():
        print(f"\nprecision of {args.precision:g} wanted of {rule}:\n")
        print("| | chosen | precision | kept | recall | B³ precision | B³ recall |")
        print("|---|---|---|---|---|---|---|")
        for way, row in rows.items():
            cells = [f"{row[name]:.3f}" for name in MEASURES] if row["chosen"] else ["-"] * 4
            kept = f"{row['kept']:.0%}" if row["chosen"] else "-"
            cells = [f"{row['chosen']:.0%}", cells[0], kept, *cells[1:]]
            print(f"| {way} | {' | '.join(cells)} |")
    about = machine("jax", "scipy", "numpy")
    name = Path(args.run).name
    out = Path(args.out or f"runs/duplicates_{name}.json")
    out.parent.mkdir(parents=True, exist_ok=True)
    wanted = {"run": name, "precision": args.precision, "halves": args.halves}
    out.write_text(json.dumps({"machine": about, **wanted, "results": results}, indent=1) + "\n")
    print(f"\n{about}\nwritten to {out}")
    for rule, rows in results.items():
        ours, peer = rows[OURS], rows[PEER]
        if not ours["chosen"] or ours["recall"] <= (peer["recall"] if peer["chosen"] else 0):
            raise SystemExit(f"missed: by {rule} we find no more than connected components")


def opened(run: Path) -> tuple[Space, Truth, np.ndarray]:
    """The listings of a run, their true products, and those of the recipe's query split."""
    config = replace(from_json((run / "config.json").read_text()), run_dir=str(run))
    parts = parts_of(run / "vectors", "m", engine_of("auto"), 0.95, 10_000_000)
    space = Space(Index(list(parts), "m"))
    sources = locate(config)
    catalogue = load_catalogue(config.data, sources.catalogue, sources.images, with_truth=True)
    row_of = {item: row for row, item in enumerate(catalogue.item_id)}
    rows = [row_of[item] for item in space.item_id]
    product = np.unique([catalogue.product(row) for row in rows], return_inverse=True)[1]
    splits = np.array([catalogue.split[row] for row in rows])
    asked = np.flatnonzero(splits == config.evaluation.query_split)
    return space, Truth(product.astype(np.int64), np.zeros(len(space), np.int64)), asked


def dendrograms(
    space: Space, truth: Truth, asked: np.ndarray, precision: float
) -> dict[str, tuple[Neighbours, Dendrogram]]:
    """Each way of grouping."""
    found = {}
    for name, local in (("scores", 10), ("cosines", 0)):
        near = neighbours(space, 20, local=local)
        began = time.perf_counter()
        floor = floor_of(*ByTruth(near, truth, asked).scores(), precision)
        ours = average_linkage(space.rows, near.crowding, *near.pairs(floor), floor)
        seconds = time.perf_counter() - began
        print(f"average linkage of {len(space):,} listings by {name}: {seconds:.2f} s")
        label = OURS if local else "average linkage, cosines"
        found[label] = near, ours
        vectors = space.rows(np.arange(len(space))).astype(np.float64)
        scores = vectors @ vectors.T - (near.crowding[:, None] + near.crowding[None]) / 2
        apart = 2 - scores[np.triu_indices(len(space), 1)]
        for method, called in (
            ("complete", "complete linkage"),
            ("single", "connected components"),
        ):
            found[f"{called}, {name}"] = near, cut(from_scipy(linkage(apart, method)), asked)
    found[SAME] = found[PEER]
    return dict(sorted(found.items(), key=lambda way: way[0] != OURS))


def from_scipy(merges: np.ndarray) -> Dendrogram:
    """SciPy's linkage of distances 2 - score."""
    size = len(merges) + 1
    growing, head = Growing(size), list(range(size))
    for one, other, distance, _ in merges:
        a, b = head[int(one)], head[int(other)]
        growing.merge(np.array([a]), np.array([b]), np.array([2 - distance]))
        head.append(a)
    return growing.finished()


def cut(dendrogram: Dendrogram, asked: np.ndarray) -> Dendrogram:
    """Without the lowest merges, down to which no threshold would go."""
    for floor in np.unique(dendrogram.gap)[1:]:
        gap = np.where(dendrogram.gap < floor, APART, dendrogram.gap)
        kept = Dendrogram(dendrogram.order, gap)
        if kept.reach()[asked].sum() <= MOST:
            return kept
    return dendrogram


def judged(
    ways: dict[str, tuple[Neighbours, Dendrogram]],
    truth: Truth,
    asked: np.ndarray,
    precision: float,
    level: float,
    halves: int,
) -> dict[str, dict[str, float]]:
    """Means over all halves of the products: chosen by one half, judged by the other."""
    products = np.unique(truth.product[asked])
    told, ours = {}, {}
    for way, (near, dendrogram) in ways.items():
        found: list[list[float]] = []
        kept = 0
        for seed in range(halves):
            drawn = np.random.default_rng(seed).permutation(products)[: len(products) // 2]
            chooses = np.isin(truth.product[asked], drawn)
            if way == SAME:
                threshold = ours[seed]
            else:
                threshold = threshold_of(near, dendrogram, truth, asked[chooses], precision, level)
            if way == OURS:
                ours[seed] = threshold
            if threshold is None:
                continue
            rest = asked[~chooses]
            fair = point(ByTruth(near, truth, rest).labelled(dendrogram), threshold)
            reached = fair.precision or 0.0  # none of the pairs may be in a group
            kept += reached >= precision
            shares = agreement(dendrogram.groups(threshold), truth, rest)
            found.append([reached, fair.recall or 0.0, *(shares[name] for name in MEASURES[2:])])
        row = {"chosen": len(found) / halves, "kept": kept / max(1, len(found))}
        if found:
            row |= dict(zip(MEASURES, np.mean(found, axis=0).tolist(), strict=True))
        told[way] = row
    return told


def threshold_of(
    near: Neighbours,
    dendrogram: Dendrogram,
    truth: Truth,
    asked: np.ndarray,
    precision: float,
    level: float,
) -> float | None:
    """The threshold that some listings choose; None = none is precise enough."""
    points = curve(ByTruth(near, truth, asked).labelled(dendrogram), level=level)
    try:
        return choose(points, precision).threshold
    except ConfigError:
        return None


if __name__ == "__main__":
    main()
