"""Tests of stylejax/training/compiled.py; test_plug.py shows that nothing is compiled again."""

from pathlib import Path

import jax
import pytest

from stylejax.training.compiled import keep_compiled, note_compiled


@pytest.fixture(autouse=True)
def without_the_tests_own_cache(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR")
    before = jax.config.jax_compilation_cache_dir
    yield
    jax.config.update("jax_compilation_cache_dir", before)


def test_what_was_written_to_its_end_stays_and_the_rest_goes(tmp_path: Path) -> None:
    keep_compiled(tmp_path)
    folder = tmp_path / "compiled"
    assert jax.config.jax_compilation_cache_dir == str(folder)
    folder.mkdir()
    (folder / "step-cache").write_bytes(b"12345")
    (folder / "create-cache").write_bytes(b"123")
    note_compiled(tmp_path)
    (folder / "create-cache").write_bytes(b"1")  # was cut short since
    (folder / "evaluate-cache").write_bytes(b"12")  # was never noted: the plug was pulled
    keep_compiled(tmp_path)
    assert {path.name for path in folder.iterdir()} == {"step-cache", "whole.json"}


def test_the_users_own_place_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path / "mine"))
    before = jax.config.jax_compilation_cache_dir
    keep_compiled(tmp_path)
    assert jax.config.jax_compilation_cache_dir == before
    note_compiled(tmp_path)
    assert not (tmp_path / "compiled").exists()
