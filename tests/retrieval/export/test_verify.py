"""Tests of stylejax/retrieval/export/verify.py."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from export_jobs import cut, exported, titles

from stylejax.config import ConfigError
from stylejax.retrieval.export.verify import verified
from stylejax.retrieval.manifest import sha256


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8"])
def test_a_whole_export_is_verified(tmp_path: Path, dtype: str) -> None:
    assert exported(cut(titles(20), 8), tmp_path, dtype=dtype) == verified(tmp_path)


def test_all_damaged_files_are_named(tmp_path: Path) -> None:
    exported(cut(titles(20), 4), tmp_path)
    (tmp_path / "part-00001.parquet").unlink()
    path = tmp_path / "listings-00003.parquet"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ConfigError, match=r"has 2 fault\(s\)") as told:
        verified(tmp_path)
    assert "part-00001.parquet is missing" in str(told.value)
    assert "listings-00003.parquet is missing or was changed" in str(told.value)


@pytest.mark.parametrize("fault", ["missing", "cut short", "another"])
def test_a_shard_whose_note_is_wrong_is_named(tmp_path: Path, fault: str) -> None:
    """The plain command would make it anew."""
    exported(cut(titles(20), 4), tmp_path)
    path = tmp_path / "part-00002.json"
    text = path.read_text()
    path.write_text((tmp_path / "part-00001.json").read_text())
    if fault == "cut short":
        path.write_text(text[:40])
    if fault == "missing":
        path.unlink()
    with pytest.raises(ConfigError, match=r"1 fault\(s\):\n.*part-00002.json is missing or"):
        verified(tmp_path)


@pytest.mark.parametrize("fault", ["length", "nan", "rows", "dim"])
def test_what_a_checksum_does_not_tell_is_seen(tmp_path: Path, fault: str) -> None:
    """The file is what its checksum says, but not what an export writes."""
    manifest = exported(cut(titles(8), 8), tmp_path)
    path = tmp_path / "part-00000.parquet"
    table = pq.read_table(path)
    vectors = table["vector"].combine_chunks().flatten().to_numpy().reshape(-1, 6).copy()
    if fault == "rows":
        table, vectors = table.slice(1), vectors[1:]
    if fault == "dim":
        vectors = vectors[:, :5] / np.linalg.norm(vectors[:, :5], axis=1, keepdims=True)
    if fault in ("length", "nan"):
        vectors[9] *= {"length": 1.1, "nan": np.nan}[fault]
    column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1])
    pq.write_table(table.set_column(2, "vector", column), path)
    manifest["files"][0]["sha256"] = sha256(path)
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    told = {
        "length": "1 vectors of another length than 1, one is t of item 1",
        "nan": "1 vectors of another length than 1, one is t of item 1",
        "rows": "has vectors .*'m': 7.*, not .*'m': 8",
        "dim": "vectors of 5 numbers, not 6",
    }[fault]
    with pytest.raises(ConfigError, match=told):
        verified(tmp_path)
