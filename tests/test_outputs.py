"""Tests of stylejax/commands/outputs.py, and that verbs ask it before they work."""

from pathlib import Path

import pytest
from verbs import refused

from stylejax.commands.outputs import output_file, output_folder
from stylejax.config import ConfigError


def test_folders_are_made_and_nothing_else_is(tmp_path: Path) -> None:
    assert output_file(tmp_path / "a" / "b" / "page.html", "--out").parent.is_dir()
    assert list((tmp_path / "a" / "b").iterdir()) == []
    assert output_folder(tmp_path / "a" / "c", "--out").is_dir()


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="is a folder; name a file with --html"):
        output_file(tmp_path, "--html")
    for wrong in (tmp_path / "file", tmp_path / "file" / "deeper"):
        with pytest.raises(ConfigError, match=r"cannot write to .*; change --out"):
            output_folder(wrong, "--out")


@pytest.mark.parametrize(
    "words",
    [
        ["evaluate", "--run", "{run}", "--out", "{folder}"],
        ["report", "--run", "{run}", "--out", "{folder}"],
        ["compare", "{run}", "{run}/../run2", "--out", "{folder}"],
        ["search", "--run", "{run}", "--text", "mug", "--html", "{folder}"],
        ["index", "--vectors", "{run}/vectors", "--out", "{file}"],
        ["dedupe", "--run", "{run}", "--threshold", "0.5", "--out", "{file}"],
    ],
)
def test_verbs_refuse_it_before_they_work(
    words: list[str], trained_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    names = {"run": trained_run, "folder": tmp_path, "file": tmp_path / "file"}
    told = refused([word.format(**names) for word in words], capsys)
    assert "is a folder; name a file" in told or "cannot write to" in told
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_threshold_is_a_number(trained_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for wrong in ("nan", "inf"):
        told = refused(["dedupe", "--run", trained_run, "--threshold", wrong], capsys)
        assert f"--threshold is {wrong}; use a number" in told
