"""Tests of `stylejax export`: jobs that are stopped, checked, and made of an earlier one."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny
from export_jobs import contents
from hosts import two_hosts
from verbs import refused, run

from stylejax.retrieval.vectors import read_vectors


@pytest.fixture(scope="module")
def whole(trained_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export of four shards."""
    out = tmp_path_factory.mktemp("whole") / "vectors"
    run("export", "--checkpoint", trained_run, "--out", out, "--shard-listings", "9")
    return out


def test_it_goes_on_where_it_was_stopped(
    trained_run: Path, whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "vectors"
    shutil.copytree(whole, out)
    (out / "manifest.json").unlink()
    (out / "part-00002.json").unlink()
    (out / "part-00001.parquet").write_bytes(b"half")
    words = ["export", "--checkpoint", trained_run, "--out", out, "--shard-listings", "9"]
    run(*words)
    assert "2 of 4 shards before this start" in capsys.readouterr().out
    assert contents(out) == contents(whole)
    run(*words)
    assert "4 of 4 shards before this start" in capsys.readouterr().out


def test_shards_hold_what_one_does(trained_run: Path, whole: Path) -> None:
    cut, one = read_vectors(whole), read_vectors(trained_run / "vectors")
    assert len(json.loads((whole / "manifest.json").read_text())["files"]) == 4
    assert cut.item_id == one.item_id
    for view in "mti":
        np.testing.assert_allclose(cut.vectors[view], one.vectors[view], atol=1e-6)


def test_it_is_verified(
    trained_run: Path, whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["export", "--checkpoint", trained_run, "--verify", "--out"]
    run(*words, whole)
    assert "(m 32, t 31, i 31; 32 listings in 4 shards)" in capsys.readouterr().out
    shutil.copytree(whole, tmp_path / "v")
    (tmp_path / "v" / "part-00003.parquet").unlink()
    assert "part-00003.parquet is missing" in refused([*words, tmp_path / "v"], capsys)
    assert "no vectors in" in refused([*words, tmp_path / "none"], capsys)
    for option, value in (("--dtype", "int8"), ("--shard-listings", "9"), ("--since", whole)):
        told = refused([*words, whole, option, value], capsys)
        assert f"{option} says how vectors are made, but --verify" in told


def test_titles_alone_need_no_pictures(trained_run: Path, whole: Path, tmp_path: Path) -> None:
    """The table stands alone in a folder: none of its pictures is there."""
    table = tiny.write_csv(tmp_path / "catalogue.csv", tiny.catalogue_rows())
    out = tmp_path / "vectors"
    run("export", "--checkpoint", trained_run, "--catalog", table, "--views", "t", "--out", out)
    assert not (out / "quarantine.csv").exists()
    titles, every = read_vectors(out), read_vectors(whole)
    known = dict(zip(every.item_id, every.vectors["t"], strict=True))
    for item, vector in zip(titles.item_id, titles.vectors["t"], strict=True):
        np.testing.assert_allclose(vector, known[item], atol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "int8"])
def test_fewer_bits_serve_as_well(
    trained_run: Path, whole: Path, tmp_path: Path, dtype: str
) -> None:
    run("export", "--checkpoint", trained_run, "--out", tmp_path / "v", "--dtype", dtype)
    few, many = read_vectors(tmp_path / "v"), read_vectors(whole)
    assert few.item_id == many.item_id
    for view in "mti":
        assert np.array_equal(few.present[view], many.present[view])
        np.testing.assert_allclose(few.vectors[view], many.vectors[view], atol=0.02)
    run("index", "--vectors", tmp_path / "v", "--out", tmp_path / "index", "--engine", "exact")


def test_only_what_is_new_is_encoded(
    trained_run: Path,
    data_root: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = tiny.catalogue_rows()
    given = ["--images", data_root, "--catalog"]
    words = ["export", "--checkpoint", trained_run, *given]
    run(*words, tiny.write_csv(tmp_path / "old.csv", rows[:20]), "--out", tmp_path / "old")
    rows[4]["title"] = "another mug"
    rows[7]["image"] = "images/none.jpg"
    new = tiny.write_csv(tmp_path / "new.csv", rows[1:24])
    capsys.readouterr()
    run(*words, new, "--out", tmp_path / "new", "--since", tmp_path / "old")
    told = capsys.readouterr().out
    assert "is new or changed" not in told
    assert "6 encoded (kept 17, changed 2, added 4, gone 1)" in told
    assert "1 pictures could not be read" in told
    run(*words, tmp_path / "old.csv", "--out", tmp_path / "same", "--since", tmp_path / "old")
    assert f"! no listing is new or changed since {tmp_path / 'old'}" in capsys.readouterr().out
    run(*words, new, "--out", tmp_path / "fresh")
    made, fresh = read_vectors(tmp_path / "new"), read_vectors(tmp_path / "fresh")
    assert made.item_id == fresh.item_id
    for view in "mti":
        np.testing.assert_allclose(made.vectors[view], fresh.vectors[view], atol=1e-6)
    same = [*words, new, "--out", tmp_path / "old", "--since", tmp_path / "old"]
    assert "which is written anew; choose another --out" in refused(same, capsys)
    other = [*words, new, "--out", tmp_path / "v", "--since", tmp_path / "old", "--dtype", "int8"]
    assert "has dtype 'float32', but this export 'int8'" in refused(other, capsys)


def test_settings_that_cannot_be_are_refused(
    trained_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["export", "--checkpoint", trained_run, "--out", tmp_path / "v"]
    assert "--shard-listings is 0" in refused([*words, "--shard-listings", "0"], capsys)
    assert not (tmp_path / "v").exists()


def test_two_hosts_share_the_work(trained_run: Path, whole: Path, tmp_path: Path) -> None:
    """Two processes, started as a launcher would, write one export."""
    out = tmp_path / "vectors"
    words = ["export", "--checkpoint", trained_run, "--out", out, "--shard-listings", "9"]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", "from stylejax.cli import main; main()", *map(str, words)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for environment in two_hosts(devices=2)
    ]
    try:
        told = [process.communicate(timeout=180) for process in processes]
    finally:
        for process in processes:
            process.kill()
    for process, (_, error) in zip(processes, told, strict=True):
        assert process.returncode == 0, error
    assert any("vectors    " in out and "m 32" in out for out, _ in told)
    assert all("18 listings in" in error or "14 listings in" in error for _, error in told)
    made, one = read_vectors(out), read_vectors(whole)
    assert made.item_id == one.item_id
    for view in "mti":
        np.testing.assert_allclose(made.vectors[view], one.vectors[view], atol=1e-6)


def test_what_is_replaced_is_told(
    trained_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["export", "--checkpoint", trained_run, "--views", "t", "--out", tmp_path / "v"]
    run(*words, "--dtype", "int8")
    assert "replacing" not in capsys.readouterr().out
    run(*words, "--dtype", "float16")
    assert f"replacing  the export in {tmp_path / 'v'}: dtype int8 -> float16" in (
        capsys.readouterr().out
    )
    run(*words, "--dtype", "float16")
    assert "replacing" not in capsys.readouterr().out
    whole = contents(tmp_path / "v")
    (tmp_path / "v" / "manifest.json").write_text("{")
    run(*words, "--dtype", "float16")
    assert contents(tmp_path / "v") == whole
