"""Tests of stylejax/retrieval/export/finish.py."""

from dataclasses import asdict
from pathlib import Path

import pytest
from export_jobs import ORIGIN, TitleEncoder, contents, cut, exported, job, titles

from stylejax.config import ConfigError
from stylejax.retrieval.export.finish import finish
from stylejax.retrieval.export.run import export
from stylejax.retrieval.manifest import read_manifest


def test_the_manifest_says_what_there_is_and_who_made_it(tmp_path: Path) -> None:
    manifest = exported(cut(titles(20), 8), tmp_path, views=["t", "i"], dtype="float16")
    assert manifest == read_manifest(tmp_path)
    assert asdict(ORIGIN).items() <= manifest.items()
    assert (manifest["dtype"], manifest["dim"], manifest["views"]) == ("float16", 6, ["t", "i"])
    assert [entry["listings"] for entry in manifest["files"]] == [8, 8, 4]
    assert "since" not in manifest


def test_hosts_share_the_shards_and_the_last_one_completes(tmp_path: Path) -> None:
    shards = cut(titles(36), 8)
    what = job(shards)
    for host in (1, 0, 2):
        export(TitleEncoder(), shards[host::3], what, tmp_path / "v", 12)
        assert (finish(what, tmp_path / "v") is None) == (host != 2)
    exported(shards, tmp_path / "alone")
    assert contents(tmp_path / "v") == contents(tmp_path / "alone")


@pytest.mark.parametrize("damaged", ["{", "[]"])
def test_a_damaged_manifest_is_written_anew(tmp_path: Path, damaged: str) -> None:
    exported(cut(titles(20), 8), tmp_path)
    whole = contents(tmp_path)
    (tmp_path / "manifest.json").write_text(damaged)
    exported(cut(titles(20), 8), tmp_path)
    assert contents(tmp_path) == whole


def test_an_export_of_nothing_is_refused(tmp_path: Path) -> None:
    exported(cut(titles(6), 4), tmp_path)
    bare = cut({f"item {n}": "" for n in range(6)}, 4)
    with pytest.raises(ConfigError, match=r"none of 6 listings has anything to encode .* views t,"):
        exported(bare, tmp_path, views=["t"])
    assert not (tmp_path / "manifest.json").exists()


def test_what_an_earlier_export_left_is_removed(tmp_path: Path) -> None:
    exported(cut(titles(20), 2), tmp_path)
    (tmp_path / "part-00003.parquet.partial").write_text("")
    (tmp_path / "mine.txt").write_text("kept")
    exported(cut(titles(6), 2), tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    parts = {f"part-{n:05d}.{kind}" for n in range(3) for kind in ("parquet", "json")}
    lists = {f"listings-{n:05d}.parquet" for n in range(3)}
    assert names == {*parts, *lists, "manifest.json", "mine.txt"}


def test_unreadable_pictures_are_counted_over_all_shards(tmp_path: Path) -> None:
    shards = cut(titles(12), 4)
    shards[0].quarantine["item 1"] = ("1.jpg", "empty")
    shards[2].quarantine["item 9"] = ("9.jpg", "truncated")
    export(TitleEncoder(), shards, job(shards), tmp_path, 12)
    ended = finish(job(shards), tmp_path)
    assert ended is not None
    manifest, quarantine = ended
    assert manifest["unreadable_pictures"] == 2
    assert quarantine == {"item 1": ("1.jpg", "empty"), "item 9": ("9.jpg", "truncated")}


@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_shards_of_another_job_do_not_complete_it(tmp_path: Path, dtype: str) -> None:
    shards = cut(titles(12), 4)
    exported(shards, tmp_path, dtype=dtype)
    assert finish(job(shards, dtype="float16"), tmp_path) is None
