"""Tests of the verbs: every mistake ends with exit code 2, and a message that names the fix."""

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest
import tiny
from verbs import recipe, refused, run

from stylejax.cli import VERBS

# ---- In settings and data


def test_an_unknown_verb_names_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    error = refused(["fly"], capsys)
    assert "'fly'" in error
    assert all(verb in error for verb in VERBS)


def test_a_recipe_must_be_given_and_be_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--config is required" in refused(["mine"], capsys)
    assert "no recipe nowhere.py" in refused(["train", "--config", "nowhere.py"], capsys)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--mining.min-suport", "3"], ["--mining.min-support"]),
        (["--mining.min-support", "0"], ["min_support is 0"]),
        (["--data.columns.title", "name"], ["no column 'name'", "title"]),
        (["--data.click-columns.clicked", "click"], ["no column 'click'"]),
        (["--data.images", "photos"], ["no folder of pictures", "--data.images"]),
    ],
    ids=lambda value: value[0],
)
def test_a_wrong_setting_is_named_with_the_fix(
    data_root: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    told: list[str],
) -> None:
    error = refused(["mine", "--config", recipe(tmp_path, data_root), *words], capsys)
    assert all(part in error for part in told), error


@pytest.mark.parametrize("log", ["empty", "of another shop"])
def test_a_click_log_without_a_click_to_learn_from_is_refused(
    data_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], log: str
) -> None:
    root = tmp_path / "data"
    shutil.copytree(data_root, root)
    rows = [row | {"item_id": f"X{row['item_id']}"} for row in tiny.click_rows()]
    tiny.write_csv(root / "clicks.csv", [] if log == "empty" else rows, tiny.CLICK_FIELDS)
    error = refused(["mine", "--config", recipe(tmp_path, root)], capsys)
    told = "has no events" if log == "empty" else "no click on a listing of split 'train'"
    assert told in error
    assert "clicks.csv" in error


def test_a_folder_without_the_pictures_is_refused_before_training(
    data_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "data"
    shutil.copytree(data_root, root)
    path = recipe(tmp_path, root)
    run("mine", "--config", path)
    shutil.rmtree(root / "images")
    error = refused(["train", "--config", path], capsys)
    assert re.search(r"not one of \d+ pictures can be read, the first \S+\.jpg", error)
    assert "--data.images" in error


@pytest.mark.parametrize("verb", ["report", "search", "export", "mine"])
def test_a_folder_without_the_pictures_is_told_where_work_goes_on_and_where_not(
    trained_run: Path,
    data_root: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    verb: str,
) -> None:
    (tmp_path / "none").mkdir()
    given = ["--catalog", data_root / "catalogue.csv", "--images", tmp_path / "none"]
    if verb == "export":
        told = refused([verb, "--checkpoint", trained_run, *given, "--out", tmp_path], capsys)
        fix = "set --images to the folder"
    elif verb == "mine":
        run(verb, "--config", recipe(tmp_path, data_root), "--data.images", str(tmp_path / "none"))
        told, fix = capsys.readouterr().err, "warning: mining needs no pictures, but training"
        assert "set --data.images to" in told
    else:
        page = ["--out" if verb == "report" else "--html", tmp_path / "page.html"]
        words = ["--text", "mug"] if verb == "search" else []
        run(verb, "--run", trained_run, *given, *words, *page)
        told, fix = capsys.readouterr().err, "warning: the page will show no picture: not one of"
        assert "set --images to the folder" in told
    assert fix in told
    assert told.count("can be read") == 1


# ---- With a run


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--resume", "--restart"], ["not allowed with"]),
        (["--resume", "--loss.form", "softmax"], ["loss.form: hinge -> softmax"]),
        # Other shapes must not reach the optimizer: the difference is named before that.
        (["--resume", "--encoder.dim", "16"], ["encoder.dim: 8 -> 16"]),
        ([], ["--resume", "--restart"]),
    ],
    ids=["both", "loss", "shapes", "neither"],
)
def test_training_does_not_go_on_with_another_config(
    trained_copy: Path, capsys: pytest.CaptureFixture[str], words: list[str], told: list[str]
) -> None:
    error = refused(["train", "--config", trained_copy.parent / "recipe.py", *words], capsys)
    assert all(part in error for part in told), error


def age(path: Path, *keys: str) -> None:
    """Makes a file say that it was made at step 4; the run's checkpoint is of step 5."""
    values = json.loads(path.read_text())
    origin = values
    for key in keys:
        origin = origin[key]
    assert origin["step"] == 5
    origin["step"] = 4
    path.write_text(json.dumps(values))


