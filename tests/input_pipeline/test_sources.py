"""Tests of input_pipeline/sources.py: where the data is, in files and databases."""

import sqlite3
from pathlib import Path

import duckdb
import ibis
import pytest

from input_pipeline.catalogue import load_catalogue
from input_pipeline.sources import locate, open_source, require_located, told
from stylejax.config import CatalogueColumns, Config, ConfigError, DataConfig


def recipe(**data: str) -> Config:
    return Config(
        data=DataConfig(name="tiny", catalogue="catalogue.csv", clicks="clicks.csv", **data)
    )


def test_the_root_holds_everything(data_root: Path) -> None:
    sources = locate(recipe(root=str(data_root)))
    assert sources.catalogue == data_root / "catalogue.csv"
    assert sources.clicks == data_root / "clicks.csv"
    assert sources.images == data_root


@pytest.mark.parametrize("above", [False, True])
def test_the_shelf_is_the_data_set_or_the_folder_above(
    data_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, above: bool
) -> None:
    (tmp_path / "tiny").symlink_to(data_root, target_is_directory=True)
    monkeypatch.setenv("STYLEJAX_DATA", str(tmp_path if above else tmp_path / "tiny"))
    assert locate(recipe()).catalogue.read_text() == (data_root / "catalogue.csv").read_text()


def test_what_is_not_there_is_told_and_nothing_is_written(data_root: Path, tmp_path: Path) -> None:
    require_located(recipe(root=str(data_root)))
    require_located(Config(run_dir=str(tmp_path / "run")))  # the built-in catalogue
    assert not (tmp_path / "run").exists()
    with pytest.raises(ConfigError, match=r"nowhere; --data\.root must hold"):
        require_located(recipe(root=str(tmp_path / "nowhere")))


def test_without_a_shelf_the_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STYLEJAX_DATA", raising=False)
    with pytest.raises(ConfigError, match=r"'tiny'.*--data\.root.*STYLEJAX_DATA"):
        locate(recipe())


def test_a_shelf_without_the_data_set_names_both_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STYLEJAX_DATA", str(tmp_path))
    with pytest.raises(ConfigError, match=r"neither tiny/catalogue\.csv nor catalogue\.csv"):
        locate(recipe())


def test_a_missing_file_names_its_setting(data_root: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no file .*catalogue\.csv.*--data\.catalogue"):
        locate(recipe(root=str(tmp_path)))
    (tmp_path / "catalogue.csv").symlink_to(data_root / "catalogue.csv")
    sources = locate(recipe(root=str(tmp_path)))  # what reads no clicks needs no log
    with pytest.raises(ConfigError, match=r"no file .*clicks\.csv.*--data\.clicks"):
        sources.log()
    (tmp_path / "clicks.csv").symlink_to(data_root / "clicks.csv")
    assert sources.log() == tmp_path / "clicks.csv"


def test_missing_folders_name_their_setting(data_root: Path) -> None:
    with pytest.raises(ConfigError, match=r"no folder /nowhere; --data\.root"):
        locate(recipe(root="/nowhere"))
    with pytest.raises(ConfigError, match=r"photos; set --data\.images"):
        locate(recipe(root=str(data_root), images="photos"))


def test_the_grocery_data_is_found_and_read(grocery: Path) -> None:
    data = DataConfig(
        name="grocery",
        root=str(grocery),
        catalogue="listings.csv",
        clicks="clicks_simulated.csv.gz",
        columns=CatalogueColumns(group="product_id"),
    )
    sources = locate(Config(data=data))
    catalogue = load_catalogue(data, sources.catalogue, sources.images, with_truth=True)
    assert set(catalogue.split) == {"train", "val"}
    assert all((sources.images / image).is_file() for image in catalogue.image[:20])
    assert catalogue.group is not None
    assert len(set(catalogue.group)) == 64


# ---- Databases

ROW = {"query": "mug", "item_id": "007", "clicked": 1}


def databases(folder: Path) -> None:
    """A file of DuckDB with the table shop.log, and one of SQLite with the table log."""
    lite = sqlite3.connect(folder / "log.sqlite")
    lite.execute("CREATE TABLE log (query TEXT, item_id TEXT, clicked INTEGER)")
    lite.execute("INSERT INTO log VALUES ('mug', '007', 1)")
    lite.commit()
    lite.close()
    duck = duckdb.connect(str(folder / "log.duckdb"))
    duck.execute("CREATE SCHEMA shop")
    duck.execute("CREATE TABLE shop.log AS SELECT 'mug' AS query, '007' AS item_id, 1 AS clicked")
    duck.close()


def test_a_table_of_a_database_is_read(tmp_path: Path) -> None:
    databases(tmp_path)
    for where, table in [
        (tmp_path / "log.duckdb", "shop.log"),
        (f"duckdb://{tmp_path}/log.duckdb", "shop.log"),
        (tmp_path / "log.sqlite", "log"),
        (f"sqlite://{tmp_path}/log.sqlite", "log"),
    ]:
        rows = open_source(ibis.duckdb.connect(), where, table, tmp_path).to_pyarrow()
        assert rows.to_pylist() == [ROW], where


def test_a_database_needs_a_table_and_a_file_has_none(tmp_path: Path) -> None:
    databases(tmp_path)
    connection = ibis.duckdb.connect()
    with pytest.raises(ConfigError, match=r"is a database; name the log with --data\.clicks-table"):
        open_source(connection, tmp_path / "log.sqlite", "", tmp_path)
    with pytest.raises(ConfigError, match=r"cannot read table orders of .*log\.duckdb"):
        open_source(connection, tmp_path / "log.duckdb", "orders", tmp_path)
    with pytest.raises(ConfigError, match=r"log\.csv is no database; leave out"):
        open_source(connection, tmp_path / "log.csv", "log", tmp_path)


def test_a_database_that_cannot_be_opened_keeps_its_password(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        open_source(ibis.duckdb.connect(), "nosuchdb://me:secret@host/shop", "log", tmp_path)
    assert "secret" not in str(raised.value)
    assert "host/shop" in str(raised.value)


@pytest.mark.parametrize(
    ("where", "name"),
    [
        ("postgres://reader:s3cret@db/shop", "postgres://…@db/shop"),
        ("postgres://reader:s3/cr@et@db/shop", "postgres://…@db/shop"),
        ("snowflake://host/shop?password=s3cret", "snowflake://host/shop?…"),
        ("duckdb:///tmp/log.duckdb", "duckdb:///tmp/log.duckdb"),
        ("searches@2026?.csv", "searches@2026?.csv"),
        (Path("searches.csv"), "searches.csv"),
    ],
)
def test_messages_name_a_log_without_its_password(where: Path | str, name: str) -> None:
    assert told(where) == name


def test_the_url_of_a_database_is_no_file_below_the_root(data_root: Path) -> None:
    url = "sqlite:///somewhere/log.sqlite"
    config = Config(
        data=DataConfig(name="tiny", root=str(data_root), catalogue="catalogue.csv", clicks=url)
    )
    assert locate(config).log() == url


def test_a_data_set_may_have_no_log(data_root: Path) -> None:
    config = Config(
        data=DataConfig(name="tiny", root=str(data_root), catalogue="catalogue.csv", clicks="")
    )
    sources = locate(config)
    assert sources.clicks is None
    with pytest.raises(ConfigError, match=r"data\.clicks is empty.*pairs\.parquet"):
        sources.log()
