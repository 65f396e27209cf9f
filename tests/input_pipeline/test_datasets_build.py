"""Tests of building a catalogue as a data set and of training from it: input_pipeline/datasets."""

import csv
import dataclasses
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import tensorflow_datasets as tfds
import tiny
from loopback import serve

from input_pipeline.catalogue import load_catalogue
from input_pipeline.datasets.build import BuiltDataset, build_dataset
from input_pipeline.datasets.builder import require_split_name
from input_pipeline.datasets.catalogue import ProductCatalogue, catalogue_listings
from input_pipeline.datasets.fetch import PictureLoader
from input_pipeline.datasets.records import RecordPictures, is_record, record_reference
from input_pipeline.pairs import pair_batches
from input_pipeline.pictures import Pictures, require_pictures
from input_pipeline.tokens import train_tokenizer
from input_pipeline.training_data import pair_source, read_training_data
from stylejax.cli import main
from stylejax.config import CatalogueColumns, Config, ConfigError, DataConfig

FURTHER = [  # photos beside the catalogue's own, in no order of names
    {"item_id": "L00", "image": "images/L20.jpg"},
    {"item_id": "L00", "image": "images/L04.jpg"},
    {"item_id": tiny.UNPICTURED, "image": "images/L11.jpg"},
    *({"item_id": f"L{n:02d}", "image": f"images/L{n - 12:02d}.jpg"} for n in range(16, 22)),
]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of further photos. Read only."""
    return tiny.write_csv(tmp_path_factory.mktemp("photos") / "photos.csv", FURTHER)


@pytest.fixture(scope="module")
def built(data_root: Path, photos: Path, tmp_path_factory: pytest.TempPathFactory) -> BuiltDataset:
    """The tiny catalogue and further photos as a data set. Read only."""
    out, path = tmp_path_factory.mktemp("built"), data_root / "catalogue.csv"
    data = DataConfig(photos=str(photos))
    return build_dataset(ProductCatalogue(catalogue=path, data=data, data_dir=str(out)))


def test_every_listing_is_a_record_with_its_pictures_bytes(
    built: BuiltDataset, data_root: Path
) -> None:
    assert built.listings == {"train": 24, "val": 8}
    assert (built.pictures, built.photos, built.failures) == (31, 9, 0)
    rows = {row["item_id"]: (number, row) for number, row in enumerate(tiny.catalogue_rows())}
    builder = tfds.builder_from_directory(built.folder)
    assert builder.info.file_format.value == "array_record"
    seen = []
    for split in built.listings:
        source = builder.as_data_source(split)
        for place in reversed(range(len(source))):  # at random, not in order
            record = source[place]
            item = record["item_id"].decode()
            number, row = rows[item]
            seen.append(item)
            for name in ("title", "category_path", "group", "split"):
                assert record[name].decode() == row[name]
            assert record["split"].decode() == split
            assert record["row"] == number
            assert record["image_source"].decode() == row["image"]
            stored = (data_root / row["image"]).read_bytes() if row["image"] else b""
            assert record["image"] == stored
    assert sorted(seen) == sorted(rows)


def test_the_listings_are_the_catalogue_with_records_for_paths(
    built: BuiltDataset, data_root: Path
) -> None:
    theirs = load_catalogue(DataConfig(), data_root / "catalogue.csv", data_root, with_truth=True)
    path = built.folder / "listings.parquet"
    ours = load_catalogue(DataConfig(), path, built.folder, with_truth=True)
    for field in ("item_id", "title", "category_path", "split", "group"):
        assert getattr(ours, field) == getattr(theirs, field)
    assert [bool(image) for image in ours.image] == [bool(image) for image in theirs.image]
    assert all(is_record(image) for image in ours.image if image)
    assert not any(is_record(image) for image in theirs.image)
    assert len(set(ours.image)) == 32
    require_pictures(ours.image, built.folder)
    for row, image in enumerate(theirs.image):
        shown = ours.card(row).image
        assert (shown is None) == (image == "")
        if shown is not None:
            assert ours.picture_reader()(shown) == (data_root / image).read_bytes()


def test_further_photos_are_records_too(built: BuiltDataset, data_root: Path) -> None:
    table = pq.read_table(built.folder / "photos.parquet").to_pylist()
    records = RecordPictures(built.folder)
    assert [row["item_id"] for row in table] == [row["item_id"] for row in FURTHER]
    for row, given in zip(table, FURTHER, strict=True):
        assert records[row["image"]] == (data_root / given["image"]).read_bytes()


def batches(config: Config) -> list:
    data = read_training_data(config)
    tokenizer = train_tokenizer(data[0].train_texts(), config.text)
    sources = [pair_source(one, tokenizer, config) for one in data]
    return list(islice(pair_batches(sources, config), 9))  # three epochs


def leaves(value) -> list[np.ndarray]:
    fields = dataclasses.fields(value) if dataclasses.is_dataclass(value) else ()
    names = [field.name for field in fields] or list(getattr(value, "_fields", ()))
    if not names:
        return [np.asarray(value)]
    return [leaf for name in names for leaf in leaves(getattr(value, name))]


@pytest.mark.parametrize("cache_mib", [0, 64], ids=["decoded each time", "kept"])
def test_batches_from_records_are_those_from_files(
    built: BuiltDataset, data_root: Path, photos: Path, tmp_path: Path, cache_mib: int
) -> None:
    picture = {"cache_mib": cache_mib}
    from_files = tiny.config(data_root, tmp_path, data={"photos": str(photos)}, picture=picture)
    tiny.mine_run(from_files)
    data = {"catalogue": "listings.parquet", "photos": "photos.parquet"}
    from_records = tiny.config(built.folder, tmp_path, data=data, picture=picture)
    assert not (built.folder / from_records.data.clicks).exists()  # the log is for mining alone
    for files, records in zip(batches(from_files), batches(from_records), strict=True):
        assert len(leaves(files)) >= 10
        for a, b in zip(leaves(files), leaves(records), strict=True):
            np.testing.assert_array_equal(a, b)


def test_many_threads_read_records(built: BuiltDataset) -> None:
    catalogue = load_catalogue(DataConfig(), built.folder / "listings.parquet", built.folder)
    pictures = Pictures(catalogue.item_id, catalogue.image, built.folder, 8, 0)
    expected, present = pictures.read(range(32))
    assert present.sum() == 31
    rows = np.random.default_rng(0).permutation(32)
    with ThreadPoolExecutor(8) as pool:
        for pixels, there in pool.map(lambda _: pictures.read(rows), range(16)):
            np.testing.assert_array_equal(pixels, expected[rows])
            np.testing.assert_array_equal(there, present[rows])


def test_a_record_that_is_not_there_is_quarantined(built: BuiltDataset, tmp_path: Path) -> None:
    images = [record_reference("train", 0), record_reference("train", 24), "old.array_record#1"]
    pictures = Pictures(list("abc"), images, built.folder, 8, 0)
    assert pictures.read(range(3))[1].tolist() == [True, False, False]
    assert pictures.quarantine["b"] == (images[1], "split train has 24 records, no 24")
    assert "no split old" in pictures.quarantine["c"][1]
    with pytest.raises(ConfigError, match="not one of 1 pictures can be read"):
        require_pictures(images[:1], tmp_path)


def test_a_damaged_record_is_an_os_error(built: BuiltDataset, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(built.folder, copy)
    (file,) = copy.glob("*-val.array_record*")
    file.write_bytes(b"\x00" * file.stat().st_size)
    records = RecordPictures(copy)
    with pytest.raises(OSError, match=r"val"):
        records[record_reference("val", 0)]
    assert records.has(record_reference("train", 0))


@pytest.mark.parametrize("image", ["a.jpg", "train.array_record", "a/b.array_record#1", "#1", ""])
def test_paths_are_no_records(image: str, tmp_path: Path) -> None:
    assert not is_record(image)
    with pytest.raises(OSError, match="names no record"):
        RecordPictures(tmp_path)[image]


def test_pictures_that_cannot_be_had_are_named_and_the_build_goes_on(
    data_root: Path, tmp_path: Path
) -> None:
    """Files that are missing, and an address that answers 404; what decodes badly is kept."""
    good = (data_root / "images/L00.jpg").read_bytes()
    rows = tiny.catalogue_rows()[:5]
    with serve({"/good.jpg": good}) as site:
        images = ["gone.jpg", f"{site.address}/good.jpg", f"{site.address}/no.jpg", "odd.jpg", ""]
        (tmp_path / "odd.jpg").write_bytes(b"\xff\xd8 broken")
        path = tiny.write_csv(
            tmp_path / "catalogue.csv",
            [row | {"image": image} for row, image in zip(rows, images, strict=True)],
        )
        further = [{"item_id": "L00", "image": image} for image in ("lost.jpg", "odd.jpg")]
        tiny.write_csv(tmp_path / "photos.csv", further)
        loader = PictureLoader(cache=str(tmp_path / "cache"), retries=1, timeout=5, pause=0)
        data, out = DataConfig(photos="photos.csv"), str(tmp_path / "out")
        builder = ProductCatalogue(catalogue=path, data=data, loader=loader, data_dir=out)
        built = build_dataset(builder)
        assert site.asked == {"/good.jpg": 1, "/no.jpg": 1}
    assert (built.pictures, built.photos, built.failures) == (2, 1, 3)
    with (built.folder / "failures.csv").open(newline="") as file:
        assert list(csv.reader(file))[1:] == [
            ["L00", "gone.jpg", "No such file or directory"],
            ["L00 (photo 2)", "lost.jpg", "No such file or directory"],
            ["L02", images[2], "the server answered 404"],
        ]
    catalogue = load_catalogue(DataConfig(), built.folder / "listings.parquet", built.folder)
    pictures = Pictures(catalogue.item_id, catalogue.image, built.folder, 8, 0)
    assert pictures.read(range(5))[1].tolist() == [False, True, False, False, False]
    assert set(pictures.quarantine) == {"L03"}  # its bytes are there, and are no picture


def test_a_finished_data_set_is_not_written_over_and_an_unfinished_one_is_finished(
    built: BuiltDataset, data_root: Path, tmp_path: Path
) -> None:
    shutil.copytree(built.folder, tmp_path / "product_catalogue" / "1.0.0")

    def build() -> BuiltDataset:
        path = data_root / "catalogue.csv"
        return build_dataset(ProductCatalogue(catalogue=path, data_dir=str(tmp_path)))

    with pytest.raises(FileExistsError, match=r"is built already: delete it"):
        build()
    (tmp_path / "product_catalogue/1.0.0/listings.parquet").unlink()
    again = build()
    assert (again.listings, again.pictures) == (built.listings, built.pictures)
    assert pq.read_table(again.folder / "listings.parquet").equals(
        pq.read_table(built.folder / "listings.parquet")
    )


def test_a_catalogue_without_truth_or_splits_has_neither_column(tmp_path: Path) -> None:
    rows = [{"sku": "a", "words": "mug"}, {"sku": "b", "words": "plate"}]
    path = tiny.write_csv(tmp_path / "catalogue.csv", rows)
    columns = CatalogueColumns("sku", "words", image="", category_path="", split="", group="")
    data = DataConfig(columns=columns, train_split="old")
    read = load_catalogue(data, path, tmp_path)
    assert catalogue_listings(read)["split"].to_pylist() == ["old", "old"]
    builder = ProductCatalogue(catalogue=path, data=data, data_dir=str(tmp_path / "out"))
    table = pq.read_table(build_dataset(builder).folder / "listings.parquet")
    assert set(table.column_names) == {"item_id", "title", "category_path", "split", "image"}
    assert table["item_id"].to_pylist() == ["a", "b"]


@pytest.mark.parametrize("split", ["", "hold-out", "all", "a b", "further_photos"])
def test_a_split_that_cannot_name_a_file_is_refused(split: str) -> None:
    with pytest.raises(ConfigError, match=r"use letters, digits and _"):
        require_split_name(split)


# ---- The verb


def test_the_verb_builds_what_training_reads(
    data_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    rows = [
        {("truth" if name == "group" else name): value for name, value in row.items()}
        for row in tiny.catalogue_rows()
    ]
    path = tiny.write_csv(tmp_path / "other.csv", rows)
    tiny.write_csv(tmp_path / "more.csv", FURTHER)
    # The recipe's pictures are not beside the table.
    data = {"catalogue": path.name, "images": str(data_root), "photos": "more.csv"}
    recipe = tiny.write_recipe(tmp_path / "shop.py", tiny.config(tmp_path, "run", data=data))
    words = ["--catalog", path, "--config", recipe, "--out", out]
    main(["build", "--dataset", "catalogue", *map(str, words), "--data.columns.group", "truth"])
    printed = capsys.readouterr().out
    folder = out / "product_catalogue" / "1.0.0"
    assert f"data set   {folder}  (train 24, val 8; 31 pictures, 9 further photos)" in printed
    settings = '--data.catalogue listings.parquet --data.photos photos.parquet --data.images ""'
    assert f"--data.root {folder} {settings}" in printed
    shutil.copy(data_root / "clicks.csv", folder)
    config = tiny.config(folder, tmp_path / "run", data={"catalogue": "listings.parquet"})
    main(["mine", "--config", str(tiny.write_recipe(tmp_path / "recipe.py", config))])
    assert pq.read_table(tmp_path / "run" / "pairs.parquet").num_rows == 24


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["catalogue"], "needs --catalog FILE"),
        (["catalogue", "--catalog", "{out}/no.csv"], "no file"),
        (["catalogue", "--catalog", "a.csv", "--train", "b.json"], "--train is no flag of"),
        (["grocery", "--catalog", "a.csv"], "--catalog is no flag of --dataset grocery"),
        (["grocery", "--data.columns.group", "x"], "--data.* is no flag of --dataset grocery"),
        (["grocery", "--manual-dir", "{out}/no"], "no folder"),
        (["esspr"], "give the file esspr_data4train"),
        (["esspr", "--train", "{out}/no.json"], "no file"),
        (["esspr", "--train", "a.json", "--retries", "-1"], "retries is -1"),
        (["esspr", "--train", "a.json", "--beam-options", "runner=x"], "needs --beam"),
        (["flowers"], "invalid choice: 'flowers'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_the_verb_cannot_use_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    given = [word.format(out=tmp_path) for word in words]
    with pytest.raises(SystemExit) as raised:
        main(["build", "--out", str(tmp_path / "out"), "--dataset", *given])
    assert raised.value.code == 2
    assert message in capsys.readouterr().err


def test_without_beam_the_verb_says_how_to_get_it(
    data_root: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("apache_beam", "apache_beam.options", "apache_beam.options.pipeline_options"):
        monkeypatch.setitem(sys.modules, name, None)
    words = ["--catalog", str(data_root / "catalogue.csv"), "--out", str(tmp_path), "--beam"]
    with pytest.raises(SystemExit) as raised:
        main(["build", "--dataset", "catalogue", *words])
    assert raised.value.code == 2
    assert "stylejax[beam]" in capsys.readouterr().err