@pytest.mark.parametrize("verb", ["evaluate", "report"])
def test_vectors_of_an_older_training_are_refused(
    trained_copy: Path, capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    age(trained_copy / "vectors" / "manifest.json")
    before = (trained_copy / "metrics.json").read_text()
    error = refused([verb, "--run", trained_copy], capsys)
    assert "out of date" in error
    assert "step 4" in error
    assert "step 5" in error
    assert "export again" in error
    assert (trained_copy / "metrics.json").read_text() == before
    assert not (trained_copy / "report.html").exists()


def test_an_index_of_an_older_training_is_refused(
    trained_copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    age(trained_copy / "index" / "index.json", "origin")
    error = refused(["search", "--run", trained_copy, "--text", "mug"], capsys)
    assert "step 4" in error
    assert "export and index again" in error


@pytest.mark.parametrize("words", ["evaluate", "report", "search --text mug", "export"])
def test_a_run_without_a_checkpoint_leads_to_the_training_at_once(
    trained_copy: Path, capsys: pytest.CaptureFixture[str], words: str
) -> None:
    """Not to an export first, which would lead to the training."""
    for gone in ("checkpoints", "vectors", "index"):
        shutil.rmtree(trained_copy / gone)
    verb, *rest = words.split()
    named = "--checkpoint" if verb == "export" else "--run"
    error = refused([verb, named, trained_copy, *rest], capsys)
    assert "train first: stylejax train --config RECIPE" in error
    assert f"run_dir is {trained_copy}" in error


def test_metrics_of_other_vectors_are_refused_by_the_report(
    trained_copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("export", "--checkpoint", trained_copy, "--views", "m,t")  # other vectors, same checkpoint
    error = refused(["report", "--run", trained_copy], capsys)
    assert "metrics.json" in error
    assert "run `stylejax evaluate` again" in error
    run("evaluate", "--run", trained_copy)
    run("report", "--run", trained_copy)
    assert (trained_copy / "report.html").is_file()


@pytest.mark.parametrize(
    ("verb", "file", "fix"),
    [
        ("report", "metrics.json", "run `stylejax evaluate` again"),
        ("report", "mining.json", "mine again"),
        ("evaluate", "vectors/manifest.json", "export again"),
        ("search", "index/index.json", "run `stylejax index` again"),
    ],
)
def test_a_half_written_file_is_named_with_what_makes_it_anew(
    trained_copy: Path, capsys: pytest.CaptureFixture[str], verb: str, file: str, fix: str
) -> None:
    path = trained_copy / file
    path.write_bytes(path.read_bytes()[:20])
    words = [verb, "--run", trained_copy, *(["--text", "mug"] if verb == "search" else [])]
    error = refused(words, capsys)
    assert f"{path} is damaged" in error
    assert fix in error
    path.write_text("[]")
    assert f"{path} holds no JSON object" in refused(words, capsys)
    path.write_text("{}")
    error = refused(words, capsys)
    assert "another version" in error or "no evaluation by splits" in error


def test_what_another_version_wrote_is_named_with_what_makes_it_anew(
    trained_copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = trained_copy / "metrics.json"
    metrics = json.loads(path.read_text())
    del metrics["pairs"]
    path.write_text(json.dumps(metrics))
    error = refused(["report", "--run", trained_copy], capsys)
    assert f"{path} was written by another version of stylejax: it has no pairs" in error
    (trained_copy / "mining.json").write_text('{"funnel": [["events"]]}')
    run("evaluate", "--run", trained_copy)
    assert "mine again" in refused(["report", "--run", trained_copy], capsys)
    (trained_copy / "pairs.parquet").write_text("PAR1")
    assert "run `stylejax mine` again" in refused(["evaluate", "--run", trained_copy], capsys)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("export --checkpoint {empty}", "is no trained run"),
        ("index --vectors {empty}", "run `stylejax export`"),
        ("evaluate --run {empty}", "is no trained run"),
        ("search --run {empty} --text mug", "is no trained run"),
        ("report --run {empty}", "is no trained run"),
        ("search --run {run}", "nothing to search for"),
        ("search --run {run} --text mug --top 0", "--top is 0"),
        ("search --run {run} --image {empty}/no.jpg", "cannot read --image"),
        ("search --run {run} --text mug --index {empty}", "make one with `stylejax index"),
        ("search --run {run} --text mug --catalog {empty}/no.csv", "no.csv"),
        ("export --checkpoint {run} --views m,x", "give some of m, t, i"),
        ("export --checkpoint {run} --catalog {empty}/no.csv", "no.csv"),
        ("export --checkpoint {run} --images {empty}", "--images goes with --catalog"),
        ("evaluate --run {run} --images {empty}", "--images goes with --catalog"),
        ("report --run {run} --catalog {empty}/no.csv --images {empty}/no", "set --images"),
        ("export --checkpoint {run} --data.columns.title name", "goes with --catalog"),
        ("export --checkpoint {run} --data.columns.group name", "goes with --catalog"),
        ("evaluate --run {run} --data.columns.title name", "all but --data.columns.group"),
        (
            "evaluate --run {run} --data.columns.group ''",
            "name the column that holds it",
        ),
        ("search --run {run} --text mug --data.columns.titel name", "--data.columns.title"),
        ("report --run {run} --metrics {empty}/no.json", "run `stylejax evaluate"),
        ("evaluate --run {run} --vectors {empty}", "run `stylejax export`"),
        ("evaluate --run {run} --queries test", "no listing of split 'test'"),
        ("evaluate --run {run} --colour red", "--colour"),
    ],
    ids=lambda value: value if "{" in value else "",
)
def test_what_comes_after_training_says_what_is_missing(
    trained_run: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: str,
    message: str,
) -> None:
    given = [word.format(run=trained_run, empty=tmp_path) for word in shlex.split(words)]
    assert message in refused(given, capsys)


def test_a_file_is_no_place_for_a_catalogue(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "there").write_text("mine")
    told = refused(["simulate", "--out", tmp_path / "there"], capsys)
    assert f"--out {tmp_path / 'there'} is a file; name a folder" in told
    assert (tmp_path / "there").read_text() == "mine"
