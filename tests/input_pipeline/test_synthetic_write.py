"""Tests of input_pipeline/synthetic/write.py: the files of a whole catalogue."""

import json
from collections import defaultdict
from dataclasses import asdict, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from input_pipeline.synthetic import SyntheticConfig, write_catalogue
from input_pipeline.synthetic.clicks import CLICK_SCHEMA
from input_pipeline.synthetic.write import CATALOGUE_SCHEMA, METADATA_KEY

OPTIONS = SyntheticConfig(products=40, sessions=300, image_size=48)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("catalogue") / "made"
    write_catalogue(path, OPTIONS)
    return path


def _files(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def test_schemas(folder: Path) -> None:
    catalogue = pq.read_table(folder / "catalogue.parquet")
    assert catalogue.schema.equals(CATALOGUE_SCHEMA)
    assert catalogue.schema.field("attributes").type == pa.map_(pa.string(), pa.string())
    assert pq.read_table(folder / "clicks.parquet").schema.equals(CLICK_SCHEMA)


def test_rows_and_photos_agree(folder: Path) -> None:
    rows = pq.read_table(folder / "catalogue.parquet").to_pylist()
    assert len({row["item_id"] for row in rows}) == len(rows)
    images = {row["image"] for row in rows if row["image"] is not None}
    assert images == {str(p.relative_to(folder)) for p in folder.rglob("*.jpg")}
    for path in images:
        with Image.open(folder / path) as photo:
            assert (photo.format, photo.mode, max(photo.size)) == ("JPEG", "RGB", 48)
    assert all(row["category_path"].count(" > ") == 1 for row in rows)


def test_products_keep_to_one_split_and_different_suppliers(folder: Path) -> None:
    splits, suppliers = defaultdict(set), defaultdict(list)
    for row in pq.read_table(folder / "catalogue.parquet").to_pylist():
        splits[row["group"]].add(row["split"])
        suppliers[row["group"]].append(row["supplier"])
    assert len(splits) == OPTIONS.products
    assert all(len(found) == 1 for found in splits.values())
    assert set().union(*splits.values()) == {"train", "test"}
    for sellers in suppliers.values():
        assert 3 <= len(sellers) == len(set(sellers)) <= 8


def test_clicks_only_on_what_training_may_see(folder: Path) -> None:
    split = {
        row["item_id"]: (row["split"], row["category_path"].split(" > ")[-1])
        for row in pq.read_table(folder / "catalogue.parquet").to_pylist()
    }
    for row in pq.read_table(folder / "clicks.parquet").to_pylist():
        assert split[row["item_id"]] == ("train", row["category"])


def test_the_files_say_that_they_are_simulated(folder: Path) -> None:
    assert "SIMULATED" in (folder / "README.md").read_text()
    for name in ("catalogue.parquet", "clicks.parquet"):
        label = json.loads(pq.read_schema(folder / name).metadata[METADATA_KEY])
        assert label["simulated"] is True
        assert label["options"] == asdict(OPTIONS)


def test_the_same_options_give_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    write_catalogue(tmp_path / "again", OPTIONS)
    assert _files(tmp_path / "again") == _files(folder)


def test_more_products_leave_earlier_ones_alone(folder: Path, tmp_path: Path) -> None:
    write_catalogue(tmp_path, replace(OPTIONS, products=20))
    fewer = pq.read_table(tmp_path / "catalogue.parquet").to_pylist()
    assert pq.read_table(folder / "catalogue.parquet").to_pylist()[: len(fewer)] == fewer
    for path in tmp_path.rglob("*.jpg"):
        assert path.read_bytes() == (folder / path.relative_to(tmp_path)).read_bytes()


def test_a_finished_catalogue_is_left_alone(folder: Path) -> None:
    before = (folder / "catalogue.parquet").stat().st_mtime_ns

    def never(done: int, total: int) -> None:
        raise AssertionError("nothing is to be done")

    write_catalogue(folder, OPTIONS, progress=never)
    assert (folder / "catalogue.parquet").stat().st_mtime_ns == before


def test_another_catalogue_is_never_overwritten(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(FileExistsError, match="other options: write to another folder"):
        write_catalogue(folder, replace(OPTIONS, seed=1))
    pq.write_table(pa.table({"item_id": ["mine"]}), tmp_path / "catalogue.parquet")
    with pytest.raises(FileExistsError, match=str(tmp_path)):
        write_catalogue(tmp_path, OPTIONS)


def test_a_broken_off_run_is_made_good(folder: Path, tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        if done == 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_catalogue(tmp_path, OPTIONS, progress=stop)
    assert not (tmp_path / "catalogue.parquet").exists()
    write_catalogue(tmp_path, OPTIONS)
    assert _files(tmp_path) == _files(folder)


def test_progress_counts_products(tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    options = SyntheticConfig(products=3, sessions=5, image_size=32, unseen_share=1.0)
    write_catalogue(tmp_path, options, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(1, 3), (2, 3), (3, 3)]
    assert len(pq.read_table(tmp_path / "clicks.parquet")) == 0
