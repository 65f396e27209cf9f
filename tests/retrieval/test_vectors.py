"""Tests of stylejax/retrieval/vectors.py."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from export_jobs import cut, exported, titles, vector

from stylejax.config import ConfigError
from stylejax.retrieval.vectors import collect, prefix, read_vectors

IDS = [f"item {n}" for n in range(10)]


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


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8"])
@pytest.mark.parametrize("size", [1, 4, 100])
def test_an_export_survives_the_disk(tmp_path: Path, size: int, dtype: str) -> None:
    exported(cut(titles(10), size), tmp_path, dtype=dtype)
    read = read_vectors(tmp_path)
    assert read.item_id == list(titles(10))
    for view in "mti":
        there = read.present[view]
        assert np.flatnonzero(~there).tolist() == ([3] if view == "t" else [])
        assert read.vectors[view].dtype == np.float32
        for row in np.flatnonzero(there):
            near = vector(row if row != 3 else -1, view)
            tolerance = {"float32": 0, "float16": 1e-3, "int8": 1e-2}[dtype]
            np.testing.assert_allclose(read.vectors[view][row], near, atol=tolerance)
        assert not read.vectors[view][~there].any()


def test_some_views_alone(tmp_path: Path) -> None:
    exported(cut(titles(10), 4), tmp_path, views=["t"])
    read = read_vectors(tmp_path)
    assert set(read.vectors) == {"t"}
    assert read.item_id == [item for item in titles(10) if item != "item 3"]  # it has nothing here


@pytest.mark.parametrize("fault", ["changed", "missing", "cut"])
def test_a_damaged_export_is_refused(tmp_path: Path, fault: str) -> None:
    exported(cut(titles(10), 4), tmp_path)
    path = tmp_path / "part-00001.parquet"
    content = bytearray(path.read_bytes())
    if fault == "missing":
        path.unlink()
    else:
        content[len(content) // 2] ^= 1
        path.write_bytes(content if fault == "changed" else content[:-5])
    with pytest.raises(ConfigError, match=r"part-00001\.parquet is missing or was changed"):
        read_vectors(tmp_path)


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
