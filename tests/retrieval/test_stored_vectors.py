"""Tests of stylejax/retrieval/stored_vectors.py: as if all were read at once."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from export_jobs import cut, exported, titles

from stylejax.config import ConfigError
from stylejax.retrieval.stored_vectors import StoredVectors
from stylejax.retrieval.vectors import Vectors, read_vectors


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8"])
@pytest.mark.parametrize("size", [1, 4, 100])
def test_it_is_what_lies_in_memory(tmp_path: Path, size: int, dtype: str) -> None:
    exported(cut(titles(10), size), tmp_path, dtype=dtype)
    whole, stored = read_vectors(tmp_path), StoredVectors(tmp_path)
    assert isinstance(stored, Vectors)
    assert isinstance(whole, Vectors)
    assert stored.item_id == whole.item_id
    assert len(stored) == 10
    for view in "mti":
        assert np.array_equal(stored.present[view], whole.present[view])
        for rows in (np.array([7, 2, 2, 9]), np.arange(10), np.array([3]), np.zeros(0, np.int64)):
            assert np.array_equal(stored.take(view, rows), whole.take(view, rows))
        rows = np.array([0, 3, 4, 8, 9])
        for vectors in (stored, whole):
            joined = np.zeros((5, 6), np.float32)
            for start, block in vectors.blocks(view, rows):
                joined[start : start + len(block)] = block
            assert np.array_equal(joined, whole.vectors[view][rows])


def test_only_shards_that_are_asked_for_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported(cut(titles(12), 3), tmp_path)
    stored, read = StoredVectors(tmp_path), []
    table = pq.read_table

    def watched(path, **given):
        read.append(Path(path).name)
        return table(path, **given)

    monkeypatch.setattr("stylejax.retrieval.stored_vectors.pq.read_table", watched)
    stored.take("m", np.array([10, 4, 5]))
    assert read == ["part-00001.parquet", "part-00003.parquet"]


def test_views_that_were_not_exported_are_not_there(tmp_path: Path) -> None:
    exported(cut(titles(5), 4), tmp_path, views=["t"])
    assert set(StoredVectors(tmp_path).present) == {"t"}


def test_a_damaged_shard_is_refused(tmp_path: Path) -> None:
    exported(cut(titles(10), 4), tmp_path)
    (tmp_path / "part-00001.parquet").write_bytes(b"PAR1")
    with pytest.raises(ConfigError, match=r"part-00001\.parquet is missing or was changed"):
        StoredVectors(tmp_path)
