"""Tests of train.py: the whole job on a tiny data set."""

import csv
import json
import os
import shutil
import sys
from pathlib import Path

import jax
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tiny
import verbs

import train
from input_pipeline.pictures import write_quarantine
from stylejax.config import Config, ConfigError, FurtherData
from stylejax.training.checkpoint import Checkpoints
from stylejax.training.lock import only_training
from stylejax.training.mesh import make_mesh
from stylejax.training.meter import TIMED
from stylejax.training.record import read_record
from stylejax.training.restore import load_encoder
from stylejax.training.run_folder import newest_step

MATCHING = {"matching": ("m-m",), "distinctiveness": (), "consistency": ()}  # quick to compile


def config(root: Path, run_dir: Path, **sections) -> Config:
    return tiny.config(root, run_dir, **({"loss": MATCHING} | sections))


def prepared(root: Path, run_dir: Path, **sections) -> Config:
    options = config(root, run_dir, **sections)
    tiny.mine_run(options)
    return options


def weights(run_dir: Path) -> dict[str, np.ndarray]:
    return jax.device_get(load_encoder(run_dir, make_mesh(1)).parameters)


def equal(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    return set(a) == set(b) and all(np.array_equal(a[name], b[name]) for name in a)


def of_training(run_dir: Path) -> list[dict[str, float]]:
    lines = [line for line in read_record(run_dir) if "loss" in line]
    return [{name: x for name, x in line.items() if name not in TIMED} for line in lines]


@pytest.fixture(scope="module")
def straight(data_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six steps in one go. Read only."""
    options = prepared(data_root, tmp_path_factory.mktemp("runs") / "straight")
    train.run(options)
    return Path(options.run_dir)


def test_a_run_is_evaluated_with_the_truth(straight: Path) -> None:
    (line,) = [line for line in read_record(straight) if "loss" not in line]
    assert line["step"] == 6
    expected = {f"retrieval/{d}/{m}" for d in ("m-m", "i-i", "t-t") for m in ("recall@1", "map@r")}
    assert set(line) == {"step"} | expected
    assert all(0 <= line[name] <= 1 for name in expected)
    assert not (straight / "quarantine.csv").exists()


def test_without_the_truth_pairs_and_weights_are_the_same_bit_for_bit(
    straight: Path, data_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The true product is for evaluation only: mining and training cannot see it."""
    root = tmp_path / "blind"
    shutil.copytree(data_root, root)
    rows = [
        {key: value for key, value in row.items() if key != "group"}
        for row in tiny.catalogue_rows()
    ]
    tiny.write_csv(root / "catalogue.csv", rows)
    train.run(prepared(root, tmp_path / "run"))
    blind = tmp_path / "run"
    assert (blind / "pairs.parquet").read_bytes() == (straight / "pairs.parquet").read_bytes()
    assert equal(weights(blind), weights(straight))
    assert of_training(blind) == of_training(straight)
    # Nothing to judge by: no error, but a word.
    assert all("loss" in line for line in read_record(blind))
    assert "catalogue.csv has no column 'group' of true products" in capsys.readouterr().err


def test_another_truth_changes_nothing_but_the_evaluation(
    straight: Path, data_root: Path, tmp_path: Path
) -> None:
    root = tmp_path / "other"
    shutil.copytree(data_root, root)
    rows = tiny.catalogue_rows()
    for number, row in enumerate(rows):
        row["group"] = f"P{number % 5}"
    tiny.write_csv(root / "catalogue.csv", rows)
    train.run(prepared(root, tmp_path / "run"))
    assert equal(weights(tmp_path / "run"), weights(straight))
    assert of_training(tmp_path / "run") == of_training(straight)
    assert read_record(tmp_path / "run") != read_record(straight)


def test_a_resumed_run_equals_a_straight_one(
    straight: Path, data_root: Path, tmp_path: Path
) -> None:
    run_dir = tmp_path / "run"
    shutil.copytree(straight, run_dir)
    shutil.rmtree(run_dir / "checkpoints" / "6")
    # What a process that was killed while it saved leaves behind.
    half = run_dir / "checkpoints" / "6.orbax-checkpoint-tmp"
    shutil.copytree(run_dir / "checkpoints" / "3" / "encoder", half / "encoder")
    assert Checkpoints(run_dir).latest() == 3
    train.run(config(data_root, run_dir), train.GoingOn(resume=True))
    assert equal(weights(run_dir), weights(straight))
    assert of_training(run_dir) == of_training(straight)
    judged = [
        [line for line in read_record(of) if "loss" not in line] for of in (run_dir, straight)
    ]
    assert judged[0] == judged[1]


def test_restart_starts_anew_and_nothing_else_overwrites(
    straight: Path, data_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_dir = tmp_path / "run"
    shutil.copytree(straight, run_dir)
    with pytest.raises(ConfigError, match="already holds step 6"):
        train.run(config(data_root, run_dir))
    other = config(data_root, run_dir, training={"steps": 4, "save_every": 2})
    with pytest.raises(ConfigError, match=r"training\.steps: 6 -> 4"):
        train.run(other, train.GoingOn(resume=True))
    assert Checkpoints(run_dir).latest() == 6
    (run_dir / "index").mkdir()
    (run_dir / "report.html").touch()
    assert "removing" not in capsys.readouterr().err
    train.run(other, train.GoingOn(restart=True))
    told = f"removing the earlier run's checkpoints, index and report from {run_dir}\n"
    assert told in capsys.readouterr().err
    assert not (run_dir / "index").exists()
    assert not (run_dir / "report.html").exists()
    assert Checkpoints(run_dir).latest() == 4
    assert max(line["step"] for line in read_record(run_dir)) == 4


def test_a_training_elsewhere_in_the_folder_is_left_alone(
    straight: Path, data_root: Path, tmp_path: Path
) -> None:
    shutil.copytree(straight, tmp_path / "run")
    with (
        only_training(tmp_path / "run"),
        pytest.raises(ConfigError, match=rf"a training is running in .* \(process {os.getpid()}\)"),
    ):
        train.run(config(data_root, tmp_path / "run"), train.GoingOn(restart=True))
    assert Checkpoints(tmp_path / "run").latest() == 6


def test_a_finished_run_is_not_resumed(
    straight: Path, data_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train.run(config(data_root, straight), train.GoingOn(resume=True))
    assert "already finished: 6 steps" in capsys.readouterr().out


def test_settings_change_on_the_way_only_where_they_are_overridden(
    straight: Path, data_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_dir = tmp_path / "run"
    shutil.copytree(straight, run_dir)
    longer = config(data_root, run_dir, training={"steps": 8, "learning_rate": 0.5})
    with pytest.raises(ConfigError, match=r"steps: 6 -> 8; .*rate: 0.003 -> 0.5.*--override"):
        train.run(longer, train.GoingOn(resume=True))
    train.run(longer, train.GoingOn(resume=True, overriding=True))
    assert "going on with training.steps: 6 -> 8; training.learning_rate" in capsys.readouterr().err
    assert newest_step(run_dir) == 8
    assert tiny.run_config(run_dir) == longer
    wider = config(data_root, run_dir, training={"steps": 8}, encoder={"dim": 16})
    with pytest.raises(ConfigError, match=r"is finished: after step 8 .* encoder\.dim: 8 -> 16"):
        train.run(wider, train.GoingOn(resume=True, overriding=True))
    assert "--override goes with --resume" in verbs.refused(
        ["train", "--config", tiny.write_recipe(tmp_path / "r.py", longer), "--override"], capsys
    )


def test_a_dry_run_tells_and_writes_nothing(
    data_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = config(data_root, tmp_path / "run", mesh={"data": 2})
    path = tiny.write_recipe(tmp_path / "recipe.py", options)
    verbs.run("train", "--config", path, "--training.steps", "9", "--dry-run")
    printed = capsys.readouterr().out
    assert '"steps": 9,' in printed
    assert "weights     all" in printed
    assert not (tmp_path / "run").exists()


def test_a_dry_run_asks_for_the_data(
    data_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tiny.write_recipe(tmp_path / "recipe.py", config(tmp_path / "nowhere", tmp_path / "run"))
    assert "nowhere; --data.root must hold" in verbs.refused(
        ["train", "--config", path, "--dry-run"], capsys
    )
    more = FurtherData(config(tmp_path / "other", "").data, str(tmp_path / "p.parquet"))
    options = config(data_root, tmp_path / "run", sampling={"further": (more,)})
    path = tiny.write_recipe(tmp_path / "recipe.py", options)
    assert "other; --data.root must hold" in verbs.refused(
        ["train", "--config", path, "--dry-run"], capsys
    )


def test_a_finished_run_whose_last_checkpoint_is_damaged_makes_it_again(
    data_root: Path, tmp_path: Path, straight: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = prepared(data_root, tmp_path)
    for name in ("checkpoints", "tokenizer.json", "config.json", "metrics.jsonl"):
        copy = shutil.copytree if (straight / name).is_dir() else shutil.copy
        copy(straight / name, tmp_path / name)
    (tmp_path / "checkpoints" / "6" / "_CHECKPOINT_METADATA").write_text("{")
    train.run(options, train.GoingOn(resume=True))
    told = capsys.readouterr()
    assert "already finished" not in told.out
    assert "the checkpoint of step 6 cannot be read" in told.err
    assert equal(weights(tmp_path), weights(straight))


def test_a_run_is_not_resumed_on_other_pictures_or_categories(
    straight: Path, data_root: Path, tmp_path: Path
) -> None:
    run_dir, root = tmp_path / "run", tmp_path / "data"
    shutil.copytree(straight, run_dir)
    shutil.rmtree(run_dir / "checkpoints" / "6")
    shutil.copytree(data_root, root)
    rows = tiny.catalogue_rows()
    shifted = [
        row | {"image": other["image"]}
        for row, other in zip(rows, rows[1:] + rows[:1], strict=True)
    ]
    moved = [row | {"category_path": "Home"} for row in rows]
    for changed in (shifted, moved):
        tiny.write_csv(root / "catalogue.csv", changed)
        with pytest.raises(ConfigError, match=r"catalogue changed; .* categories, splits and pic"):
            train.run(config(root, run_dir), train.GoingOn(resume=True))


@pytest.mark.parametrize("fault", ["no pairs", "no data"])
def test_restart_drops_nothing_before_the_new_run_can_start(
    straight: Path, data_root: Path, tmp_path: Path, fault: str
) -> None:
    run_dir = tmp_path / "run"
    shutil.copytree(straight, run_dir)
    if fault == "no pairs":
        (run_dir / "pairs.parquet").unlink()
    root = data_root if fault == "no pairs" else tmp_path / "nowhere"
    with pytest.raises(ConfigError):
        train.run(config(root, run_dir), train.GoingOn(restart=True))
    assert (run_dir / "checkpoints" / "6").is_dir()


@pytest.mark.parametrize(
    ("sections", "profile", "told"),
    [
        ({}, "20", "--profile 20 is no window"),
        ({"training": {"wandb": "mugs"}}, "", "training.wandb"),
        (
            {"training": {"best": "retrieval/m-m/map@r", "evaluate_every": 2}},
            "",
            "but nothing is evaluated",
        ),
        (
            {"training": {"best": "retrieval/m-m/map@r", "evaluate_every": 0}},
            "",
            r"evaluate_every is 0: .* Set --training\.evaluate-every",
        ),
    ],
    ids=["profile", "board", "best", "of one"],
)
def test_restart_drops_nothing_that_a_wrong_option_then_needs(
    straight: Path,
    data_root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    sections: dict,
    profile: str,
    told: str,
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    run_dir, root = tmp_path / "run", data_root
    shutil.copytree(straight, run_dir)
    if "best" in sections.get("training", {}):  # where there is no truth to judge by
        root = tmp_path / "blind"
        shutil.copytree(data_root, root)
        rows = [{k: v for k, v in row.items() if k != "group"} for row in tiny.catalogue_rows()]
        tiny.write_csv(root / "catalogue.csv", rows)
    with pytest.raises(ConfigError, match=told):
        train.run(config(root, run_dir, **sections), train.GoingOn(restart=True), profile=profile)
    assert (run_dir / "checkpoints" / "6").is_dir()


def test_a_split_that_is_not_there_is_named_before_training(
    data_root: Path, tmp_path: Path
) -> None:
    options = prepared(data_root, tmp_path / "run", evaluation={"query_split": "test"})
    with pytest.raises(
        ConfigError, match=r"'test'; there are \['train', 'val'\]: set --evaluation\.query-split"
    ):
        train.run(options)
    assert read_record(tmp_path / "run") == []


def test_devices_that_do_not_divide_the_batch_are_named(data_root: Path, tmp_path: Path) -> None:
    options = prepared(data_root, tmp_path / "run", training={"batch_size": 6})
    with pytest.raises(ConfigError, match=r"training\.batch_size 6 .* 8 devices"):
        train.run(options)


def test_unreadable_pictures_are_named_and_the_run_goes_on(
    data_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "data"
    shutil.copytree(data_root, root)
    truncated = root / "images" / "L08.jpg"
    truncated.write_bytes(truncated.read_bytes()[:300])
    (root / "images" / "L17.jpg").write_text("<html>404</html>")
    (root / "images" / "L03.jpg").unlink()  # of split val: read by the evaluation alone
    options = prepared(root, tmp_path / "run")
    # Of an attempt that was over before its first checkpoint.
    write_quarantine({"L99": ("gone.jpg", "gone")}, tmp_path / "run" / "quarantine.csv")
    train.run(options)
    assert Checkpoints(tmp_path / "run").latest() == 6
    assert "3 pictures could not be read" in capsys.readouterr().err
    with pytest.raises(ConfigError, match="already holds step 6"):
        train.run(options)  # which keeps what is there
    with (tmp_path / "run" / "quarantine.csv").open(newline="") as file:
        rows = {row["item_id"]: row for row in csv.DictReader(file)}
    assert set(rows) == {"L03", "L08", "L17"}
    assert rows["L08"]["image"] == "images/L08.jpg"
    assert "truncated" in rows["L08"]["reason"].lower()
    assert rows["L03"]["reason"] == "No such file or directory"


def test_a_second_data_set_is_mixed_in(data_root: Path, tmp_path: Path) -> None:
    other = prepared(data_root, tmp_path / "other")
    more = FurtherData(other.data, str(tmp_path / "other" / "pairs.parquet"), rate=0.25)
    options = prepared(data_root, tmp_path / "run", sampling={"further": (more,)})
    train.run(options)
    assert Checkpoints(tmp_path / "run").latest() == 6
    assert load_encoder(tmp_path / "run", make_mesh(1)).config.sampling.further == (more,)
    # It counts as data: a run goes on with the same only.
    shutil.rmtree(tmp_path / "run" / "checkpoints" / "6")
    pq.write_table(pq.read_table(more.pairs).slice(1), more.pairs)
    with pytest.raises(ConfigError, match="trained on other data: pairs changed"):
        train.run(options, train.GoingOn(resume=True))


def test_hard_negatives_change_what_is_trained_on_and_count_as_data(
    straight: Path, data_root: Path, tmp_path: Path
) -> None:
    mugs = [(f"L{a:02d}", f"L{b:02d}") for a in range(3) for b in (4, 6, 8, 9)]
    left, right = zip(*mugs, strict=True)
    path = tmp_path / "hard.parquet"
    pq.write_table(pa.table({"left_id": left, "right_id": right}), path)
    sampling = {"negatives": (str(path),), "hard_share": 0.5}
    options = prepared(data_root, tmp_path / "run", sampling=sampling)
    train.run(options)
    assert not equal(weights(tmp_path / "run"), weights(straight))
    shutil.rmtree(tmp_path / "run" / "checkpoints" / "6")
    pq.write_table(pa.table({"left_id": left[1:], "right_id": right[1:]}), path)
    with pytest.raises(ConfigError, match=r"negatives changed; give back the files of sampling\."):
        train.run(options, train.GoingOn(resume=True))
    path.unlink()
    with pytest.raises(ConfigError, match=r"sampling\.negatives: cannot read .*hard\.parquet"):
        train.run(options, train.GoingOn(resume=True))


def test_further_photos_and_a_template_are_trained_on(data_root: Path, tmp_path: Path) -> None:
    root = tmp_path / "data"
    shutil.copytree(data_root, root)
    rows = [{"item_id": "L10", "image": "images/L00.jpg"}, {"item_id": "L00", "image": "gone.jpg"}]
    tiny.write_csv(root / "photos.csv", rows)
    options = prepared(
        root,
        tmp_path / "run",
        data={"photos": "photos.csv"},
        text={"template": "{title} {category}"},
        picture={"cache_mib": 0},
    )
    train.run(options)
    with (tmp_path / "run" / "quarantine.csv").open(newline="") as file:
        assert [row["item_id"] for row in csv.DictReader(file)] == ["L00 (photo 2)"]
    vocabulary = load_encoder(tmp_path / "run", make_mesh(1)).tokenizer
    assert "hammers" in json.loads(vocabulary)["model"]["vocab"]
