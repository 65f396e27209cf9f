"""Tests of stylejax/retrieval/index.py."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from stylejax.config import ConfigError
from stylejax.origin import Origin
from stylejax.retrieval.index import Index, build_index, exact_top_k
from stylejax.retrieval.vectors import VectorSet

needs_scann = pytest.mark.skipif(
    importlib.util.find_spec("scann") is None,
    reason="ScaNN is not installed; it has wheels for Linux on x86-64 only",
)
ENGINES = ["exact", pytest.param("scann", marks=needs_scann)]


def unit(rows: int, dim: int = 8, seed: int = 0) -> np.ndarray:
    x = np.random.default_rng(seed).normal(size=(rows, dim)).astype(np.float32)
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def slow_top_k(queries: np.ndarray, vectors: np.ndarray, k: int) -> list[list[int]]:
    return [sorted(range(len(vectors)), key=lambda n: -float(q @ vectors[n]))[:k] for q in queries]


def ids(count: int) -> list[str]:
    return [f"item {n}" for n in range(count)]


@pytest.mark.parametrize("k", [1, 3, 40])
def test_exact_search_is_sorting(k: int) -> None:
    queries, vectors = unit(7, seed=1), unit(40)
    found, scores = exact_top_k(queries, vectors, k)
    assert found.tolist() == slow_top_k(queries, vectors, k)
    expected = np.take_along_axis(queries @ vectors.T, found, axis=1)
    np.testing.assert_allclose(scores, expected, atol=1e-6)


def test_exact_search_in_blocks_is_exact_search() -> None:
    queries, vectors = unit(1500, seed=1), unit(30)
    found, scores = exact_top_k(queries, vectors, 5)
    late, late_scores = exact_top_k(queries[1100:], vectors, 5)
    assert np.array_equal(found[1100:], late)
    np.testing.assert_allclose(scores[1100:], late_scores, atol=1e-6)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("count", "k"), [(50, 10), (50, 20), (3, 10), (1, 5)])
def test_every_engine_finds_the_nearest(engine: str, count: int, k: int) -> None:
    queries, vectors = unit(6, seed=1), unit(count)
    index = Index(ids(count), vectors, "m", engine)
    assert index.engine == engine
    found, scores = index.search(queries, k)
    assert found.shape == scores.shape == (6, min(k, count))
    assert found.dtype == np.int64
    assert found.tolist() == slow_top_k(queries, vectors, k)
    expected = np.take_along_axis(queries @ vectors.T, found, axis=1)
    np.testing.assert_allclose(scores, expected, atol=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_index_survives_the_disk_wherever_it_is_moved(tmp_path: Path, engine: str) -> None:
    queries, vectors = unit(6, seed=1), unit(50)
    origin = Origin("run", 7, "ab", "ff")
    index = Index(ids(50), vectors, "t", engine, origin)
    index.save(tmp_path / "here")
    (tmp_path / "here").rename(tmp_path / "there")
    loaded = Index.load(tmp_path / "there")
    assert (loaded.item_id, loaded.view, loaded.engine) == (ids(50), "t", engine)
    assert loaded.origin == origin
    assert np.array_equal(loaded.vectors, vectors)
    for a, b in zip(index.search(queries, 5), loaded.search(queries, 5), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_saved_index_can_be_replaced(tmp_path: Path, engine: str) -> None:
    Index(ids(50), unit(50), "m", engine).save(tmp_path)
    Index(ids(20), unit(20, seed=5), "i", engine).save(tmp_path)
    loaded = Index.load(tmp_path)
    assert (len(loaded.item_id), loaded.view) == (20, "i")
    found, _ = loaded.search(unit(20, seed=5), 1)
    assert found[:, 0].tolist() == list(range(20))


@needs_scann
def test_auto_is_scann_where_it_is_installed() -> None:
    assert Index(ids(5), unit(5), "m", "auto").engine == "scann"


@needs_scann
def test_many_vectors_are_found_by_a_tree_nearly_always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Above the limit of brute force the answer is approximate: nine in ten at least."""
    rng = np.random.default_rng(0)
    centres = unit(200, 16)
    vectors = centres[rng.integers(0, 200, 20_500)] + 0.15 * rng.normal(size=(20_500, 16))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    index = Index(ids(len(vectors)), vectors, "m", "scann")
    queries = vectors[:100]
    found, _ = index.search(queries, 10)
    exact, _ = exact_top_k(queries, vectors, 10)
    shared = [len(set(a) & set(b)) / 10 for a, b in zip(found, exact, strict=True)]
    assert np.mean(shared) > 0.9
    # Far more results than a few leaves hold: whole, and four in five of the nearest at least.
    found, scores = index.search(queries[:4], 5_000)
    exact, _ = exact_top_k(queries[:4], vectors, 5_000)
    assert np.isfinite(scores).all()
    assert np.mean([len(set(a) & set(b)) for a, b in zip(found, exact, strict=True)]) > 4_000
    # So few leaves that some hold too little are made up for.
    monkeypatch.setattr("stylejax.retrieval.index.SPARE_LEAVES", 1)
    found, scores = index.search(queries[:4], 5_000)
    assert np.isfinite(scores).all()
    assert all(len(set(row)) == 5_000 for row in found)


# ---- From an export


def test_only_listings_that_have_the_view_are_indexed() -> None:
    present = np.array([True, False, True])
    vectors = VectorSet(ids(3), {"t": unit(3) * present[:, None]}, {"t": present})
    index = build_index(vectors, "t", "exact")
    assert index.item_id == ["item 0", "item 2"]
    found, _ = index.search(unit(3), 5)
    assert found[2].tolist()[0] == 1
    with pytest.raises(ConfigError, match=r"the export has views \['t'\], not 'm'"):
        build_index(vectors, "m", "exact")


def test_nothing_to_index_is_refused() -> None:
    vectors = VectorSet(ids(2), {"i": np.zeros((2, 4), np.float32)}, {"i": np.zeros(2, bool)})
    with pytest.raises(ConfigError, match="no listing has a vector of view 'i'"):
        build_index(vectors, "i", "exact")


def test_a_folder_without_an_index_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="run `stylejax index` first"):
        Index.load(tmp_path)
