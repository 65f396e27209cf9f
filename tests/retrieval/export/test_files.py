"""Tests of stylejax/retrieval/export/files.py."""

import hashlib
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from export_jobs import Listings, cut, exported, job, titles

from stylejax.retrieval.export.files import _write_table, finished, read_note, remove_others
from stylejax.retrieval.vector_table import vector_table


@pytest.mark.parametrize(
    ("dtype", "stored"), [("float32", "float"), ("float16", "halffloat"), ("int8", "int8")]
)
def test_shards_are_plain_parquet_with_checksums(tmp_path: Path, dtype: str, stored: str) -> None:
    (entry,) = exported(cut(titles(10), 10), tmp_path, dtype=dtype)["files"]
    for file, names in (
        (entry, ["item_id", "view", *["scale"] * (dtype == "int8"), "vector"]),
        (entry["listings_file"], ["item_id", "category_path", "digest"]),
    ):
        path = tmp_path / file["file"]
        assert hashlib.sha256(path.read_bytes()).hexdigest() == file["sha256"]
        assert pq.read_table(path).column_names == names
    table = pq.read_table(tmp_path / entry["file"])
    assert str(table.schema.field("vector").type) == f"fixed_size_list<element: {stored}>[6]"
    assert table.num_rows == 29
    assert table["view"].to_pylist() == ["m"] * 10 + ["t"] * 9 + ["i"] * 10
    assert table["item_id"].to_pylist()[:10] == list(titles(10))


@pytest.mark.parametrize(("dtype", "each"), [("float32", 4), ("float16", 2), ("int8", 1)])
def test_a_number_takes_as_many_bytes_as_it_says(tmp_path: Path, dtype: str, each: int) -> None:
    vectors = np.random.default_rng(0).normal(size=(500, 64)).astype(np.float32)
    table = vector_table([str(n) for n in range(500)], ["m"] * 500, vectors, dtype)
    _write_table(table, tmp_path / "v.parquet", ["item_id", "view"])
    scale = 4 if dtype == "int8" else 0
    assert (tmp_path / "v.parquet").stat().st_size < 500 * (64 * each + scale + 4) + 4_000
    assert pq.read_table(tmp_path / "v.parquet").equals(table)


def test_a_shard_is_done_for_its_job_and_its_listings(tmp_path: Path) -> None:
    (shard,) = shards = cut(titles(10), 10)
    identity = job(shards).identity
    assert not finished(tmp_path, 0, identity, shard.digest)
    exported(shards, tmp_path)
    assert finished(tmp_path, 0, identity, shard.digest)
    assert not finished(tmp_path, 1, identity, shard.digest)
    assert not finished(tmp_path, 0, "another", shard.digest)
    assert not finished(tmp_path, 0, identity, shard.digest[::-1])
    (tmp_path / "listings-00000.parquet").unlink()
    assert not finished(tmp_path, 0, identity, shard.digest)


def test_the_note_counts_what_became_of_the_listings(tmp_path: Path) -> None:
    shards = [Listings(0, titles(5), {"item 2": ("2.jpg", "empty")})]
    exported(shards, tmp_path)
    note = read_note(tmp_path, 0, job(shards).identity)
    assert note is not None
    assert note["entry"]["encoded"] == note["entry"]["listings"] == 5
    assert note["entry"]["vectors"] == {"m": 5, "t": 4, "i": 5}
    listed = pq.read_table(tmp_path / "listings-00000.parquet")
    unknown = [not digest for digest in listed["digest"].to_pylist()]
    assert unknown == [False, False, True, False, False]


def test_only_files_of_exports_are_removed(tmp_path: Path) -> None:
    for name in ("part-00000.json", "part-00004.json", "listings-00001.parquet", "notes.json"):
        (tmp_path / name).write_text("")
    remove_others(tmp_path, 1)
    assert {path.name for path in tmp_path.iterdir()} == {"part-00000.json", "notes.json"}
