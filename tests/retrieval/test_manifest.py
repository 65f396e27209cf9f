"""Tests of stylejax/retrieval/manifest.py."""

from dataclasses import asdict
from pathlib import Path

import pytest
from export_jobs import ORIGIN, cut, exported, titles

from stylejax.config import ConfigError
from stylejax.retrieval.manifest import identity, read_manifest, require_file, sha256, write_json


def test_a_folder_without_an_export_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="run `stylejax export`"):
        read_manifest(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_damaged_manifest_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"listings": 1')
    with pytest.raises(ConfigError, match=r"is damaged .* export again"):
        read_manifest(tmp_path)


def test_a_manifest_of_another_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"listings": 1, "files": []}')
    with pytest.raises(ConfigError, match=r"another version .* no dim, vectors; export again"):
        read_manifest(tmp_path)


def test_an_exports_identity_is_that_of_its_vectors(tmp_path: Path) -> None:
    first = identity(exported(cut(titles(10), 4), tmp_path / "a"))
    assert first == identity(exported(cut(titles(10), 4), tmp_path / "b"))
    assert asdict(ORIGIN).items() <= first.items()
    other = identity(exported(cut(titles(9), 4), tmp_path / "a"))
    assert other["sha256"] != first["sha256"]


def test_a_file_is_known_by_its_checksum(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    entry = {"file": "x", "sha256": sha256(tmp_path / "x")}
    assert entry["sha256"].startswith("ba7816bf")
    assert require_file(tmp_path, entry) == tmp_path / "x"
    (tmp_path / "x").write_bytes(b"abd")
    with pytest.raises(ConfigError, match="x is missing or was changed"):
        require_file(tmp_path, entry)


def test_json_is_written_in_one_move(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {"a": 1})
    with pytest.raises(TypeError):
        write_json(tmp_path / "x.json", {"a": object()})
    assert (tmp_path / "x.json").read_text() == '{\n "a": 1\n}\n'
