"""Tests of stylejax/retrieval/export/run.py."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from export_jobs import (
    DIM,
    Listings,
    TitleEncoder,
    contents,
    cut,
    exported,
    job,
    titles,
    vector,
)

from stylejax.config import ConfigError
from stylejax.retrieval.export.run import export
from stylejax.retrieval.vectors import read_vectors

KILLS = 12
PROGRAM = Path(__file__).with_name("killed_export.py")


@pytest.mark.parametrize("size", [1, 4, 5, 100])
def test_every_listing_has_its_vectors_whatever_the_shards(tmp_path: Path, size: int) -> None:
    listings = titles(22)
    manifest = exported(cut(listings, size), tmp_path)
    assert manifest["vectors"] == {"m": 22, "t": 21, "i": 22}
    assert manifest["listings"] == manifest["encoded"] == 22
    assert len(manifest["files"]) == -(-22 // size)
    found = read_vectors(tmp_path)
    assert sorted(found.item_id) == sorted(listings)
    for row, item in enumerate(found.item_id):
        for view in "mti":
            there = bool(listings[item]) or view != "t"
            assert found.present[view][row] == there
            expected = vector(int(listings[item] or -1), view) if there else np.zeros(DIM)
            np.testing.assert_array_equal(found.vectors[view][row], expected)


def test_a_prefix_is_cut_to_length_1_again(tmp_path: Path) -> None:
    exported(cut(titles(9), 4), tmp_path, dim=2)
    found = read_vectors(tmp_path)
    whole = vector(0, "m")[:2]
    np.testing.assert_allclose(found.vectors["m"][0], whole / np.linalg.norm(whole), atol=1e-6)


def test_longer_vectors_than_there_are_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a prefix of 9 numbers, but vectors have 6"):
        exported(cut(titles(9), 4), tmp_path, dim=9)


def test_progress_counts_listings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exported(cut(titles(10), 4), tmp_path)
    assert "10 listings in" in capsys.readouterr().err  # without what fills up a batch


class BreaksOff(TitleEncoder):
    """Encodes so many listings and no more."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most

    def encode(self, batches, views) -> Iterator:
        for batch in super().encode(batches, views):
            if self.encoded > self.most:
                raise RuntimeError("broken off")
            yield batch


def test_what_was_done_stays_done(tmp_path: Path) -> None:
    shards = cut(titles(40), 8)
    exported(shards, tmp_path / "whole")
    with pytest.raises(RuntimeError, match="broken off"):
        export(BreaksOff(27), shards, job(shards), tmp_path / "v", 40)
    assert not (tmp_path / "v" / "manifest.json").exists()
    with pytest.raises(ConfigError, match=r"is not finished \([23] shards are done\); go on with"):
        read_vectors(tmp_path / "v")
    encoder = TitleEncoder()
    assert export(encoder, shards, job(shards), tmp_path / "v", 40) in (2, 3)
    assert encoder.encoded <= 24
    exported(shards, tmp_path / "v")
    assert contents(tmp_path / "v") == contents(tmp_path / "whole")


