"""The same pairs by one hand-written DuckDB query, by polars and by pandas; run as a process.

    python benchmarks/support/mining_peers.py ours LISTINGS CLICKS OUT [MEMORY_LIMIT]

Prints a line of JSON: pairs, a checksum of them and their support, seconds without imports, CPU
seconds with them, peak memory.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

MIN_RELEVANCE, MIN_SUPPORT, ITEMS_A_QUERY, PAIRS_AN_ITEM = 0.8, 2, 200, 100  # our defaults

SQL = f"""
COPY (
  WITH evidence AS (
    SELECT lower(trim(query)) AS query, item_id, category_path AS category,
           sum(clicked) AS clicks, round(avg(relevance), 6) AS relevance
    FROM '{{clicks}}' JOIN '{{listings}}' USING (item_id)
    WHERE query <> ''
    GROUP BY ALL HAVING clicks >= 1 AND round(avg(relevance), 6) >= {MIN_RELEVANCE}
  ), strongest AS (
    SELECT *, 1 / log2(1 + count(*) OVER (PARTITION BY query)) AS specificity
    FROM (
      SELECT * FROM evidence QUALIFY row_number() OVER (
        PARTITION BY query ORDER BY clicks DESC, relevance DESC, item_id) <= {ITEMS_A_QUERY}
    )
  ), pairs AS (
    SELECT a.item_id AS left_id, b.item_id AS right_id, a.category,
           sum(a.specificity) AS weight, count(*) AS support,
           avg(least(a.relevance, b.relevance)) AS relevance
    FROM strongest a JOIN strongest b
      ON a.query = b.query AND a.category = b.category AND a.item_id < b.item_id
    GROUP BY ALL HAVING support >= {MIN_SUPPORT}
  ), ends AS (
    SELECT left_id, right_id, row_number() OVER (
             PARTITION BY item ORDER BY weight DESC, left_id, right_id) AS place
    FROM (SELECT *, unnest([left_id, right_id]) AS item FROM pairs)
  )
  SELECT left_id, right_id, weight, support, relevance, category
  FROM pairs SEMI JOIN (
    SELECT left_id, right_id FROM ends WHERE place <= {PAIRS_AN_ITEM}
    GROUP BY ALL HAVING count(*) = 2
  ) USING (left_id, right_id)
  ORDER BY weight DESC, left_id, right_id
) TO '{{out}}' (FORMAT parquet)
"""


def ours(listings: Path, clicks: Path, out: Path, memory_limit: str) -> float:
    """`stylejax mine`, reading the catalogue, validation and funnel included."""
    from input_pipeline.catalogue import load_catalogue
    from input_pipeline.mining import mine, write_pairs
    from stylejax.config import CatalogueColumns, DataConfig, MiningConfig

    started = time.monotonic()
    data = DataConfig(columns=CatalogueColumns(image="", split="", group=""))
    catalogue = load_catalogue(data, listings, listings.parent)
    write_pairs(mine(data, MiningConfig(memory_limit=memory_limit), catalogue, clicks), out.parent)
    (out.parent / "pairs.parquet").rename(out)
    return time.monotonic() - started


def sql(listings: Path, clicks: Path, out: Path, memory_limit: str) -> float:
    """One query, written by hand for DuckDB."""
    import duckdb

    started = time.monotonic()
    connection = duckdb.connect()
    connection.execute("SET preserve_insertion_order = false")
    connection.execute(f"SET temp_directory = '{out.parent}'")
    if memory_limit:
        connection.execute(f"SET memory_limit = '{memory_limit}'")
    connection.execute(SQL.format(listings=listings, clicks=clicks, out=out))
    return time.monotonic() - started


def polars(listings: Path, clicks: Path, out: Path, memory_limit: str) -> float:
    """Lazy polars, its streaming engine."""
    import polars as pl

    started = time.monotonic()
    shop = pl.scan_parquet(listings).select("item_id", pl.col("category_path").cast(pl.String))
    evidence = (
        pl.scan_parquet(clicks)
        .with_columns(pl.col("query").str.strip_chars().str.to_lowercase())
        .filter(pl.col("query") != "")
        .join(shop, on="item_id")
        .group_by("query", "item_id", category="category_path")
        .agg(clicks=pl.col("clicked").cast(pl.Int64).sum(), relevance=pl.mean("relevance").round(6))
        .filter(pl.col("clicks") >= 1, pl.col("relevance") >= MIN_RELEVANCE)
    )
    place = pl.struct(-pl.col("clicks"), -pl.col("relevance"), pl.col("item_id")).rank("ordinal")
    strongest = evidence.filter(place.over("query") <= ITEMS_A_QUERY).with_columns(
        specificity=1 / (1 + pl.len().over("query")).log(2)
    )
    keys = ["query", "category"]
    pairs = (
        strongest.join(strongest, on=keys, suffix="_right")
        .filter(pl.col("item_id") < pl.col("item_id_right"))
        .group_by(left_id="item_id", right_id="item_id_right", category="category")
        .agg(
            weight=pl.sum("specificity"),
            support=pl.len(),
            relevance=pl.min_horizontal("relevance", "relevance_right").mean(),
        )
        .filter(pl.col("support") >= MIN_SUPPORT)
        .collect(engine="streaming")
    )
    rank = pl.struct(-pl.col("weight"), "left_id", "right_id").rank("ordinal")
    ends = pl.concat([pairs.with_columns(item=name) for name in ("left_id", "right_id")])
    kept = (
        ends.filter(rank.over("item") <= PAIRS_AN_ITEM)
        .group_by("left_id", "right_id")
        .len()
        .filter(pl.col("len") == 2)
    )
    pairs.join(kept, on=["left_id", "right_id"], how="semi").sort(
        "weight", "left_id", "right_id", descending=[True, False, False]
    ).write_parquet(out)
    return time.monotonic() - started


def pandas(listings: Path, clicks: Path, out: Path, memory_limit: str) -> float:
    """Pandas with Arrow strings."""
    import numpy as np
    import pandas as pd

    started = time.monotonic()
    shop = pd.read_parquet(listings, columns=["item_id", "category_path"])
    shop = shop.astype({"category_path": "str"}).rename(columns={"category_path": "category"})
    log = pd.read_parquet(clicks)
    log["query"] = log["query"].str.strip().str.lower()
    log = log[log["query"] != ""].merge(shop, on="item_id")
    keys = ["query", "item_id", "category"]
    evidence = log.groupby(keys, sort=False).agg(
        clicks=("clicked", "sum"), relevance=("relevance", "mean")
    )
    evidence = evidence.reset_index()
    evidence["relevance"] = evidence["relevance"].round(6)
    evidence = evidence.loc[(evidence.clicks >= 1) & (evidence.relevance >= MIN_RELEVANCE)]
    order = evidence.sort_values(["clicks", "relevance", "item_id"], ascending=[False, False, True])
    strongest = order[order.groupby("query").cumcount() < ITEMS_A_QUERY]
    size = strongest.groupby("query")["item_id"].transform("size").to_numpy()
    strongest = strongest.assign(specificity=1 / np.log2(1 + size)).drop(columns="clicks")
    both = strongest.merge(strongest, on=["query", "category"], suffixes=("", "_right"))
    both = both[both.item_id < both.item_id_right]
    both["relevance"] = both[["relevance", "relevance_right"]].min(axis=1)
    pairs = both.groupby(["item_id", "item_id_right", "category"], sort=False).agg(
        weight=("specificity", "sum"), support=("query", "size"), relevance=("relevance", "mean")
    )
    pairs = pairs[pairs.support >= MIN_SUPPORT].reset_index()
    pairs = pairs.rename(columns={"item_id": "left_id", "item_id_right": "right_id"})
    ends = pd.concat([pairs.assign(item=pairs[name]) for name in ("left_id", "right_id")])
    ends = ends.sort_values(["weight", "left_id", "right_id"], ascending=[False, True, True])
    ends = ends[ends.groupby("item").cumcount() < PAIRS_AN_ITEM]
    counts = ends.groupby(["left_id", "right_id"]).size()
    kept = counts[counts == 2].reset_index()[["left_id", "right_id"]]
    pairs.merge(kept).sort_values(
        ["weight", "left_id", "right_id"], ascending=[False, True, True]
    ).to_parquet(out)
    return time.monotonic() - started


PEERS: dict[str, Callable[[Path, Path, Path, str], float]] = {
    "ours": ours,
    "sql": sql,
    "polars": polars,
    "pandas": pandas,
}


def peak_mib() -> float:
    """This process's largest resident memory so far; its parent's does not count."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("/proc/self/status has no VmHWM; the benchmark needs Linux")


def main() -> None:
    """Runs one of the peers."""
    name, listings, clicks, out, *limit = sys.argv[1:]
    started, worked = time.monotonic(), time.process_time()
    seconds = PEERS[name](Path(listings), Path(clicks), Path(out), limit[0] if limit else "")
    total, worked = time.monotonic() - started, time.process_time() - worked
    peak = peak_mib()

    import duckdb

    (found,) = duckdb.execute(
        f"SELECT count(*), sum(hash(left_id, right_id, support::BIGINT))::VARCHAR FROM '{out}'"
    ).fetchall()
    told = {"pairs": found[0], "checksum": found[1]}
    told |= {"seconds": seconds, "with imports": total, "CPU seconds": worked}
    print(json.dumps(told | {"peak MiB": peak}))


if __name__ == "__main__":
    main()
