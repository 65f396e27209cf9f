"""Small click logs and catalogues for the tests of mining."""

from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from input_pipeline.catalogue import Catalogue
from input_pipeline.mining import MinedPairs, mine
from stylejax.config import DataConfig, MiningConfig

LOOSE = MiningConfig(min_relevance=0.0, min_support=1)
ITEMS = "abcdefgh"


class Event(NamedTuple):
    query: str
    item_id: str
    clicked: int
    relevance: float | None


def catalogue_of(
    categories: dict[str, str],
    splits: dict[str, str] | None = None,
    titles: dict[str, str] | None = None,
) -> Catalogue:
    ids = list(categories)
    return Catalogue(
        item_id=ids,
        title=[(titles or {}).get(item, item) for item in ids],
        image=[""] * len(ids),
        category_path=[categories[item] for item in ids],
        split=[(splits or {}).get(item, "train") for item in ids],
        images=Path(),
    )


FLAT = catalogue_of(dict.fromkeys(ITEMS, "x"))


def write_log(folder: Path, events: list[Event], name: str = "clicks.parquet") -> Path:
    columns = {field: [getattr(e, field) for e in events] for field in Event._fields}
    schema = {"query": pa.string(), "item_id": pa.string(), "clicked": pa.int64()}
    table = pa.table({k: pa.array(v, schema.get(k, pa.float64())) for k, v in columns.items()})
    pq.write_table(table, folder / name)
    return folder / name


def write_rows(folder: Path, rows: list[dict[str, Any]], name: str = "clicks.parquet") -> Path:
    """A log of any columns; all rows have the same ones."""
    pq.write_table(pa.Table.from_pylist(rows), folder / name)
    return folder / name


def mined(
    folder: Path, events: list[Event], options: MiningConfig, catalogue: Catalogue
) -> MinedPairs:
    return mine(DataConfig(), options, catalogue, write_log(folder, events))


def pairs_of(result: MinedPairs) -> list[dict]:
    return result.table.to_pylist()


def found_by(result: MinedPairs) -> set[str]:
    """Both letters of each pair."""
    return {pair["left_id"] + pair["right_id"] for pair in pairs_of(result)}


def clicks(query: str, items: str, relevance: float = 1.0) -> list[Event]:
    """One click on each item (a letter) under a query."""
    return [Event(query, item, 1, relevance) for item in items]


def finding(result: MinedPairs, name: str) -> int:
    """How often something was found wrong with the log."""
    return next(found.count for found in result.findings if found.name == name)
