"""Tests of stylejax/retrieval/vectors.py."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from stylejax.config import ConfigError
from stylejax.origin import Origin
from stylejax.retrieval.vectors import (
    collect,
    identity,
    prefix,
    read_manifest,
    read_vectors,
    write_vectors,
)

IDS = [f"item {n}" for n in range(10)]
ORIGIN = Origin("grocery", 3, "abc", "ff0")


def encoded(views: str = "mti", sizes: tuple[int, ...] = (4, 4, 2)) -> Iterator:
    """Batches of rows 0, 1, ...; listing 3 has no title, listing 5 no picture."""
    rng = np.random.default_rng(0)
    start = 0
    for size in sizes:
        rows = np.arange(start, start + size)
        present = {"m": np.ones(size, bool), "t": rows != 3, "i": rows != 5}
        vectors = {view: rng.normal(size=(size, 6)).astype(np.float32) for view in views}
        yield rows, vectors, {view: present[view] for view in views}
        start += size


def test_collected_vectors_are_aligned_and_zero_where_absent() -> None:
    batches = list(encoded())
    vectors = collect(batches, IDS)
    assert vectors.item_id == IDS
    assert len(vectors) == 10
    for view in "mti":
        whole = np.concatenate([batch[1][view] for batch in batches])
        present = vectors.present[view]
        assert np.array_equal(vectors.vectors[view][present], whole[present])
        assert not vectors.vectors[view][~present].any()
    assert np.flatnonzero(~vectors.present["t"]).tolist() == [3]
    assert np.flatnonzero(~vectors.present["i"]).tolist() == [5]


@pytest.mark.parametrize("shard", [1, 5, 1000])
def test_an_export_survives_the_disk_bit_for_bit(tmp_path: Path, shard: int) -> None:
    manifest = write_vectors(
        encoded(), IDS, tmp_path / "v", replace(ORIGIN, step=7), shard_listings=shard
    )
    expected, read = collect(encoded(), IDS), read_vectors(tmp_path / "v")
    assert read.item_id == expected.item_id
    for view in "mti":
        assert np.array_equal(read.vectors[view], expected.vectors[view])
        assert read.vectors[view].dtype == np.float32
        assert np.array_equal(read.present[view], expected.present[view])
    assert manifest == read_manifest(tmp_path / "v")
    assert manifest["listings"] == 10
    assert manifest["vectors"] == {"m": 10, "t": 9, "i": 9}
    assert (manifest["dim"], manifest["step"]) == (6, 7)
    assert len(manifest["files"]) == {1: 3, 5: 2, 1000: 1}[shard]
    assert sum(entry["listings"] for entry in manifest["files"]) == 10


def test_shards_are_plain_parquet_with_checksums(tmp_path: Path) -> None:
    manifest = write_vectors(encoded(), IDS, tmp_path, ORIGIN)
    (entry,) = manifest["files"]
    path = tmp_path / entry["file"]
    assert hashlib.sha256(path.read_bytes()).hexdigest() == entry["sha256"]
    table = pq.read_table(path)
    assert table.column_names == ["item_id", "view", "vector"]
    assert str(table.schema.field("vector").type) == "fixed_size_list<element: float>[6]"
    assert table.num_rows == 28


def test_some_views_alone(tmp_path: Path) -> None:
    write_vectors(encoded("t"), IDS, tmp_path, ORIGIN)
    read = read_vectors(tmp_path)
    assert set(read.vectors) == {"t"}
    assert read.item_id == [item for n, item in enumerate(IDS) if n != 3]  # it has nothing here


def test_a_new_export_replaces_the_old_one(tmp_path: Path) -> None:
    write_vectors(encoded(), IDS, tmp_path, ORIGIN, shard_listings=1)
    write_vectors(encoded(sizes=(2,)), IDS, tmp_path, ORIGIN, shard_listings=1)
    assert read_vectors(tmp_path).item_id == IDS[:2]
    assert len(list(tmp_path.glob("*.parquet"))) == 1


def test_an_export_that_broke_off_is_no_export(tmp_path: Path) -> None:
    write_vectors(encoded(), IDS, tmp_path, ORIGIN)

    def broken() -> Iterator:
        yield from encoded(sizes=(4,))
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_vectors(broken(), IDS, tmp_path, ORIGIN, shard_listings=1)
    with pytest.raises(ConfigError, match=r"manifest\.json is missing"):
        read_vectors(tmp_path)


def test_shards_are_written_as_batches_come(tmp_path: Path) -> None:
    """Memory stays at one shard: the first file is there before the last batch is asked for."""
    seen = []

    def watched() -> Iterator:
        for batch in encoded():
            seen.append(len(list(tmp_path.glob("*.parquet"))))
            yield batch

    write_vectors(watched(), IDS, tmp_path, ORIGIN, shard_listings=4)
    assert seen == [0, 1, 2]


@pytest.mark.parametrize("fault", ["changed", "missing", "cut"])
def test_a_damaged_export_is_refused(tmp_path: Path, fault: str) -> None:
    write_vectors(encoded(), IDS, tmp_path, ORIGIN, shard_listings=1)
    path = tmp_path / "part-00001.parquet"
    content = bytearray(path.read_bytes())
    if fault == "missing":
        path.unlink()
    else:
        content[len(content) // 2] ^= 1
        path.write_bytes(content if fault == "changed" else content[:-5])
    with pytest.raises(ConfigError, match=r"part-00001\.parquet is missing or was changed"):
        read_vectors(tmp_path)


def test_a_folder_without_an_export_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="run `stylejax export`"):
        read_manifest(tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_manifest_is_json_and_names_the_origin(tmp_path: Path) -> None:
    write_vectors(encoded(), IDS, tmp_path, ORIGIN)
    values = json.loads((tmp_path / "manifest.json").read_text())
    assert asdict(ORIGIN).items() <= values.items()


def test_an_exports_identity_is_that_of_its_vectors(tmp_path: Path) -> None:
    first = identity(write_vectors(encoded(), IDS, tmp_path / "a", ORIGIN))
    assert first == identity(write_vectors(encoded(), IDS, tmp_path / "b", ORIGIN))
    assert asdict(ORIGIN).items() <= first.items()
    other = identity(write_vectors(encoded(sizes=(4, 4)), IDS, tmp_path / "a", ORIGIN))
    assert other["sha256"] != first["sha256"]


@pytest.mark.parametrize("length", [1, 4, 6])
def test_a_prefix_is_a_unit_vector(length: int) -> None:
    vectors = np.random.default_rng(0).normal(size=(5, 6)).astype(np.float32)
    vectors[2] = 0.0  # absent
    cut = prefix(vectors, length)
    there = [0, 1, 3, 4]
    np.testing.assert_allclose(np.linalg.norm(cut[there], axis=1), 1.0, atol=1e-6)
    for row in there:
        cosine = cut[row] @ vectors[row, :length] / np.linalg.norm(vectors[row, :length])
        assert cosine == pytest.approx(1.0, abs=1e-6)
    assert not cut[2].any()


@pytest.mark.parametrize("length", [0, -1, 7])
def test_a_prefix_that_vectors_do_not_have_is_refused(length: int) -> None:
    with pytest.raises(ConfigError, match=rf"a prefix of {length} numbers, .* have 6"):
        prefix(np.ones((2, 6), np.float32), length)
