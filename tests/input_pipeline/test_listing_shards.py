"""Tests of input_pipeline/listing_shards.py."""

import csv
import dataclasses
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
import tiny

from input_pipeline.catalogue import load_catalogue
from input_pipeline.listing_shards import ListingShard, listing_shards
from input_pipeline.photos import all_photos
from input_pipeline.tokens import TitleTokenizer, train_tokenizer
from stylejax.batch import NO_TOKEN
from stylejax.config import CatalogueColumns, Config, ConfigError, DataConfig, TextConfig

COLUMNS = CatalogueColumns(split="")
CONFIG = dataclasses.replace(Config(), data=DataConfig(columns=COLUMNS))


@pytest.fixture(scope="module")
def tokenizer() -> TitleTokenizer:
    titles = [row["title"] for row in tiny.catalogue_rows()]
    return train_tokenizer(titles, TextConfig(vocab_size=64, max_tokens=8))


def everything(
    path: Path, root: Path, tokenizer: TitleTokenizer, size: int, photos: Path | None = None, **data
) -> list[ListingShard]:
    config = dataclasses.replace(CONFIG, data=dataclasses.replace(CONFIG.data, **data))
    with listing_shards(config, path, root, photos, tokenizer, size) as shards:
        found = list(shards.read(range(len(shards))))
        assert [shard.number for shard in found] == list(range(len(shards)))
        assert shards.count(range(len(shards))) == shards.listings
        assert all(shards.count([shard.number]) == len(shard.item_id) for shard in found)
        return found


@pytest.mark.parametrize("size", [1, 5, 8, 32, 1000])
@pytest.mark.parametrize("kind", ["csv", "parquet", "jsonl"])
def test_shards_are_the_catalogue_in_its_order(
    data_root: Path, tmp_path: Path, tokenizer: TitleTokenizer, size: int, kind: str
) -> None:
    path = data_root / "catalogue.csv"
    if kind != "csv":
        frame = pyarrow.csv.read_csv(path).to_pandas()
        path = tmp_path / f"catalogue.{kind}"
        if kind == "parquet":
            pq.write_table(pa.Table.from_pandas(frame), path)
        else:
            frame.to_json(path, orient="records", lines=True)
    found = everything(path, data_root, tokenizer, size)
    whole = load_catalogue(CONFIG.data, data_root / "catalogue.csv", data_root)
    assert [item for shard in found for item in shard.item_id] == whole.item_id
    assert [len(shard.item_id) for shard in found[:-1]] == [size] * (len(found) - 1)
    pictures = tokens = 0
    for shard in found:
        rows = np.arange(len(shard.item_id))
        for chunk, products in shard.batches(rows, 4):
            pictures += int(products.has_image.sum())
            expected = tokenizer([whole.title[shard.number * size + row] for row in chunk])
            assert np.array_equal(products.tokens[: len(chunk)], expected)
            tokens += int((products.tokens != NO_TOKEN).any(axis=1).sum())
    assert (pictures, tokens) == (31, 31)


def test_rows_of_a_table_larger_than_its_row_groups(
    tmp_path: Path, tokenizer: TitleTokenizer
) -> None:
    """DuckDB writes a hundred thousand rows in parts, which lie across the shards."""
    ids = [f"item {n}" for n in range(100_000)]
    table = pa.table({"item_id": ids, "title": [f"mug {n}" for n in range(100_000)]})
    pq.write_table(table, tmp_path / "many.parquet", row_group_size=7_001)
    columns = CatalogueColumns(split="", image="", category_path="")
    config = dataclasses.replace(CONFIG, data=DataConfig(columns=columns))
    with listing_shards(
        config, tmp_path / "many.parquet", tmp_path, None, tokenizer, 30_000
    ) as shards:
        assert len(shards) == 4
        assert shards.sampled_images() == []
        for number in (3, 0, 2):
            (shard,) = shards.read([number])
            start = number * 30_000
            assert shard.item_id == ids[start : start + 30_000]


def test_some_rows_of_a_shard(data_root: Path, tokenizer: TitleTokenizer) -> None:
    (_, shard, *_) = everything(data_root / "catalogue.csv", data_root, tokenizer, 10)
    rows = np.array([1, 4, 9])
    ((chunk, products),) = shard.batches(rows, 8)
    assert chunk.tolist() == [1, 4, 9]
    ((_, whole),) = shard.batches(np.arange(10), 16)
    for part, all_of_it in zip(products, whole, strict=True):
        np.testing.assert_array_equal(part[:3], all_of_it[rows])


