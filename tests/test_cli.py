"""Tests of stylejax/cli.py and the verbs: from clicks to search, and help on the way."""

import csv
import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import tiny
from jax.sharding import Mesh
from verbs import recipe, refused, run

from stylejax.cli import VERBS, main, verb_parser
from stylejax.config import Config, to_json
from stylejax.retrieval.vectors import read_vectors
from stylejax.training.restore import TrainedEncoder, load_encoder

ROOT = Path(__file__).parents[1]


# ---- The whole way


def test_every_verb_leaves_its_files(trained_run: Path) -> None:
    assert pq.read_table(trained_run / "pairs.parquet").num_rows == 24
    assert json.loads((trained_run / "mining.json").read_text())["funnel"]
    assert tiny.run_config(trained_run).training.steps == 5
    vectors = read_vectors(trained_run / "vectors")
    assert len(vectors) == 32
    counts = {view: int(rows.sum()) for view, rows in vectors.present.items()}
    assert counts == {"m": 32, "t": 31, "i": 31}
    manifest = json.loads((trained_run / "vectors" / "manifest.json").read_text())
    assert (manifest["step"], manifest["run"]) == (5, "run")
    assert json.loads((trained_run / "index" / "index.json").read_text())["vectors"] == 32
    metrics = json.loads((trained_run / "metrics.json").read_text())
    assert metrics["protocol"] == {"queries": "val", "gallery": "train", "leave_one_out": False}
    assert len(metrics["directions"]) == 9
    assert set(metrics["breakdowns"]["category"]) == {"Home", "Tools"}
    assert metrics["vectors"]["step"] == 5


