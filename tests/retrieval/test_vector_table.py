"""Tests of stylejax/retrieval/vector_table.py."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylejax.retrieval.vector_table import DTYPES, Dtype, rows_by_item, unit_vectors, vector_table

# How far a cosine with another unit vector may be off, and a number of the vector.
ERRORS = {"float32": 1e-7, "float16": 6e-4, "int8": 2e-2}


def drawn(rows: int, dim: int, seed: int) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(rows, dim)).astype(np.float32)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
@given(rows=st.integers(0, 40), dim=st.integers(1, 70), seed=st.integers(0, 2**16))
def test_vectors_come_back_as_unit_vectors(dtype: Dtype, rows: int, dim: int, seed: int) -> None:
    vectors = drawn(rows, dim, seed)
    table = vector_table([str(n) for n in range(rows)], ["m"] * rows, vectors, dtype)
    found = unit_vectors(table)
    assert found.dtype == np.float32
    assert found.shape == (rows, dim)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(found, vectors, atol=ERRORS[dtype])
    np.testing.assert_allclose(found @ vectors.T, vectors @ vectors.T, atol=ERRORS[dtype] + 1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
def test_bytes_are_what_the_dtype_says(dtype: Dtype) -> None:
    table = vector_table(["a"] * 100, ["m"] * 100, drawn(100, 64, 0), dtype)
    each = {"float32": 4 * 64, "float16": 2 * 64, "int8": 64}[dtype]
    column = table["vector"].combine_chunks().flatten()
    assert column.nbytes == 100 * each


def test_int8_is_the_scale_times_the_numbers() -> None:
    vectors = np.array([[0.6, -0.8, 0.0], [0.0, 0.0, 0.0]], np.float32)
    table = vector_table(["a", "b"], ["m", "m"], vectors, "int8")
    assert table["vector"].to_pylist() == [[95, -127, 0], [0, 0, 0]]
    assert table["scale"].to_pylist() == pytest.approx([0.8 / 127, 0.0])
    assert not unit_vectors(table)[1].any()


def test_rows_know_their_place() -> None:
    table = pa.table({"item_id": ["c", "a", "x", "a"]})
    assert rows_by_item(table, ["a", "b", "c"]).tolist() == [2, 0, -1, 0]