@pytest.mark.parametrize("size", [1, 6, 32])
def test_further_photos_find_their_listings(
    data_root: Path, tmp_path: Path, tokenizer: TitleTokenizer, size: int
) -> None:
    rows = tiny.catalogue_rows()
    further = [
        {"item_id": rows[n]["item_id"], "image": f"images/more {turn}.jpg"}
        for turn in range(3)
        for n in (20, 3, 10, 0)
    ] + [{"item_id": "L01", "image": ""}]
    table = tiny.write_csv(tmp_path / "photos.csv", further)
    found = everything(data_root / "catalogue.csv", data_root, tokenizer, size, table)
    whole = all_photos(load_catalogue(CONFIG.data, data_root / "catalogue.csv", data_root), table)
    assert [x for shard in found for x in shard._pictures.photos.images] == whole.images
    assert [x for shard in found for x in shard._pictures.photos.items] == whole.items


def test_pictures_that_cannot_be_read_are_named(
    data_root: Path, tmp_path: Path, tokenizer: TitleTokenizer
) -> None:
    rows = tiny.catalogue_rows()
    rows[13]["image"] = "images/none.jpg"
    path = tiny.write_csv(tmp_path / "catalogue.csv", rows)
    first, second, *_ = everything(path, data_root, tokenizer, 10)
    for shard in (first, second):
        list(shard.batches(np.arange(10), 4))
    assert first.quarantine == {}
    assert first.unreadable == [False] * 10
    assert set(second.quarantine) == {"L13"}
    assert second.unreadable == [row == 3 for row in range(10)]


def test_without_pictures_none_is_looked_at(
    data_root: Path, tmp_path: Path, tokenizer: TitleTokenizer
) -> None:
    path, found = data_root / "catalogue.csv", []
    further = [{"item_id": "L03", "image": "images/L04.jpg"}]
    table = tiny.write_csv(tmp_path / "photos.csv", further)
    for folder in (data_root, tmp_path):
        with listing_shards(
            CONFIG, path, folder, table, tokenizer, 32, with_pictures=False
        ) as shards:
            assert shards.sampled_images() == []
            found += shards.read([0])
    here, nowhere = found
    assert here.digest == nowhere.digest
    ((_, products),) = nowhere.batches(np.arange(32), 32)
    assert not products.has_image.any()
    assert nowhere.quarantine == {}
    assert (products.tokens != NO_TOKEN).any(axis=1).sum() == 31


def test_paths_are_sampled_from_all_over(data_root: Path, tokenizer: TitleTokenizer) -> None:
    path = data_root / "catalogue.csv"
    with listing_shards(CONFIG, path, data_root, None, tokenizer, 10) as shards:
        images = shards.sampled_images()
    assert len(images) > 8
    assert set(images) <= {row["image"] for row in tiny.catalogue_rows()}
    assert "" not in images


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([("a", "x"), ("", "y")], "row 2 has no item_id"),
        ([("a", "x"), ("b", "y"), ("a", "z")], "has item_id 'a' twice"),
        ([], "has no listings"),
    ],
)
def test_ids_are_checked_as_when_the_whole_is_read(
    tmp_path: Path, tokenizer: TitleTokenizer, rows: list, told: str
) -> None:
    path = tmp_path / "bad.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("item_id", "title"), *rows])
    columns = CatalogueColumns(split="", image="", category_path="")
    with pytest.raises(ConfigError, match=told):
        everything(path, tmp_path, tokenizer, 10, columns=columns)
    with pytest.raises(ConfigError, match=told):
        load_catalogue(DataConfig(columns=columns), path, tmp_path)


def test_photos_of_no_listing_are_refused(
    data_root: Path, tmp_path: Path, tokenizer: TitleTokenizer
) -> None:
    table = tiny.write_csv(tmp_path / "photos.csv", [{"item_id": "X9", "image": "x.jpg"}])
    with pytest.raises(ConfigError, match=r"photos of 1 listings that are not .* 'X9'"):
        everything(data_root / "catalogue.csv", data_root, tokenizer, 10, table)


def test_bytes_in_place_of_paths_are_refused(tmp_path: Path, tokenizer: TitleTokenizer) -> None:
    path = tmp_path / "bytes.parquet"
    table = {"item_id": ["a"], "title": ["x"], "category_path": ["y"], "image": [b"JFIF"]}
    pq.write_table(pa.table(table), path)
    with pytest.raises(ConfigError, match="column 'image' holds bytes"):
        everything(path, tmp_path, tokenizer, 10)


def test_the_scratch_file_goes(
    data_root: Path, tmp_path: Path, tokenizer: TitleTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    path = data_root / "catalogue.csv"
    with listing_shards(CONFIG, path, data_root, None, tokenizer, 10):
        assert len(list(tmp_path.iterdir())) == 1
    assert not list(tmp_path.iterdir())
