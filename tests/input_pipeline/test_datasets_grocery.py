"""Tests of input_pipeline/datasets/grocery.py, on a tiny folder of the repository's layout."""

import io
import shutil
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from loopback import serve
from PIL import Image

from input_pipeline.catalogue import load_catalogue
from input_pipeline.datasets import grocery
from input_pipeline.datasets.build import build_dataset
from input_pipeline.datasets.grocery import GroceryStore, dataset_folder, grocery_listings, title
from input_pipeline.pictures import Pictures
from stylejax.cli import main
from stylejax.config import CatalogueColumns, ConfigError, DataConfig

HEADER = (
    "Class Name (str),Class ID (int),Coarse Class Name (str),Coarse Class ID (int),"
    "Iconic Image Path (str),Product Description Path (str)"
)
# Name, category, folder of the photos, name of the description's file as classes.csv gives it.
PRODUCTS = (
    ("Granny-Smith", "Apple", "Fruit/Apple/Granny-Smith", "Granny-Smith_Description.txt"),
    ("Lime", "Lime", "Fruit/Lime", "Lime_Description.txt"),
    ("Anjou", "Pear", "Fruit/Pear/Anjou", "Anjou_Descriptions.txt"),  # the file has no second s
    ("Bravo-Juice", "Juice", "Packages/Juice/Bravo-Juice", "Bravo-Juice_Description"),
)
WORDS = {
    "Granny-Smith": "Granny Smith is a green apple, with white firm pulp and a clear acidity.",
    "Lime": "The lime fruit is more juicy than the lemon.",
    "Anjou": "A pear with green peel and a mild taste, good as it is.",
}
PHOTOS = {"train": 3, "val": 1, "test": 2}  # of each product


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository's root with four products. Read only."""
    root = tmp_path_factory.mktemp("grocery") / "GroceryStoreDataset-master"
    folder = root / "dataset"
    classes = [HEADER]
    lists: dict[str, list[str]] = {split: [] for split in PHOTOS}
    for number, (name, category, place, described) in enumerate(PRODUCTS):
        about = Path("iconic-images-and-descriptions") / place
        (folder / about).mkdir(parents=True)
        if name in WORDS:
            (folder / about / f"{name}_Description.txt").write_text(WORDS[name])
        iconic = f"/{about}/{name}_Iconic.jpg"
        classes.append(f"{name},{number},{category},{number},{iconic},/{about}/{described}")
        for split, photos in PHOTOS.items():
            (folder / split / place).mkdir(parents=True)
            for photo in range(1, photos + 1):
                path = f"{split}/{place}/{name}_{photo:03d}.jpg"
                Image.new("RGB", (12, 16), (60 * number, 20 * photo, 90)).save(folder / path)
                lists[split].append(f"{path}, {number}, {number}")
    (folder / "classes.csv").write_text("\n".join(classes) + "\n")
    for split, lines in lists.items():
        (folder / f"{split}.txt").write_text("\n".join(lines) + "\n")
    return root


def test_the_listings_are_the_photos_of_the_lists(repository: Path) -> None:
    rows = grocery_listings(repository / "dataset").to_pylist()
    assert Counter(row["split"] for row in rows) == {"train": 12, "val": 4, "test": 8}
    assert len({row["item_id"] for row in rows}) == 24
    first = rows[0]
    assert first["item_id"] == "train-Granny-Smith_001"
    assert first["image"] == "train/Fruit/Apple/Granny-Smith/Granny-Smith_001.jpg"
    assert {(row["group"], row["name"], row["category_path"]) for row in rows} == {
        ("Granny-Smith", "Granny Smith", "Fruit > Apple"),
        ("Lime", "Lime", "Fruit > Lime"),
        ("Anjou", "Anjou", "Fruit > Pear"),
        ("Bravo-Juice", "Bravo Juice", "Packages > Juice"),
    }
    assert all((repository / "dataset" / row["image"]).is_file() for row in rows)


def test_titles_are_spans_of_the_description_with_or_without_the_name(repository: Path) -> None:
    rng = np.random.default_rng(0)
    words = WORDS["Granny-Smith"].lower().replace(",", "").replace(".", "")
    kinds: Counter = Counter()
    for _ in range(600):
        text = title(WORDS["Granny-Smith"], "Granny-Smith", rng)
        if not text:
            kinds["none"] += 1
        elif text in words and 4 <= len(text.split()) <= 9:
            kinds["span"] += 1
        elif text.startswith("granny smith ") and text[len("granny smith ") :] in words:
            kinds["name first"] += 1
        else:
            assert text.endswith(" granny smith")
            assert text[: -len(" granny smith")] in words
            kinds["name last"] += 1
    assert kinds["none"] / 600 == pytest.approx(0.05, abs=0.03)
    assert min(kinds["span"], kinds["name first"], kinds["name last"]) > 120


