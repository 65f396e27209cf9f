"""Tests of stylejax/retrieval/evaluation/provenance.py."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from stylejax.config import ConfigError
from stylejax.origin import Origin
from stylejax.retrieval.evaluation.provenance import (
    out_of_date,
    provenance,
    require_metrics_of,
)
from stylejax.retrieval.manifest import MANIFEST, identity, write_json


def manifest(step: int, checksum: str) -> dict[str, Any]:
    files = [{"file": "part-00000.parquet", "sha256": checksum}]
    told = {"dim": 8, "vectors": {"m": 3}, "files": files}
    return dataclasses.asdict(Origin("run", step, "c0", "ff")) | told


def test_metrics_are_known_by_the_vectors_they_were_made_of() -> None:
    path, folder, now = Path("run/metrics.json"), Path("run/vectors"), manifest(5, "ab")
    require_metrics_of({"vectors": identity(now)}, now, path, folder)
    told = r"metrics\.json is of vectors of step 4, not of those in run/vectors, .* step 5"
    with pytest.raises(ConfigError, match=told):
        require_metrics_of({"vectors": identity(manifest(4, "cd"))}, now, path, folder)
    # The same checkpoint, another catalogue.
    with pytest.raises(ConfigError, match=r"in another export.*run `stylejax evaluate` again"):
        require_metrics_of({"vectors": identity(manifest(5, "cd"))}, now, path, folder)
    with pytest.raises(ConfigError, match="unknown vectors"):
        require_metrics_of({"directions": {}}, now, path, folder)


def test_metrics_are_out_of_date_when_the_run_was_exported_again(tmp_path: Path) -> None:
    own, path = tmp_path / "vectors", tmp_path / "metrics.json"
    before, other = manifest(4, "ab"), tmp_path / "other"
    metrics = {"vectors": provenance(before, own, own)}
    elsewhere = {"vectors": provenance(before, other, own)}
    assert out_of_date(metrics, path, own) is None  # the export is gone: nothing is known
    own.mkdir()
    write_json(own / MANIFEST, before)
    assert out_of_date(metrics, path, own) is None
    write_json(own / MANIFEST, manifest(5, "cd"))
    told = out_of_date(metrics, path, own)
    assert told is not None
    assert "is of vectors of step 4, not of those in" in told
    assert "run `stylejax evaluate` again" in told
    assert out_of_date(elsewhere, path, own) is None
    (own / MANIFEST).unlink()
    (own / "part-00000.json").touch()
    assert "is not finished" in (out_of_date(metrics, path, own) or "")