def test_a_finished_export_is_not_touched(tmp_path: Path) -> None:
    shards = cut(titles(20), 8)
    exported(shards, tmp_path)
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    encoder = TitleEncoder()
    assert export(encoder, shards, job(shards), tmp_path, 20) == 3
    exported(shards, tmp_path)
    assert encoder.encoded == 0
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("fault", ["changed", "missing", "cut", "no note", "half a note"])
def test_a_damaged_shard_is_done_again(tmp_path: Path, fault: str) -> None:
    shards = cut(titles(20), 8)
    exported(shards, tmp_path)
    whole = contents(tmp_path)
    path = tmp_path / ("part-00001.json" if "note" in fault else "part-00001.parquet")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    if fault in ("missing", "no note"):
        path.unlink()
    else:
        path.write_bytes(content if fault == "changed" else content[: len(content) // 2])
    encoder = TitleEncoder()
    assert export(encoder, shards, job(shards), tmp_path, 20) == 2
    assert encoder.encoded == 8
    exported(shards, tmp_path)
    assert contents(tmp_path) == whole


@pytest.mark.parametrize("changed", ["title", "shards", "dtype", "views", "dim", "checkpoint"])
def test_shards_of_another_job_or_of_changed_listings_are_done_again(
    tmp_path: Path, changed: str
) -> None:
    listings, size, options = titles(20), 8, {}
    exported(cut(listings, size), tmp_path)
    if changed == "title":
        listings["item 9"] = "77"
    elif changed == "shards":
        size = 10
    elif changed == "checkpoint":
        origin = job(cut(listings, size)).origin
        options["origin"] = type(origin)(origin.run, origin.step + 1, origin.config, "other")
    else:
        options |= {"dtype": {"dtype": "int8"}, "views": {"views": ["m"]}, "dim": {"dim": 3}}[
            changed
        ]
    shards = cut(listings, size)
    what = job(shards, **options)
    encoder = TitleEncoder(what.origin)
    assert export(encoder, shards, what, tmp_path, 20) == (2 if changed == "title" else 0)
    exported(shards, tmp_path, **options)
    fresh = tmp_path.parent / f"{tmp_path.name}-fresh"
    exported(shards, fresh, **options)
    assert contents(tmp_path) == contents(fresh)


def test_memory_stays_at_a_few_shards(tmp_path: Path) -> None:
    """A shard's batches are asked for while at most two before it are not yet on the disk."""
    shards, seen = cut(titles(80), 8), []

    class Watched(TitleEncoder):
        def encode(self, batches, views) -> Iterator:
            for number, batch in enumerate(super().encode(batches, views)):
                seen.append(number // 2 - len(list(tmp_path.glob("part-*.json"))))
                yield batch

    export(Watched(), shards, job(shards), tmp_path, 80)
    assert len(seen) == 20
    assert max(seen) <= 2


def test_the_encoder_goes_on_while_a_shard_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stylejax.retrieval.export import run

    going, real = threading.Event(), run.write_shard

    def slow(folder, identity, vectors, shard, **known) -> None:
        if shard.number == 0:
            assert going.wait(30), "the encoder waits for the disk"
        real(folder, identity, vectors, shard, **known)

    class Watched(TitleEncoder):
        def encode(self, batches, views) -> Iterator:
            for batch in super().encode(batches, views):
                if self.encoded > 8:
                    going.set()
                yield batch

    monkeypatch.setattr(run, "write_shard", slow)
    shards = cut(titles(24), 8)
    export(Watched(), shards, job(shards), tmp_path, 24)
    assert len(list(tmp_path.glob("part-*.json"))) == 3


def test_what_cannot_be_written_ends_the_export(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stylejax.retrieval.export import files

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    shards = cut(titles(20), 8)
    monkeypatch.setattr(files.pq, "write_table", full)
    with pytest.raises(ConfigError, match=r"No space left on device; make room .* stay done"):
        exported(shards, tmp_path / "v")
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"cannot be written to .*file"):
        exported(shards, tmp_path / "file")


def test_pictures_that_could_not_be_read_are_named_and_tried_again(tmp_path: Path) -> None:
    shards = cut(titles(12), 6)
    shards[1].quarantine["item 8"] = ("8.jpg", "truncated")
    exported(shards, tmp_path)
    note = json.loads((tmp_path / "part-00001.json").read_text())
    assert note["quarantine"] == {"item 8": ["8.jpg", "truncated"]}


def test_killed_again_and_again_it_ends_with_the_same_bytes(tmp_path: Path) -> None:
    """A process of its own, killed with SIGKILL at random moments."""

    def start(folder: Path) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, str(PROGRAM), str(folder)],
            stderr=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
        )

    def until_it_writes(process: subprocess.Popen, folder: Path) -> float:
        began = time.monotonic()
        while process.poll() is None and not folder.exists():
            time.sleep(0.005)
        return time.monotonic() - began

    process = start(tmp_path / "whole")
    until_it_writes(process, tmp_path / "whole")
    began = time.monotonic()
    assert process.wait() == 0, process.communicate()[1]
    takes, whole = time.monotonic() - began, contents(tmp_path / "whole")

    rng, folder, killed = np.random.default_rng(0), tmp_path / "killed", 0
    while killed < KILLS:
        process = start(folder)
        until_it_writes(process, folder)
        try:
            process.wait(rng.uniform(0, 0.6) * takes)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            killed += 1
            continue
        assert process.returncode == 0, process.communicate()[1]
        assert contents(folder) == whole
        shutil.rmtree(folder)
    process = start(folder)
    assert process.wait() == 0, process.communicate()[1]
    assert contents(folder) == whole


def test_a_shard_whose_listings_are_all_kept_or_empty_is_written(tmp_path: Path) -> None:
    shards = [Listings(0, {"a": ""}), Listings(1, {"b": "1"})]
    manifest = exported(shards, tmp_path, views=["t"])
    assert manifest["vectors"] == {"t": 1}
    assert read_vectors(tmp_path).item_id == ["b"]
