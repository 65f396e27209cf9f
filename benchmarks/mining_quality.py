"""Claim: mining's defaults give clean pairs on logs that they were not fitted to.

Prints two tables, with the true products used for scoring only: the defaults on the grocery log
and on the built-in catalogue under three other seeds and levels of noise; and on the grocery log
what each kind of evidence and each constraint costs and buys.

    python benchmarks/mining_quality.py    # with STYLEJAX_DATA=FOLDER on grocery too
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.support.grocery import grocery
from benchmarks.support.machine import machine
from input_pipeline.catalogue import Catalogue
from input_pipeline.mining import mine
from input_pipeline.synthetic.clicks import simulate_clicks
from input_pipeline.synthetic.listings import sample_listings
from input_pipeline.synthetic.products import sample_products
from input_pipeline.synthetic.suppliers import sample_suppliers
from stylejax.config import (
    ConfigError,
    DataConfig,
    MiningConfig,
    SyntheticConfig,
)

# What is changed -> settings that differ from the defaults. Category False takes the category
# constraint away; "HALF" is the moment at which half of the log has happened.
SESSION = {"evidence": ("session",), "min_session_support": 1, "max_pairs_per_item": 10_000}
UNSCORED = {"min_relevance": 0.0}  # as if the log had no score
ABLATION: list[tuple[str, dict]] = [
    ("the defaults", {}),
    ("no category", {"category": False}),
    ("no relevance", UNSCORED),
    ("no support: 1 query", {"min_support": 1}),
    ("min_relevance 0.7", {"min_relevance": 0.7}),
    ("min_relevance 0.85", {"min_relevance": 0.85}),
    ("min_support 3", {"min_support": 3}),
    ("min_clicks 2", {"min_clicks": 2}),
    ("max_query_listings 100", {"max_query_listings": 100}),
    ("max_query_listings 50", {"max_query_listings": 50}),
    ("max_items_per_query 50", {"max_items_per_query": 50}),
    ("max_pairs_per_item 20", {"max_pairs_per_item": 20}),
    ("min_profile_similarity 0.2", {"min_profile_similarity": 0.2}),
    ("min_profile_similarity 0.4", {"min_profile_similarity": 0.4}),
    ("no relevance, similarity 0.5", UNSCORED | {"min_profile_similarity": 0.5}),
    ("no relevance, 20 items a query", UNSCORED | {"max_items_per_query": 20}),
    (
        "no relevance, 20 items a query, similarity 0.5",
        UNSCORED | {"max_items_per_query": 20, "min_profile_similarity": 0.5},
    ),
    ("relevance bm25, at least 0.3", {"relevance": "bm25", "min_relevance": 0.3}),
    ("relevance bm25, at least 0.5", {"relevance": "bm25", "min_relevance": 0.5}),
    ("relevance overlap, at least 0.5", {"relevance": "overlap", "min_relevance": 0.5}),
    ("relevance overlap, at least 0.8", {"relevance": "overlap", "min_relevance": 0.8}),
    ("session, naive", SESSION | UNSCORED | {"category": False}),
    ("session, category and relevance", SESSION),
    ("session, 2 of them", {"evidence": ("session",)}),
    ("item, 1 click", {"evidence": ("item",), "min_item_support": 1}),
    ("item, 2 clicks", {"evidence": ("item",)}),
    ("query or session", {"evidence": ("query", "session")}),
    ("query or session or item", {"evidence": ("query", "session", "item")}),
    ("query and session", {"evidence": ("query", "session"), "combine": "all"}),
    (
        "query and session, 1 each",
        {
            "evidence": ("query", "session"),
            "combine": "all",
            "min_support": 1,
            "min_session_support": 1,
        },
    ),
    ("first half of the time", {"split_at": "HALF"}),
]
# Seed, share of stray clicks, standard deviation of the relevance score; the catalogue's own
# defaults are seed 0, 0.01 and 0.12.
NOISE = [(1, 0.005, 0.08), (2, 0.01, 0.12), (3, 0.03, 0.18)]
PRECISION, PAIRS = 0.97, 15_000  # of the defaults on every log; pairs on grocery
ABLATED = 2  # the seed of the second table's built-in catalogue


@dataclasses.dataclass(frozen=True)
class Score:
    """How good mined pairs are."""

    pairs: int
    precision: float  # share of the pairs that are one product
    recall: float  # share of all pairs of one product that were found
    covered: float  # share of the listings that have a pair
    seconds: float
    confirmed: float | None = None  # share that the time after a split gives again
    negatives: int = 0
    clean_negatives: float = 0.0  # share of the negatives that are two products


def scored(
    data: DataConfig, options: MiningConfig, catalogue: Catalogue, clicks: Path | str
) -> Score:
    """Mines without the truth, then scores with it."""
    assert catalogue.group is not None
    group = dict(zip(catalogue.item_id, catalogue.group, strict=True))
    blind = dataclasses.replace(catalogue, group=None)
    started = time.monotonic()
    mined = mine(data, options, blind, clicks)
    seconds = time.monotonic() - started

    def right(table: pa.Table) -> list[bool]:
        ends = (table[name].to_pylist() for name in ("left_id", "right_id"))
        return [group[left] == group[right] for left, right in zip(*ends, strict=True)]

    rows = catalogue.rows(data.train_split)
    sizes = Counter(catalogue.group[row] for row in rows)
    true = right(mined.table)
    negatives = mined.negatives or mined.table.slice(0, 0)
    ends = pa.chunked_array(
        [*mined.table["left_id"].chunks, *mined.table["right_id"].chunks], pa.string()
    )
    return Score(
        pairs=len(true),
        precision=sum(true) / len(true),
        recall=sum(true) / sum(n * (n - 1) // 2 for n in sizes.values()),
        covered=pc.count_distinct(ends).as_py() / len(rows),
        seconds=seconds,
        confirmed=mined.confirmed(),
        negatives=negatives.num_rows,
        clean_negatives=1 - sum(right(negatives)) / max(1, negatives.num_rows),
    )


def simulated(options: SyntheticConfig, folder: Path) -> tuple[Catalogue, Path]:
    """The built-in catalogue without its pictures, and its click log on disk."""
    suppliers = sample_suppliers(options)
    listings = [
        listing
        for product in sample_products(options)
        for listing in sample_listings(product, suppliers, options)
    ]
    past = [listing for listing in listings if not listing.product.unseen]
    pq.write_table(pa.concat_tables(simulate_clicks(past, options)), folder / "clicks.parquet")
    catalogue = Catalogue(
        item_id=[listing.item_id for listing in listings],
        title=[listing.title or "" for listing in listings],
        image=[""] * len(listings),
        category_path=[listing.product.category.path for listing in listings],
        split=["test" if listing.product.unseen else "train" for listing in listings],
        images=folder,
        group=[listing.product.product_id for listing in listings],
    )
    return catalogue, folder / "clicks.parquet"


def with_pages(clicks: Path, folder: Path) -> Path:
    """The log with a column trigger_id: the listing clicked before in the same session.

    Neither log has clicks from a listing's page; a shopper who clicks one listing after another
    stands in for one who follows a recommendation.
    """
    import duckdb

    path = folder / f"{clicks.name.partition('.')[0]}_with_pages.parquet"
    duckdb.sql(
        f"""
        COPY (
          SELECT *, CASE WHEN clicked::INT = 1 THEN lag(item_id) OVER (
            PARTITION BY session_id, clicked ORDER BY timestamp::BIGINT, event_id
          ) END AS trigger_id
          FROM '{clicks}'
        ) TO '{path}' (FORMAT parquet)
        """
    )
    return path


def middle(clicks: Path) -> str:
    """The moment at which half of the log's events have happened, as ISO 8601."""
    import duckdb

    found = duckdb.execute(
        f"SELECT strftime(make_timestamp(1000000 * median(timestamp::BIGINT)::BIGINT), "
        f"'%Y-%m-%dT%H:%M:%S') FROM '{clicks}'"
    ).fetchall()
    return found[0][0]


