"""A large simulated click log: Zipf queries over millions of listings, from a fixed seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

SEED = 20_261_121
SKEW = 1.05  # Zipf exponent of queries: the first one has 9 % of all events
LISTINGS_A_CATEGORY = 1_000
CLICKED = 0.6  # share of events that are clicks
CHUNK = 1_000_000  # events a row group


def write_log(folder: Path, events: int, listings: int) -> tuple[Path, Path]:
    """Writes ``listings.parquet`` and ``clicks.parquet``; equal sizes give equal rows.

    A query has a first listing; the others that it shows lie behind it with a heavy tail, so that
    popular queries lead to very many listings, of other categories too. Relevance falls with the
    distance. There is one query for ten events.
    """
    folder.mkdir(parents=True, exist_ok=True)
    number = np.arange(listings)
    category = number // LISTINGS_A_CATEGORY
    item_id = np.char.add("I", np.char.zfill(number.astype("U8"), 8))
    table = pa.table(
        {
            "item_id": pa.array(item_id),
            "title": pa.array(item_id),
            "category_path": pa.array(
                np.char.add("Department > Class ", category.astype("U8"))
            ).dictionary_encode(),
        }
    )
    pq.write_table(table, folder / "listings.parquet")
    rng = np.random.default_rng([SEED, events, listings])
    queries = max(1, events // 10)
    demand = np.cumsum(np.arange(1, queries + 1, dtype=np.float64) ** -SKEW)
    home = rng.integers(0, listings, queries)
    ids = table["item_id"].combine_chunks()
    with pq.ParquetWriter(folder / "clicks.parquet", schema()) as writer:
        for start in range(0, events, CHUNK):
            size = min(CHUNK, events - start)
            query = np.searchsorted(demand, rng.random(size) * demand[-1])
            behind = np.floor(2 * (rng.random(size) ** -1.4 - 1)).astype(np.int64)
            item = (home[query] + np.minimum(behind, listings)) % listings
            score = 0.97 - 0.02 * np.log1p(behind) + rng.normal(0, 0.05, size)
            writer.write_table(
                pa.table(
                    {
                        "query": pa.array(np.char.add("shoppers looking for ", query.astype("U8"))),
                        "item_id": ids.take(pa.array(item)),
                        "clicked": (rng.random(size) < CLICKED).astype(np.int8),
                        "relevance": np.round(np.clip(score, 0, 1), 3),
                    },
                    schema=schema(),
                )
            )
    return folder / "listings.parquet", folder / "clicks.parquet"


def schema() -> pa.Schema:
    """Columns of the log."""
    return pa.schema(
        [
            ("query", pa.string()),
            ("item_id", pa.string()),
            ("clicked", pa.int8()),
            ("relevance", pa.float64()),
        ]
    )
