"""Tests of stylejax/retrieval/index/exact.py."""

import jax
import numpy as np
import pytest
from clustered import slow_top_k, unit
from hypothesis import given
from hypothesis import strategies as st

from stylejax.retrieval.index import exact
from stylejax.retrieval.index.exact import exact_top_k


@pytest.mark.parametrize("devices", [1, 3, 8])
@pytest.mark.parametrize("k", [1, 3, 40])
def test_exact_search_is_sorting(k: int, devices: int) -> None:
    queries, vectors = unit(7, seed=1), unit(40)
    found, scores = exact_top_k(queries, vectors, k, devices=jax.devices()[:devices])
    assert found.tolist() == slow_top_k(queries, vectors, k)
    expected = np.take_along_axis(queries @ vectors.T, found, axis=1)
    np.testing.assert_allclose(scores, expected, atol=1e-6)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several blocks of queries and of rows, with few of both."""
    monkeypatch.setattr(exact, "QUERIES", 8)
    monkeypatch.setattr(exact, "ROWS", 256)
    monkeypatch.setattr(exact, "RUN", 16)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("devices", [1, 8])
@pytest.mark.parametrize("k", [1, 5, 300])
def test_blocks_change_nothing(k: int, devices: int) -> None:
    queries, vectors = unit(19, seed=1), unit(5_000)
    found, _ = exact_top_k(queries, vectors, k, devices=jax.devices()[:devices])
    best = np.argsort(-(queries @ vectors.T), axis=1, kind="stable")[:, :k]
    assert np.array_equal(found, best)


@pytest.mark.usefixtures("small_blocks")
@given(
    rows=st.integers(1, 700),
    k=st.integers(1, 30),
    devices=st.sampled_from([1, 2, 8]),
    values=st.integers(1, 4),
    seed=st.integers(0, 1000),
)
def test_of_equals_the_lower_row_comes_first(
    rows: int, k: int, devices: int, values: int, seed: int
) -> None:
    """Small whole numbers have exact products, and many of them are equal."""
    rng = np.random.default_rng(seed)
    queries = rng.integers(-values, values + 1, (3, 2)).astype(np.float32)
    vectors = rng.integers(-values, values + 1, (rows, 2)).astype(np.float32)
    k = min(k, rows)
    found, scores = exact_top_k(queries, vectors, k, devices=jax.devices()[:devices])
    products = queries @ vectors.T
    best = np.argsort(-products, axis=1, kind="stable")[:, :k]
    assert np.array_equal(found, best)
    assert np.array_equal(scores, np.take_along_axis(products, best, axis=1))


def test_there_is_never_a_matrix_of_all_scores() -> None:
    """A program's memory is that of one block of scores, however many rows there are."""
    mesh = exact._mesh(tuple(jax.devices()[:1]))
    k, width, rows, dim = 10, 256, 4096, 32
    shapes = [(width, k), (width, k), (width, dim), (rows, dim), (), ()]
    kinds = [np.float32, np.int32, np.float32, np.float32, np.int32, np.int32]
    given = [jax.ShapeDtypeStruct(s, t) for s, t in zip(shapes, kinds, strict=True)]
    account = exact._step(mesh, k, 1.0).lower(*given).compile().memory_analysis()
    assert account.temp_size_in_bytes < 4 * width * rows * 4


def test_a_program_serves_many_sizes() -> None:
    """Queries and rows are filled up: as many more of them need no other program."""
    exact_top_k(unit(5), unit(900), 3)
    step = exact._step(exact._mesh(tuple(jax.local_devices())), 3, 1.0)
    compiled = step._cache_size()
    for queries, rows in ((7, 1000), (8, 901), (6, 1024)):
        exact_top_k(unit(queries), unit(rows), 3)
    assert step._cache_size() == compiled


@given(count=st.integers(1, 40_000), devices=st.sampled_from([1, 2, 8]))
def test_blocks_tell_what_is_compiled(count: int, devices: int) -> None:
    """A block takes all rows if it can; unless it is the least, more than half of it is filled."""
    rows = exact.block_rows(count, devices=jax.devices()[:devices])
    assert rows * devices >= min(count, exact.ROWS * devices)
    assert rows == exact.RUN or rows // 2 * devices < count
    assert exact.RUN <= rows <= exact.ROWS


@pytest.mark.parametrize("recall", [1.0, 0.9])
def test_more_neighbours_than_there_are(recall: float) -> None:
    queries, vectors = unit(4, seed=2), unit(5)
    found, scores = exact_top_k(queries, vectors, 9, recall=recall)
    assert found[:, :5].tolist() == slow_top_k(queries, vectors, 5)
    assert (found[:, 5:] == -1).all()
    assert np.isneginf(scores[:, 5:]).all()


def test_vectors_may_lie_in_a_file(tmp_path) -> None:
    np.save(tmp_path / "v.npy", unit(300))
    vectors = np.load(tmp_path / "v.npy", mmap_mode="r")
    found, _ = exact_top_k(unit(4, seed=2), vectors, 5)
    assert found.tolist() == slow_top_k(unit(4, seed=2), unit(300), 5)


def test_about_the_best_are_found_where_that_is_asked_for() -> None:
    queries, vectors = unit(20, seed=1), unit(4_000)
    near, _ = exact_top_k(queries, vectors, 10, recall=0.9)
    true, _ = exact_top_k(queries, vectors, 10)
    shared = [len(set(a) & set(b)) / 10 for a, b in zip(near.tolist(), true.tolist(), strict=True)]
    assert np.mean(shared) >= 0.9
    assert all(len(set(row)) == 10 for row in near.tolist())