def ablation(catalogue: Catalogue, clicks: Path) -> dict[str, dict]:
    """The score of each line of ABLATION; a line that leaves no pair has none."""
    nowhere = dataclasses.replace(catalogue, category_path=[""] * len(catalogue))
    scores = {}
    for name, changes in ABLATION:
        settings = dict(changes)
        if settings.get("split_at"):
            settings["split_at"] = middle(clicks)
        where = catalogue if settings.pop("category", True) else nowhere
        try:
            score = scored(DataConfig(), MiningConfig(**settings), where, clicks)
        except ConfigError as error:
            print(f"{name}: {error}")
        else:
            scores[name] = dataclasses.asdict(score)
    return scores


def main() -> None:
    """Runs both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default="runs/mining_quality.json", help="results as JSON")
    args = parser.parse_args()
    real = grocery()
    defaults: dict[str, dict] = {}
    ablations: dict[str, dict[str, dict]] = {}
    options = MiningConfig(max_negatives_per_item=20)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if real is not None:
            config, catalogue, clicks = real
            score = scored(config.data, options, catalogue, clicks)
            defaults["grocery"] = dataclasses.asdict(score)
            ablations["grocery"] = ablation(catalogue, with_pages(clicks, folder))
        for seed, stray, noise in NOISE:
            synthetic = SyntheticConfig(seed=seed, stray_clicks=stray, relevance_noise=noise)
            catalogue, clicks = simulated(synthetic, folder)
            score = scored(DataConfig(), options, catalogue, clicks)
            title = f"built-in, seed {seed}, stray clicks {stray}, relevance noise {noise}"
            defaults[title] = dataclasses.asdict(score)
            if seed == ABLATED:
                ablations["built-in"] = ablation(catalogue, with_pages(clicks, folder))
    results = {"defaults": defaults, "ablation": ablations}
    print_tables(results)
    about = machine("duckdb", "ibis-framework")
    out = Path(args.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({"machine": about, "results": results}, indent=1) + "\n")
    print(f"\n{about}\nwritten to {out}")
    for log, score in defaults.items():
        if score["precision"] < PRECISION:
            raise SystemExit(f"missed: {log}: precision {score['precision']:.3f} < {PRECISION}")
    if real is not None and defaults["grocery"]["pairs"] < PAIRS:
        raise SystemExit(f"missed: grocery: {defaults['grocery']['pairs']:,} pairs < {PAIRS:,}")


def print_tables(results: dict) -> None:
    """Prints both tables as Markdown."""
    print("\n| log | pairs | precision | recall | listings with a pair | negatives | clean |")
    print("|---|---|---|---|---|---|---|")
    for name, score in results["defaults"].items():
        print(
            f"| {name} | {score['pairs']:,} | {score['precision']:.3f} | {score['recall']:.3f} "
            f"| {score['covered']:.3f} | {score['negatives']:,} | {score['clean_negatives']:.3f} |"
        )
    logs = list(results["ablation"])
    heads = [f"{log}: pairs | precision | recall | seconds" for log in logs]
    print(f"\n| | {' | '.join(heads)} |")
    print("|---" * (1 + 4 * len(logs)) + "|")
    for name, _changes in ABLATION:
        cells = []
        for log in logs:
            score = results["ablation"][log].get(name)
            if score is None:
                cells += ["none", "", "", ""]
                continue
            cells += [f"{score['pairs']:,}", f"{score['precision']:.3f}"]
            cells += [f"{score['recall']:.3f}", f"{score['seconds']:.1f}"]
            if score["confirmed"] is not None:
                cells[-4] += f" ({score['confirmed']:.3f} confirmed later)"
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
