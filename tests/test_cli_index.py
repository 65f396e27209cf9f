"""Tests of `stylejax index`, and of searching what it made."""

import json
from pathlib import Path

import pytest
from verbs import refused, run

from stylejax.retrieval.index import build
from stylejax.retrieval.index.tree import scann_is_here


def test_parts_find_what_one_does(
    trained_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    vectors, shards = trained_run / "vectors", tmp_path / "vectors"
    run("export", "--checkpoint", trained_run, "--out", shards, "--shard-listings", "9")
    words = ["search", "--run", trained_run, "--text", "red mug", "--top", "5", "--index"]
    told = []
    for source, options in ((vectors, []), (shards, ["--part-vectors", "10"])):
        out = tmp_path / f"index of {source.parent.name}"
        run("index", "--vectors", source, "--out", out, "--engine", "exact", *options)
        assert "32 vectors of view m, exact search" in capsys.readouterr().out
        run(*words, out)
        told.append(capsys.readouterr().out)
        parts = json.loads((out / "index.json").read_text())["parts"]
        assert len(parts) == (2 if options else 1)
    assert told[0] == told[1]
    assert len(told[0].splitlines()) == 5


def test_a_category_is_searched(trained_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["search", "--run", trained_run, "--text", "red mug", "--top", "40", "--category"]
    run(*words, "Tools")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 12
    assert all("Tools" in line for line in lines)
    run(*words, "home > plates")
    assert len(capsys.readouterr().out.splitlines()) == 8
    error = refused([*words, "Garden"], capsys)
    assert "no listing in category 'Garden'; there are 'Home > Mugs'" in error


@pytest.mark.skipif(
    not scann_is_here(), reason="ScaNN is not installed; it has wheels for Linux on x86-64 only"
)
def test_what_a_tree_finds_is_told(
    trained_run: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(build, "FEW", 20)
    out = tmp_path / "index"
    run("index", "--vectors", trained_run / "vectors", "--out", out, "--recall", "0.9")
    told = capsys.readouterr().out
    assert "32 vectors: " in told
    assert "of 11 leaves searched" in told
    assert "of 47 queries" in told  # half of 32 vectors of view m, 31 of t and 31 of i
    assert "32 vectors of view m, scann" in told
    run("search", "--run", trained_run, "--text", "red mug", "--index", out)
    assert len(capsys.readouterr().out.splitlines()) == 10


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [("--recall", "1.5", "--recall is 1.5"), ("--part-vectors", "0", "--part-vectors is 0")],
)
def test_settings_that_cannot_be_are_refused(
    trained_run: Path, capsys: pytest.CaptureFixture[str], option: str, value: str, told: str
) -> None:
    assert told in refused(["index", "--vectors", trained_run / "vectors", option, value], capsys)
