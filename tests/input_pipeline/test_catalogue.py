"""Tests of input_pipeline/catalogue.py."""

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tiny

from input_pipeline.catalogue import has_truth, load_catalogue
from stylejax.config import CatalogueColumns, ConfigError, DataConfig
from stylejax.labels import Label


def write(folder: Path, rows: list[dict[str, str]], fields=None) -> Path:
    return tiny.write_csv(folder / "catalogue.csv", rows, fields)


def test_the_catalogue_is_the_file_row_by_row(data_root: Path) -> None:
    catalogue = load_catalogue(DataConfig(), data_root / "catalogue.csv", data_root)
    rows = tiny.catalogue_rows()
    assert len(catalogue) == len(rows) == 32
    for field in ("item_id", "title", "image", "category_path", "split"):
        assert getattr(catalogue, field) == [row[field] for row in rows]
    assert catalogue.rows("val").tolist() == list(range(3, 32, 4))


def test_the_truth_is_not_read_unless_it_is_asked_for(data_root: Path, tmp_path: Path) -> None:
    with_column = load_catalogue(DataConfig(), data_root / "catalogue.csv", data_root)
    assert with_column.group is None
    blind = [
        {key: value for key, value in row.items() if key != "group"}
        for row in tiny.catalogue_rows()
    ]
    assert load_catalogue(DataConfig(), write(tmp_path, blind), data_root) == with_column


def test_the_truth_is_read_when_it_is_asked_for(data_root: Path, tmp_path: Path) -> None:
    path = data_root / "catalogue.csv"
    catalogue = load_catalogue(DataConfig(), path, data_root, with_truth=True)
    assert catalogue.group == [row["group"] for row in tiny.catalogue_rows()]
    assert catalogue.labels(1)["L03"] == Label("P0", "Home", "val", "Home")
    assert catalogue.labels(0)["L03"] == Label("P0", "Home > Mugs", "val", "Home")
    other, none = (DataConfig(columns=CatalogueColumns(group=name)) for name in ("truth", ""))
    with pytest.raises(ConfigError, match="no column 'truth'; it has item_id"):
        load_catalogue(other, path, data_root, with_truth=True)
    with pytest.raises(ConfigError, match=r"data\.columns\.group"):
        load_catalogue(none, path, data_root, with_truth=True)


@pytest.mark.parametrize(("group", "truth"), [("group", True), ("truth", False), ("", False)])
def test_has_truth(data_root: Path, group: str, truth: bool) -> None:
    data = DataConfig(columns=CatalogueColumns(group=group))
    assert has_truth(data, data_root / "catalogue.csv") is truth


def test_a_repeated_id_is_named(tmp_path: Path) -> None:
    rows = tiny.catalogue_rows()
    rows[7]["item_id"] = rows[2]["item_id"]
    with pytest.raises(ConfigError, match="item_id 'L02' twice"):
        load_catalogue(DataConfig(), write(tmp_path, rows), tmp_path)


def test_an_empty_id_names_its_row(tmp_path: Path) -> None:
    rows = tiny.catalogue_rows()
    rows[4]["item_id"] = ""
    with pytest.raises(ConfigError, match="row 5 has no item_id"):
        load_catalogue(DataConfig(), write(tmp_path, rows), tmp_path)


def test_a_file_without_listings_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, [], tiny.CATALOGUE_FIELDS)
    with pytest.raises(ConfigError, match="has no listings"):
        load_catalogue(DataConfig(), path, tmp_path)


@pytest.mark.parametrize("suffix", ["csv", "parquet", "jsonl"])
def test_a_file_of_no_bytes_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"catalogue.{suffix}"
    path.touch()
    with pytest.raises(ConfigError, match=str(path)):
        load_catalogue(DataConfig(), path, tmp_path)


def test_an_unknown_split_is_named_with_those_there_are(data_root: Path) -> None:
    catalogue = load_catalogue(DataConfig(), data_root / "catalogue.csv", data_root)
    with pytest.raises(ConfigError, match=r"split 'test'; the catalogue has \['train', 'val'\]"):
        catalogue.rows("test")


def test_a_card_has_no_picture_where_the_listing_has_none(data_root: Path) -> None:
    catalogue = load_catalogue(DataConfig(), data_root / "catalogue.csv", data_root)
    ids = catalogue.item_id
    assert catalogue.card(ids.index(tiny.UNPICTURED)).image is None
    assert catalogue.card(0).image == data_root / "images/L00.jpg"
    assert catalogue.card(0).category == "Home > Mugs"


def test_listings_of_unknown_product_are_products_of_their_own(
    data_root: Path, tmp_path: Path
) -> None:
    rows = tiny.catalogue_rows()
    for row in rows[:2]:
        row["group"] = ""
    catalogue = load_catalogue(DataConfig(), write(tmp_path, rows), data_root, with_truth=True)
    labels = catalogue.labels(1)
    first, second = (labels[row["item_id"]].group for row in rows[:2])
    assert first != second
    assert sum(label.group in (first, second) for label in labels.values()) == 2


def test_a_products_name_is_read_with_the_truth_only(tmp_path: Path) -> None:
    rows = [row | {"called": f"product {row['group']}"} for row in tiny.catalogue_rows()]
    path, data = write(tmp_path, rows), DataConfig(columns=CatalogueColumns(name="called"))
    truth = load_catalogue(data, path, tmp_path, with_truth=True)
    assert truth.name == [row["called"] for row in rows]
    assert load_catalogue(data, path, tmp_path).name is None
    unmapped = load_catalogue(DataConfig(), path, tmp_path, with_truth=True)
    assert unmapped == replace(truth, name=None)


def test_attributes_are_kept_as_words(tmp_path: Path) -> None:
    rows = [row | {"facts": '{"colour": "red"}'} for row in tiny.catalogue_rows()[:3]]
    data = DataConfig(columns=CatalogueColumns(attributes="facts"))
    path = write(tmp_path, rows)
    assert load_catalogue(data, path, tmp_path).attributes == ["colour red"] * 3
    assert load_catalogue(DataConfig(), path, tmp_path).attributes is None


def test_a_column_of_picture_bytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.parquet"
    rows = [row | {"image": b"\xff\xd8\xff"} for row in tiny.catalogue_rows()]
    pq.write_table(pa.Table.from_pylist(rows), path)
    with pytest.raises(ConfigError, match=r"column 'image' holds bytes; write each picture to"):
        load_catalogue(DataConfig(), path, tmp_path)


def test_the_picture_of_a_card_is_read_from_its_file(data_root: Path) -> None:
    catalogue = load_catalogue(DataConfig(), data_root / "catalogue.csv", data_root)
    row = next(row for row, image in enumerate(catalogue.image) if image)
    shown = catalogue.card(row).image
    assert shown is not None
    assert catalogue.picture_reader()(shown) == (data_root / catalogue.image[row]).read_bytes()
    assert catalogue.card(catalogue.image.index("")).image is None
    with pytest.raises(OSError, match="null byte"):  # pages go on without it
        catalogue.picture_reader()(data_root / "no\0name.jpg")
