"""Claim: groups of mined pairs are one product each, where simpler ways merge or scatter products.

Mines with the defaults, groups the listings of the train split in five ways and scores them with
the true products: of all pairs of listings in one group, the share that is one product (precision);
of all pairs of one product, the share in one group (recall).

    python benchmarks/groups.py    # with STYLEJAX_DATA=FOLDER on grocery too
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import numpy as np
import scipy.sparse as sparse
from scipy.sparse.csgraph import connected_components

from benchmarks.mining_quality import NOISE, simulated
from benchmarks.support.grocery import grocery
from benchmarks.support.machine import machine
from input_pipeline.catalogue import Catalogue
from input_pipeline.groups import same_style_groups
from input_pipeline.mining import mine
from stylejax.config import DataConfig, MiningConfig, SyntheticConfig

Grouping = Callable[[np.ndarray, np.ndarray, int], np.ndarray]


def components(left: np.ndarray, right: np.ndarray, size: int) -> np.ndarray:
    """Whatever a chain of pairs connects."""
    graph = sparse.coo_array((np.ones(len(left)), (left, right)), shape=(size, size))
    return connected_components(graph, directed=False)[1]


def structural(left: np.ndarray, right: np.ndarray, size: int) -> np.ndarray:
    """SCAN (Xu et al., KDD 2007): components of pairs whose ends share half their neighbours."""
    graph = sparse.csr_array((np.ones(len(left)), (left, right)), shape=(size, size))
    graph = (graph + graph.T + sparse.eye_array(size)).tocsr()
    graph.data[:] = 1.0
    degree = np.asarray(graph.sum(axis=1)).ravel()
    common = np.asarray(graph[left].multiply(graph[right]).sum(axis=1)).ravel()
    kept = common / np.sqrt(degree[left] * degree[right]) >= 0.5
    return components(left[kept], right[kept], size)


def modularity(left: np.ndarray, right: np.ndarray, size: int) -> np.ndarray:
    """Leiden under modularity, the usual objective."""
    from sknetwork.clustering import Leiden

    graph = sparse.csr_matrix((np.ones(len(left)), (left, right)), shape=(size, size))
    return Leiden(modularity="newman", shuffle_nodes=False).fit_predict(graph + graph.T)


def potts(left: np.ndarray, right: np.ndarray, size: int) -> np.ndarray:
    """Leiden under the constant Potts model, at our density.

    The library divides weights by their sum and the model's penalty by size squared; its sums are
    of 32 bits, so a node between two equal choices may go to and fro for ever on other graphs.
    """
    from sknetwork.clustering import Leiden

    graph = sparse.csr_matrix((np.ones(len(left)), (left, right)), shape=(size, size))
    graph = graph + graph.T
    resolution = float(0.1 * size**2 / graph.sum())
    return Leiden(
        resolution,
        modularity="potts",
        shuffle_nodes=False,
        tol_optimization=1e-9,
        tol_aggregation=1e-9,
    ).fit_predict(graph)


OURS = "average linkage (ours)"
WAYS: dict[str, Grouping] = {
    "connected components": components,
    "structural clustering": structural,
    "Leiden, modularity": modularity,
    "Leiden, constant Potts model": potts,
    OURS: same_style_groups,
}


def scores(data: DataConfig, catalogue: Catalogue, clicks: Path | str) -> dict[str, dict]:
    """Precision and recall of each way on one log."""
    assert catalogue.group is not None
    pairs = mine(data, MiningConfig(), dataclasses.replace(catalogue, group=None), clicks).table
    rows = catalogue.rows(data.train_split)
    number = {catalogue.item_id[row]: n for n, row in enumerate(rows)}
    left, right = (
        np.array([number[item] for item in pairs[end].to_pylist()], np.int64)
        for end in ("left_id", "right_id")
    )
    truth = np.unique([catalogue.group[row] for row in rows], return_inverse=True)[1]
    one, other = np.triu_indices(len(rows), 1)
    same = truth[one] == truth[other]
    told = {}
    for name, way in WAYS.items():
        group = way(left, right, len(rows))
        joined = group[one] == group[other]
        told[name] = {
            "precision": float(same[joined].mean()),
            "recall": float(joined[same].mean()),
            "groups of two or more": int((np.unique(group, return_counts=True)[1] > 1).sum()),
        }
    return told


def main() -> None:
    """Scores all logs and prints one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default="runs/groups.json", help="results as JSON")
    args = parser.parse_args()
    results: dict[str, dict[str, dict]] = {}
    real = grocery()
    if real is not None:
        config, catalogue, clicks = real
        results["grocery"] = scores(config.data, catalogue, clicks)
    with tempfile.TemporaryDirectory() as folder:
        for seed, stray, noise in NOISE:
            options = SyntheticConfig(seed=seed, stray_clicks=stray, relevance_noise=noise)
            catalogue, clicks = simulated(options, Path(folder))
            results[f"built-in, seed {seed}"] = scores(DataConfig(), catalogue, clicks)
    print(f"| | {' | '.join(f'{log}: precision | recall' for log in results)} |")
    print("|---" * (1 + 2 * len(results)) + "|")
    for name in WAYS:
        cells = [
            f"{results[log][name][score]:.3f}"
            for log in results
            for score in ("precision", "recall")
        ]
        print(f"| {name} | {' | '.join(cells)} |")
    about = machine("scikit-network", "scipy", "duckdb")
    out = Path(args.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({"machine": about, "results": results}, indent=1) + "\n")
    print(f"\n{about}\nwritten to {out}")
    for log, ways in results.items():
        ours = ways[OURS]["precision"]
        if ours < max(way["precision"] for way in ways.values()) - 1e-9:
            raise SystemExit(f"missed: {log}: another way is more precise than ours, {ours:.3f}")


if __name__ == "__main__":
    main()
