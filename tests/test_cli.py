"""Tests of stylejax/cli.py and the verbs: from clicks to search, and every mistake on the way."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import tiny

from stylejax.cli import VERBS, main
from stylejax.config import Config
from stylejax.retrieval.vectors import read_vectors

ROOT = Path(__file__).parents[1]
MATCHING = {"matching": ("m-m",), "distinctiveness": (), "consistency": ()}  # quick to compile


def recipe(folder: Path, root: Path, **sections) -> Path:
    config = tiny.config(root, folder / "run", **({"loss": MATCHING} | sections))
    return tiny.write_recipe(folder / "recipe.py", config)


def refused(words: list[str | Path], capsys: pytest.CaptureFixture[str]) -> str:
    """Runs a verb that must end with exit code 2; returns what it printed as error."""
    with pytest.raises(SystemExit) as raised:
        main([str(word) for word in words])
    error = capsys.readouterr().err
    assert raised.value.code == 2, error
    assert error.strip()
    assert "Traceback" not in error
    return error


# ---- The whole way


@pytest.fixture(scope="module")
def run_dir(data_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """mine, train, export and index through the command line. Read only."""
    folder = tmp_path_factory.mktemp("cli")
    path = str(recipe(folder, data_root))
    run = str(folder / "run")
    main(["mine", "--config", path])
    main(["train", "--config", path, "--training.steps", "5"])
    main(["export", "--checkpoint", run])
    main(["index", "--vectors", f"{run}/vectors"])
    main(["evaluate", "--run", run])
    return folder / "run"


def test_every_verb_leaves_its_files(run_dir: Path) -> None:
    assert pq.read_table(run_dir / "pairs.parquet").num_rows == 24
    funnel = json.loads((run_dir / "mining.json").read_text())["funnel"]
    assert funnel[0] == ["events in the log", 120]
    assert tiny.run_config(run_dir).training.steps == 5
    vectors = read_vectors(run_dir / "vectors")
    assert len(vectors) == 32
    counts = {view: int(rows.sum()) for view, rows in vectors.present.items()}
    assert counts == {"m": 32, "t": 31, "i": 31}
    manifest = json.loads((run_dir / "vectors" / "manifest.json").read_text())
    assert (manifest["step"], manifest["run"]) == (5, "run")
    assert json.loads((run_dir / "index" / "index.json").read_text())["vectors"] == 32
    metrics = json.loads((run_dir / "metrics.json").read_text())
    assert metrics["protocol"] == {"queries": "val", "gallery": "train", "leave_one_out": False}
    assert len(metrics["directions"]) == 9
    assert set(metrics["by_category"]) == {"Home", "Tools"}


def test_evaluate_prints_a_table_and_takes_other_splits(
    run_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "metrics.json"
    main(
        [
            "evaluate",
            "--run",
            str(run_dir),
            "--queries",
            "train",
            "--gallery",
            "train",
            "--out",
            str(out),
        ]
    )
    assert json.loads(out.read_text())["protocol"]["leave_one_out"] is True
    printed = capsys.readouterr().out
    assert "train, leave one out" in printed
    assert "Tools" in printed


def ranked(text: str) -> list[tuple[str, float]]:
    """Item and score of each line that `search` printed."""
    lines = [line.split() for line in text.splitlines() if re.match(r" *\d+ ", line)]
    return [(words[2], float(words[1])) for words in lines]


def test_a_listings_own_photo_and_title_find_it_first(
    run_dir: Path, data_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = tiny.catalogue_rows()[0]
    words = ["--image", str(data_root / row["image"]), "--text", row["title"]]
    main(["search", "--run", str(run_dir), *words, "--top", "4"])
    found = ranked(capsys.readouterr().out)
    assert len(found) == 4
    assert found[0][0] == row["item_id"]
    assert found[0][1] == pytest.approx(1.0, abs=2e-3)
    scores = [score for _, score in found]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("by", ["image", "text"])
def test_search_takes_a_photo_or_words_alone_and_writes_a_page(
    run_dir: Path, data_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], by: str
) -> None:
    page = tmp_path / "found.html"
    query = ["--image", str(data_root / "images/L00.jpg")] if by == "image" else ["--text", "mug"]
    main(["search", "--run", str(run_dir), *query, "--top", "50", "--html", str(page)])
    assert len(ranked(capsys.readouterr().out)) == 32  # no more than there are
    assert "<html" in page.read_text()


def test_the_report_is_one_page(run_dir: Path, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    main(["report", "--run", str(run_dir), "--out", str(out)])
    assert "recall" in out.read_text().lower()


def test_another_catalogue_is_exported_and_its_index_is_not_mistaken_for_the_runs(
    run_dir: Path, data_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A catalogue that the run has never seen; its listings have ids of their own."""
    rows = [row | {"item_id": f"new {row['item_id']}"} for row in tiny.catalogue_rows()[:4]]
    path = tiny.write_csv(tmp_path / "new.csv", rows)
    vectors, index = tmp_path / "vectors", tmp_path / "index"
    words = ["--checkpoint", run_dir, "--catalog", path, "--images", data_root, "--out", vectors]
    main(["export", *map(str, words)])
    assert read_vectors(vectors).item_id == [row["item_id"] for row in rows]
    main(["index", "--vectors", str(vectors), "--out", str(index)])
    error = refused(["search", "--run", run_dir, "--index", index, "--text", "mug"], capsys)
    assert "'new L0" in error
    assert "catalogue" in error