def test_evaluate_prints_a_table_and_takes_other_splits(
    trained_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "metrics.json"
    splits = ["--queries", "train", "--gallery", "train"]
    run("evaluate", "--run", trained_run, *splits, "--out", out)
    assert json.loads(out.read_text())["protocol"]["leave_one_out"] is True
    printed = capsys.readouterr().out
    assert "train, leave one out" in printed
    assert "Tools" in printed


def ranked(text: str) -> list[tuple[str, float]]:
    """Item and score of each line that `search` printed."""
    lines = [line.split() for line in text.splitlines() if re.match(r" *\d+ ", line)]
    return [(words[2], float(words[1])) for words in lines]


def test_a_listings_own_photo_and_title_find_it_first(
    trained_run: Path, data_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = tiny.catalogue_rows()[0]
    words = ["--image", data_root / row["image"], "--text", row["title"], "--method", "joint"]
    run("search", "--run", trained_run, *words, "--top", "4")
    found = ranked(capsys.readouterr().out)
    assert len(found) == 4
    assert found[0][0] == row["item_id"]
    assert found[0][1] == pytest.approx(1.0, abs=2e-3)
    scores = [score for _, score in found]
    assert scores == sorted(scores, reverse=True)


def test_search_reads_a_photo_as_its_checkpoint_does(
    trained_copy: Path, data_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever the run's config.json has become since."""
    config = tiny.run_config(trained_copy)
    picture = dataclasses.replace(config.picture, eval_crops=(0.5,))
    changed = dataclasses.replace(config, picture=picture)
    (trained_copy / "config.json").write_text(to_json(changed))
    photo = data_root / tiny.catalogue_rows()[0]["image"]
    query = ("--image", photo, "--text", "red mug", "--method", "joint")
    run("search", "--run", trained_copy, *query, "--top", "1")
    ((item, score),) = ranked(capsys.readouterr().out)
    assert item == "L00"
    assert score == pytest.approx(1.0, abs=2e-3)


@pytest.mark.parametrize("by", ["image", "text"])
def test_search_takes_a_photo_or_words_alone_and_writes_a_page(
    trained_run: Path, data_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], by: str
) -> None:
    page = tmp_path / "found.html"
    query = ["--image", data_root / "images/L00.jpg"] if by == "image" else ["--text", "mug"]
    run("search", "--run", trained_run, *query, "--top", "50", "--html", page)
    assert len(ranked(capsys.readouterr().out)) == 32  # no more than there are
    assert page.read_text().count("data:image/jpeg") > 20


def test_the_report_is_one_page(trained_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    run("report", "--run", trained_run, "--out", out)
    assert "data:image/jpeg" in out.read_text()


def test_the_column_of_true_products_may_be_named_after_training(
    trained_copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tiny.run_config(trained_copy)
    blind = tiny.changed(config, {"data": {"columns": {"group": ""}}})
    (trained_copy / "config.json").write_text(to_json(blind))
    expected = (trained_copy / "metrics.json").read_text()
    assert "--data.columns.group COLUMN" in refused(["evaluate", "--run", trained_copy], capsys)
    run("evaluate", "--run", trained_copy, "--data.columns.group", "group")
    assert (trained_copy / "metrics.json").read_text() == expected
    run("report", "--run", trained_copy)  # the metrics tell it which column
    assert "cheap red mug" in (trained_copy / "report.html").read_text()


# ---- Another catalogue, for a trained encoder


@pytest.fixture(scope="module")
def other(
    trained_run: Path, data_root: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """Four listings that the run has never seen, exported and indexed with its encoder."""
    folder = tmp_path_factory.mktemp("other")
    rows = [row | {"item_id": f"new{row['item_id']}"} for row in tiny.catalogue_rows()[:4]]
    paths = {
        "catalogue": tiny.write_csv(folder / "new.csv", rows),
        "vectors": folder / "vectors",
        "index": folder / "index",
        "metrics": folder / "metrics.json",
    }
    given = ["--catalog", paths["catalogue"], "--images", data_root]
    run("export", "--checkpoint", trained_run, *given, "--out", paths["vectors"])
    run("index", "--vectors", paths["vectors"], "--out", paths["index"])
    splits = ["--queries", "train", "--gallery", "train"]
    into = ["--vectors", paths["vectors"], "--out", paths["metrics"]]
    run("evaluate", "--run", trained_run, *given, *splits, *into)
    return paths


def test_another_catalogue_is_exported_and_judged(other: dict[str, Path]) -> None:
    assert read_vectors(other["vectors"]).item_id == ["newL00", "newL01", "newL02", "newL03"]
    metrics = json.loads(other["metrics"].read_text())
    assert (metrics["queries"], metrics["gallery"]) == (3, 3)
    assert metrics["directions"]["m-m"]["recall@1"] == 1.0  # all of them are the red mug


def test_another_catalogue_is_searched_and_reported(
    trained_run: Path,
    data_root: Path,
    other: dict[str, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = ["--run", trained_run, "--catalog", other["catalogue"], "--images", data_root]
    run("search", *given, "--index", other["index"], "--text", "mug")
    assert {item for item, _ in ranked(capsys.readouterr().out)} == {
        "newL00",
        "newL01",
        "newL02",
        "newL03",
    }
    out, made = tmp_path / "report.html", ["--vectors", other["vectors"]]
    run("report", *given, *made, "--metrics", other["metrics"], "--out", out)
    page = out.read_text()
    assert "cheap red mug" in page
    assert "data:image/jpeg" in page
    assert "hammer" not in page


@pytest.mark.parametrize(
    "words",
    [
        ["search", "--index", "{index}", "--text", "mug"],
        ["evaluate", "--vectors", "{vectors}"],
        ["report", "--vectors", "{vectors}", "--metrics", "{metrics}"],
    ],
    ids=lambda words: words[0],
)
def test_vectors_of_another_catalogue_are_not_mistaken_for_the_runs(
    trained_run: Path,
    other: dict[str, Path],
    capsys: pytest.CaptureFixture[str],
    words: list[str],
) -> None:
    verb, *rest = (word.format(**other) for word in words)
    error = refused([verb, "--run", trained_run, *rest], capsys)
    assert "'newL0" in error
    assert "--catalog" in error


def test_a_new_table_needs_no_split_and_has_its_own_names(
    trained_run: Path,
    data_root: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = [
        {"sku": row["item_id"], "title": row["title"], "image": row["image"], "group": row["group"]}
        for row in tiny.catalogue_rows()[:4]
    ]
    table, out = tiny.write_csv(tmp_path / "bare.csv", rows), tmp_path / "vectors"
    given = ["--catalog", table, "--images", data_root, "--data.columns.item-id", "sku"]
    given += ["--data.columns.category-path", ""]
    run("export", "--checkpoint", trained_run, *given, "--out", out)
    assert read_vectors(out).item_id == ["L00", "L01", "L02", "L03"]
    # Evaluation goes by splits: without them all is the split that is trained on.
    judge = ["evaluate", "--run", trained_run, *given, "--vectors", out]
    assert "no column 'split'" in refused([*judge, "--out", tmp_path / "metrics.json"], capsys)
    judge += ["--data.columns.split", "", "--queries", "train", "--gallery", "train"]
    run(*judge, "--out", tmp_path / "metrics.json")
    assert json.loads((tmp_path / "metrics.json").read_text())["queries"] == 4


def test_the_export_of_a_run_fits_more_devices_than_it_was_trained_on(
    trained_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A recipe for three devices encodes 12 listings at a time; there are eight here."""

    def of_three(run_dir: Path, mesh: Mesh) -> TrainedEncoder:
        encoder = load_encoder(run_dir, mesh)
        options = dataclasses.replace(encoder.config.evaluation, batch_size=12)
        config = dataclasses.replace(encoder.config, evaluation=options)
        return dataclasses.replace(encoder, config=config)

    monkeypatch.setattr("stylejax.training.restore.load_encoder", of_three)
    out = tmp_path / "vectors"
    run("export", "--checkpoint", trained_run, "--views", "m", "--out", out)
    made, before = (
        dict(zip(found.item_id, found.vectors["m"], strict=True))
        for found in (read_vectors(out), read_vectors(trained_run / "vectors"))
    )
    assert made.keys() == before.keys()
    for item, vector in made.items():
        np.testing.assert_allclose(vector, before[item], atol=1e-5)


def test_an_export_of_some_views_can_be_judged_and_reported(trained_copy: Path) -> None:
    run("export", "--checkpoint", trained_copy, "--views", "m,i")
    assert set(read_vectors(trained_copy / "vectors").vectors) == {"m", "i"}
    run("evaluate", "--run", trained_copy)
    directions = json.loads((trained_copy / "metrics.json").read_text())["directions"]
    assert set(directions) == {"m-m", "m-i", "i-m", "i-i"}
    run("report", "--run", trained_copy)
    assert "photo only" in (trained_copy / "report.html").read_text()


def test_several_pictures_of_a_listing_go_the_whole_way(data_root: Path, tmp_path: Path) -> None:
    rows = tiny.catalogue_rows()
    further = [{"item_id": row["item_id"], "image": rows[0]["image"]} for row in rows]
    table = tiny.write_csv(tmp_path / "photos.csv", further)
    path = recipe(
        tmp_path,
        data_root,
        data={"photos": str(table)},
        picture={"per_listing": 2},
        encoder={"fusion": {"depth": 0}, "pictures": "attention"},
    )
    folder = tmp_path / "run"
    run("mine", "--config", path)
    run("train", "--config", path, "--training.steps", "2")
    run("export", "--checkpoint", folder)
    run("index", "--vectors", folder / "vectors")
    run("search", "--run", folder, "--image", data_root / rows[0]["image"], "--text", "mug")
    exported = read_vectors(folder / "vectors")
    # The listing that has no picture of its own has one of the table.
    assert exported.present["i"].all()
    words = ["--catalog", data_root / "catalogue.csv", "--images", data_root]
    for photos, out in ((["--photos", table], "with"), ([], "without")):
        run("export", "--checkpoint", folder, *words, *photos, "--out", tmp_path / out)
    again, alone = (read_vectors(tmp_path / out) for out in ("with", "without"))
    np.testing.assert_allclose(again.vectors["m"], exported.vectors["m"], atol=1e-6)
    assert alone.present["i"].sum() == len(rows) - 1
    run("save-pretrained", "--checkpoint", folder, "--out", tmp_path / "saved")
    assert "up to 2 of each listing" in (tmp_path / "saved" / "README.md").read_text()


def test_prefixes_that_were_trained_are_exported(
    trained_copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Here none was: only the whole length is known to serve."""
    out = trained_copy.parent / "short"
    words = ["export", "--checkpoint", trained_copy, "--out", out, "--prefix"]
    assert "trained to serve at a length of 8 (loss.prefixes)" in refused([*words, "4"], capsys)
    run(*words, "8")
    assert json.loads((out / "manifest.json").read_text())["dim"] == 8


def test_a_corrupt_picture_in_the_middle_is_named_and_the_export_goes_on(
    trained_run: Path, data_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "data"
    shutil.copytree(data_root, root)
    (root / "images" / "L13.jpg").write_bytes(b"\xff\xd8\xff\xe0 broken")
    out = tmp_path / "vectors"
    run("export", "--checkpoint", trained_run, "--catalog", root / "catalogue.csv", "--out", out)
    assert "1 pictures could not be read" in capsys.readouterr().out
    with (out / "quarantine.csv").open(newline="") as file:
        assert [row["item_id"] for row in csv.DictReader(file)] == ["L13"]
    vectors = read_vectors(out)
    row = vectors.item_id.index("L13")
    assert not vectors.present["i"][row]
    assert vectors.present["m"][row]  # its title still speaks
    assert len(vectors) == 32


def test_training_by_script_is_the_same_job(data_root: Path, tmp_path: Path) -> None:
    """`python train.py` from any folder; here only as far as its first complaint."""
    path = recipe(tmp_path, data_root)
    result = subprocess.run(
        [sys.executable, ROOT / "train.py", "--config", path],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert result.returncode == 2
    assert "error: no pairs" in result.stderr
    assert "stylejax mine" in result.stderr


def test_the_scripts_parser_is_that_of_the_verb() -> None:
    parser = verb_parser("train", "python train.py")
    assert parser.epilog is not None
    assert parser.epilog.startswith("example: python train.py --config configs/")
    parser.add_argument("--resume", action="store_true")
    assert parser.parse_known_args(["--res"])[1] == ["--res"]


# ---- Help


HEAVY = {"jax", "numpy", "tensorflow", "flax", "ibis", "transformers", "scann", "pyarrow"}


def fresh(*words: str) -> subprocess.CompletedProcess[str]:
    """Runs the command line in a process of its own and prints what it imported."""
    program = (
        "import sys\n"
        "from stylejax.cli import main\n"
        "try:\n    main(sys.argv[1:])\n"
        "finally:\n"
        f"    print('imported', sorted({HEAVY} & set(sys.modules)))\n"
    )
    return subprocess.run(
        [sys.executable, "-c", program, *words],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
    )


def test_help_imports_nothing_heavy() -> None:
    result = fresh("--help")
    assert result.returncode == 0
    assert "imported []" in result.stdout
    for verb, (what, _) in VERBS.items():
        assert f"{verb} " in result.stdout
        assert what in result.stdout


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ([], 2, "already holds step 5"),
        (["--resume"], 0, "already finished: 5 steps"),
        (["--resume", "--seed", "1"], 2, "seed: 0 -> 1"),
        (["--run-dir", "nowhere"], 2, "no pairs nowhere"),
    ],
)
def test_what_the_runs_folder_tells_is_told_before_anything_heavy_is_imported(
    trained_copy: Path, words: list[str], code: int, told: str
) -> None:
    recipe = ["--config", str(trained_copy.parent / "recipe.py"), "--training.steps", "5"]
    result = fresh("train", *recipe, *words)
    assert result.returncode == code
    assert told in result.stdout + result.stderr
    assert "imported []" in result.stdout


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--version"])
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert capsys.readouterr().out == f"stylejax {version}\n"


def test_runs_are_compared(
    trained_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other"
    shutil.copytree(trained_run, other)
    changed = tiny.changed(tiny.run_config(other), {"training": {"learning_rate": 0.25}})
    (other / "config.json").write_text(to_json(changed))
    (other / "metrics.json").unlink()
    run("compare", trained_run, other, "--out", tmp_path / "page.html")
    printed = capsys.readouterr().out
    assert re.search(r"training\.learning_rate +0\.003 +0\.25", printed)
    assert re.search(r"m-m recall@1, evaluated +[01]\.\d{3} +-", printed)
    page = (tmp_path / "page.html").read_text()
    assert page.count("<figure") > 3
    assert "training.learning_rate" in page.replace("<wbr>", "")
    assert "no config.json" in refused(["compare", trained_run, tmp_path], capsys)


def test_without_a_verb_help_is_printed_and_the_exit_code_is_2(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as raised:
        main([])
    assert raised.value.code == 2
    assert "usage: stylejax VERB" in capsys.readouterr().out


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_an_example(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main([verb, "--help"])
    assert raised.value.code == 0
    printed = capsys.readouterr().out
    assert f"stylejax {verb}" in printed
    assert f"example: {VERBS[verb][1]}" in " ".join(printed.split())
    own = printed.split("Every setting of the recipe")[0]
    assert "(default: None)" not in own
    assert "(default: )" not in own


@pytest.mark.parametrize("verb", ["train", "search"])
def test_the_help_of_a_verb_is_light_too(verb: str) -> None:
    result = fresh(verb, "--help")
    assert result.returncode == 0
    assert "imported []" in result.stdout


def test_the_help_of_train_lists_settings_with_the_recipes_values(
    data_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = recipe(tmp_path, data_root, training={"batch_size": 24})
    with pytest.raises(SystemExit) as raised:
        main(["train", "--config", str(path), "--help"])
    assert raised.value.code == 0
    printed = capsys.readouterr().out
    assert "--resume" in printed
    assert "--training.batch-size" in printed
    assert "24" in printed
    assert Config().training.batch_size != 24


def test_a_reader_that_has_enough_is_no_fault() -> None:
    code = "from stylejax.cli import reported; reported(lambda: print('x' * 10_000_000))"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout
    assert process.stderr
    process.stdout.read(10)
    process.stdout.close()
    told = process.stderr.read()
    assert (process.wait(), told) == (1, b"")
