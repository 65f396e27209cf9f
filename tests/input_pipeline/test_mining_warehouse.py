"""Tests of input_pipeline/mining/warehouse.py: the SQL for BigQuery, and that it is the rules."""

from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from click_logs import ITEMS, catalogue_of
from test_mining_engines import YES, random_log

from input_pipeline.mining import mine, pairs_sql
from input_pipeline.mining.miner import item_titles, numbered_listings
from stylejax.config import ClickColumns, ConfigError, DataConfig, MiningConfig

SNAPSHOTS = Path(__file__).parent / "snapshots"


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("pairs", {}),
        ("pairs_of_sessions_by_words", {"evidence": ("session",), "relevance": "bm25"}),
    ],
)
def test_the_sql_for_bigquery_is_the_snapshot(name: str, options: dict) -> None:
    """A change of the rules or of Ibis shows here; look at it, then write the file anew."""
    snapshot = (SNAPSHOTS / f"{name}_bigquery.sql").read_text()
    assert pairs_sql(DataConfig(), MiningConfig(**options), "bigquery") == snapshot


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"evidence": ("query", "session", "item"), "min_profile_similarity": 0.1},
        {"relevance": "bm25", "max_query_listings": 30},
    ],
    ids=["defaults", "all evidence", "words"],
)
def test_one_query_gives_the_pairs_of_mining(tmp_path: Path, options: dict) -> None:
    """What cannot be run here for BigQuery is run for DuckDB: one query, the same tables."""
    path, categories, titles = random_log(tmp_path)
    catalogue = catalogue_of(categories, {"I07": "val"}, titles)
    columns = ClickColumns(event_id="", timestamp="")
    data = DataConfig(click_columns=columns)
    settings = MiningConfig(
        **({"min_relevance": 0.3, "min_support": 1, "max_bad_share": 1} | options)
    )
    expected = mine(data, settings, catalogue, path).table
    connection = duckdb.connect()
    connection.execute(
        "CREATE TABLE events AS SELECT * REPLACE "
        f"(list_contains(?, clicked)::BIGINT AS clicked) FROM '{path}'",
        [YES],
    )
    for name, table in (
        ("listings", numbered_listings(data, settings, catalogue)),
        ("titles", item_titles(data, catalogue)),
    ):
        pq.write_table(table, tmp_path / f"{name}.parquet")
        connection.execute(f"CREATE TABLE {name} AS FROM '{tmp_path / name}.parquet'")
    found = connection.sql(pairs_sql(data, settings, "duckdb")).to_arrow_table()
    assert found.num_rows > 10
    assert found.select(expected.column_names).to_pylist() == expected.to_pylist()


def test_the_columns_of_the_log_keep_their_names() -> None:
    data = DataConfig(click_columns=ClickColumns("search", "sku", "click", ""))
    sql = pairs_sql(data, MiningConfig(), "bigquery")
    assert "`search`" in sql
    assert "`sku`" in sql
    assert "`relevance` FROM `events`" not in sql


def test_an_unknown_dialect_and_the_ubi_schema_are_refused() -> None:
    with pytest.raises(ConfigError, match="no SQL dialect 'cobol'; use bigquery"):
        pairs_sql(DataConfig(), MiningConfig(), "cobol")
    with pytest.raises(ConfigError, match="click-schema columns"):
        pairs_sql(DataConfig(click_schema="ubi"), MiningConfig(), "bigquery")


@pytest.mark.parametrize("asked", [{"max_negatives_per_item": 5}, {"split_at": "2026-01-01"}])
def test_what_one_query_cannot_give_is_refused(asked: dict) -> None:
    ((name, value),) = asked.items()
    with pytest.raises(ConfigError, match=f"mining.{name} is {value!r}.*leave mining.{name} out"):
        pairs_sql(DataConfig(), MiningConfig(**asked), "bigquery")


def test_numbers_of_listings_compare_as_their_ids_do() -> None:
    ids = ["b", "a", "é", "Z", "10", "9", "B"]
    catalogue = catalogue_of({item: f"x > {item}" for item in ids})
    rows = numbered_listings(DataConfig(), MiningConfig(category_level=1), catalogue).to_pylist()
    assert [row["item_id"] for row in rows] == sorted(ids)
    assert [row["item"] for row in rows] == list(range(len(ids)))
    assert {row["category_name"] for row in rows} == {"x"}
    assert len({row["category"] for row in rows}) == 1


def test_titles_carry_those_numbers() -> None:
    catalogue = catalogue_of(dict.fromkeys(ITEMS, "x"), {"c": "val"}, {"d": "mug"})
    rows = item_titles(DataConfig(), catalogue).to_pylist()
    assert [row["item"] for row in rows] == [0, 1, 3, 4, 5, 6, 7]
    assert rows[2]["title"] == "mug"