def test_an_export_of_some_views_can_be_judged(run_dir: Path, tmp_path: Path) -> None:
    vectors, out = str(tmp_path / "vectors"), tmp_path / "metrics.json"
    main(["export", "--checkpoint", str(run_dir), "--views", "m,i", "--out", vectors])
    assert set(read_vectors(Path(vectors)).vectors) == {"m", "i"}
    main(["evaluate", "--run", str(run_dir), "--vectors", vectors, "--out", str(out)])
    directions = json.loads(out.read_text())["directions"]
    assert set(directions) == {"m-m", "m-i", "i-m", "i-i"}
    copy = tmp_path / "run"
    shutil.copytree(run_dir, copy)
    shutil.rmtree(copy / "vectors")
    shutil.copytree(vectors, copy / "vectors")
    shutil.copy(out, copy / "metrics.json")
    main(["report", "--run", str(copy)])
    assert "photo only" in (copy / "report.html").read_text()


def test_a_corrupt_picture_in_the_middle_is_named_and_the_export_goes_on(
    run_dir: Path, data_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "data"
    shutil.copytree(data_root, root)
    (root / "images" / "L13.jpg").write_bytes(b"\xff\xd8\xff\xe0 broken")
    out = tmp_path / "vectors"
    path = str(root / "catalogue.csv")
    main(["export", "--checkpoint", str(run_dir), "--catalog", path, "--out", str(out)])
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


# ---- Mistakes


def test_an_unknown_verb_names_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    error = refused(["fly"], capsys)
    assert "'fly'" in error
    assert all(verb in error for verb in VERBS)


def test_an_unknown_setting_names_the_nearest(
    data_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = recipe(tmp_path, data_root)
    error = refused(["mine", "--config", path, "--mining.min-suport", "3"], capsys)
    assert "--mining.min-support" in error


def test_a_value_out_of_range_is_named(
    data_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = recipe(tmp_path, data_root)
    error = refused(["mine", "--config", path, "--mining.min-support", "0"], capsys)
    assert "min_support" in error


def test_a_recipe_must_be_given_and_be_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--config is required" in refused(["mine"], capsys)
    assert "no recipe nowhere.py" in refused(["train", "--config", "nowhere.py"], capsys)


def test_a_missing_column_names_those_there_are(
    data_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = recipe(tmp_path, data_root)
    error = refused(["mine", "--config", path, "--data.columns.title", "name"], capsys)
    assert "no column 'name'" in error
    assert "title" in error
    error = refused(["mine", "--config", path, "--data.click-columns.clicked", "click"], capsys)
    assert "no column 'click'" in error


def changed_data(root: Path, copy: Path) -> Path:
    shutil.copytree(root, copy)
    return copy


def test_an_empty_click_log_is_refused(
    data_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = changed_data(data_root, tmp_path / "data")
    tiny.write_csv(root / "clicks.csv", [], tiny.CLICK_FIELDS)
    error = refused(["mine", "--config", recipe(tmp_path, root)], capsys)
    assert "has no events" in error


def test_a_click_log_of_another_shop_is_refused(
    data_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = changed_data(data_root, tmp_path / "data")
    rows = [row | {"item_id": f"X{row['item_id']}"} for row in tiny.click_rows()]
    tiny.write_csv(root / "clicks.csv", rows)
    error = refused(["mine", "--config", recipe(tmp_path, root)], capsys)
    assert "120 events but no click on a listing of split 'train'" in error


def test_a_missing_picture_folder_is_refused(
    data_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = recipe(tmp_path, data_root)
    error = refused(["mine", "--config", path, "--data.images", "photos"], capsys)
    assert "no folder of pictures" in error
    assert "--data.images" in error


def test_a_folder_without_the_pictures_is_refused_before_training(
    data_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "data"
    shutil.copytree(data_root, root)
    path = recipe(tmp_path, root)
    main(["mine", "--config", str(path)])
    shutil.rmtree(root / "images")
    error = refused(["train", "--config", path], capsys)
    assert re.search(r"not one of \d+ pictures can be read, the first \S+\.jpg", error)
    assert "--data.images" in error


def test_resume_and_restart_exclude_each_other(
    run_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    error = refused(
        ["train", "--config", run_dir.parent / "recipe.py", "--resume", "--restart"], capsys
    )
    assert "not allowed with" in error


def test_an_index_of_an_older_training_is_refused(
    run_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "index"
    shutil.copytree(run_dir / "index", copy)
    description = json.loads((copy / "index.json").read_text())
    assert description["origin"]["step"] == 5
    description["origin"]["step"] = 4
    (copy / "index.json").write_text(json.dumps(description))
    error = refused(["search", "--run", run_dir, "--index", copy, "--text", "mug"], capsys)
    assert "step 4" in error
    assert "export and index again" in error


def test_images_without_a_catalogue_are_refused(
    run_dir: Path, data_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    error = refused(["export", "--checkpoint", run_dir, "--images", data_root], capsys)
    assert "--catalog" in error


def test_a_checkpoint_of_another_config_is_refused(
    run_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "run"
    shutil.copytree(run_dir, copy)
    config = replace(tiny.run_config(run_dir), run_dir=str(copy))
    path = tiny.write_recipe(tmp_path / "recipe.py", config)
    error = refused(["train", "--config", path, "--resume", "--loss.form", "softmax"], capsys)
    assert "loss.form: hinge -> softmax" in error
    error = refused(["train", "--config", path], capsys)
    assert "--resume" in error
    assert "--restart" in error


def test_a_model_that_the_checkpoint_does_not_fit_is_refused_on_resume(
    run_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Other shapes must not reach the optimizer: the difference is named before that."""
    copy = tmp_path / "run"
    shutil.copytree(run_dir, copy)
    config = replace(tiny.run_config(run_dir), run_dir=str(copy))
    path = tiny.write_recipe(tmp_path / "recipe.py", config)
    error = refused(["train", "--config", path, "--resume", "--encoder.dim", "16"], capsys)
    assert "encoder.dim: 8 -> 16" in error


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["export", "--checkpoint", "{empty}"], "no checkpoint"),
        (["index", "--vectors", "{empty}"], "run `stylejax export`"),
        (["evaluate", "--run", "{empty}"], "is no trained run"),
        (["search", "--run", "{empty}", "--text", "mug"], "is no trained run"),
        (["report", "--run", "{empty}"], "is no trained run"),
        (["search", "--run", "{run}"], "nothing to search for"),
        (["search", "--run", "{run}", "--text", "  "], "nothing to search for"),
        (["search", "--run", "{run}", "--text", "mug", "--top", "0"], "--top is 0"),
        (["search", "--run", "{run}", "--image", "{empty}/no.jpg"], "cannot read --image"),
        (["search", "--run", "{run}", "--text", "a", "--index", "{empty}"], "run `stylejax index`"),
        (["export", "--checkpoint", "{run}", "--views", "m,x"], "give some of m, t, i"),
        (["export", "--checkpoint", "{run}", "--catalog", "{empty}/no.csv"], "no.csv"),
        (["evaluate", "--run", "{run}", "--queries", "test"], "no listing of split 'test'"),
        (["evaluate", "--run", "{run}", "--colour", "red"], "--colour"),
    ],
    ids=lambda value: " ".join(value[:1] + value[3:]) if isinstance(value, list) else "",
)
def test_what_comes_after_training_says_what_is_missing(
    run_dir: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    message: str,
) -> None:
    given = [word.format(run=run_dir, empty=tmp_path) for word in words]
    assert message in refused(given, capsys)


# ---- Help


def fresh(*words: str) -> subprocess.CompletedProcess[str]:
    """Runs the command line in a process of its own and prints what it imported."""
    program = (
        "import sys\n"
        "from stylejax.cli import main\n"
        "try:\n    main(sys.argv[1:])\n"
        "finally:\n"
        "    heavy = {'jax', 'tensorflow', 'flax', 'ibis', 'transformers', 'scann', 'pyarrow'}\n"
        "    print('imported', sorted(heavy & set(sys.modules)))\n"
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