def test_a_product_without_a_description_is_called_by_its_name(repository: Path) -> None:
    rows = grocery_listings(repository / "dataset").to_pylist()
    titles = {row["title"] for row in rows if row["group"] == "Bravo-Juice"}
    assert titles <= {"bravo juice", ""}
    anjou = " ".join(row["title"] for row in rows if row["group"] == "Anjou")
    assert "pear" in anjou  # its description stands in another file than classes.csv says


def test_the_seed_decides_the_titles(repository: Path) -> None:
    folder = repository / "dataset"
    assert grocery_listings(folder, 1).equals(grocery_listings(folder, 1))
    assert not grocery_listings(folder, 1)["title"].equals(grocery_listings(folder, 2)["title"])


def test_a_copy_is_found_at_its_root_and_at_its_folder(repository: Path, tmp_path: Path) -> None:
    for root in (repository, repository / "dataset", repository.parent):
        assert dataset_folder(root) == repository / "dataset"
    with pytest.raises(ConfigError, match=r"no classes\.csv in .*GroceryStoreDataset"):
        dataset_folder(tmp_path)


def test_a_copy_that_is_not_whole_is_refused(repository: Path, tmp_path: Path) -> None:
    folder = tmp_path / "dataset"
    shutil.copytree(repository / "dataset", folder)
    (folder / "val.txt").write_text("val/Fruit/Lime/Lime_001.jpg, 17, 3\n")
    with pytest.raises(ConfigError, match=r"Lime_001\.jpg has no product of classes\.csv"):
        grocery_listings(folder)
    (folder / "val.txt").unlink()
    with pytest.raises(ConfigError, match=r"no file .*val\.txt"):
        grocery_listings(folder)


def test_a_local_copy_is_built_and_its_clicks_simulated(
    repository: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a stranger does with the public download: build, simulate clicks, mine."""
    out = tmp_path / "out"
    words = ["--dataset", "grocery", "--manual-dir", str(repository), "--out", str(out)]
    main(["build", *words])
    folder = out / "grocery_store" / "1.0.0"
    printed = capsys.readouterr().out
    assert f"data set   {folder}  (train 12, val 4, test 8; 24 pictures)" in printed
    data = DataConfig(columns=CatalogueColumns(name="name"))
    path = folder / "listings.parquet"
    catalogue = load_catalogue(data, path, folder, with_truth=True)
    assert catalogue.name is not None
    assert set(catalogue.name) == {"Granny Smith", "Lime", "Anjou", "Bravo Juice"}
    pixels, present = Pictures(catalogue.item_id, catalogue.image, folder, 4, 0).read(range(24))
    assert present.all()
    assert len(np.unique(pixels.reshape(24, -1), axis=0)) == 12  # colours of the photos
    log = folder / "clicks_simulated.csv"
    simulated = ["--catalog", str(path), "--out", str(log), "--sessions", "300"]
    main(["simulate-clicks", *simulated, "--data.columns.name", "name"])
    assert "granny smith" in log.read_text()


def test_the_archive_is_downloaded_once(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(repository.rglob("*")):
            file.write(path, path.relative_to(repository.parent))
    with serve({"/archive/master.zip": archive.getvalue()}) as site:
        monkeypatch.setattr(grocery, "ARCHIVE", f"{site.address}/archive/master.zip")
        tables = []
        for seed in (0, 1):
            built = build_dataset(GroceryStore(data_dir=str(tmp_path), seed=seed))
            assert built.listings == {"train": 12, "val": 4, "test": 8}
            assert (built.pictures, built.failures) == (24, 0)
            tables.append(pq.read_table(built.folder / "listings.parquet"))
            shutil.rmtree(built.folder)
        assert site.asked["/archive/master.zip"] == 1
    assert tables[0]["item_id"].equals(tables[1]["item_id"])


def test_a_download_that_fails_says_what_to_do_instead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve({}) as site:
        monkeypatch.setattr(grocery, "ARCHIVE", f"{site.address}/gone.zip")
        with pytest.raises(ConfigError, match=r"gone\.zip.* give it as --manual-dir"):
            build_dataset(GroceryStore(data_dir=str(tmp_path)))
