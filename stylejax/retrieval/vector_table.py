"""Vectors as a Parquet table: rows of `item_id, view, vector`, in float32, float16 or int8."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Float32, Int64
from numpy.typing import NDArray

Dtype = Literal["float32", "float16", "int8"]
DTYPES: tuple[Dtype, ...] = ("float32", "float16", "int8")
TOP = 127  # the largest number of an int8 vector


def vector_table(
    item_id: Sequence[str], view: Sequence[str], vectors: Float32[NDArray, "n dim"], dtype: Dtype
) -> pa.Table:
    """Unit vectors as they are stored.

    int8 keeps round(127 x / max|x|) and, in a column `scale` (float32), max|x| / 127 of each row:
    vector = scale * numbers.

    Args:
      item_id: of each row.
      view: of each row: m, t or i.
      vectors: unit vectors.
      dtype: of the numbers on disk.
    """
    columns: dict[str, Any] = {
        "item_id": pa.array(item_id, pa.string()),
        "view": pa.array(view, pa.string()),
    }
    numbers: NDArray[Any] = vectors.astype(np.float32 if dtype == "int8" else dtype)
    if dtype == "int8":
        scale = np.abs(vectors).max(axis=1, keepdims=True, initial=0) / TOP
        numbers = np.rint(vectors / np.where(scale, scale, 1)).astype(np.int8)
        columns["scale"] = pa.array(scale[:, 0].astype(np.float32))
    flat = pa.array(numbers.ravel())
    # Named as Parquet names it: rows that were read and new ones are of one type.
    kind = pa.list_(pa.field("element", flat.type), numbers.shape[1])
    columns["vector"] = pa.FixedSizeListArray.from_arrays(flat, type=kind)
    return pa.table(columns)


def unit_vectors(table: pa.Table) -> Float32[NDArray, "n dim"]:
    """The vectors of stored rows, as float32; of length 1 again where fewer bits were kept."""
    column = table["vector"].combine_chunks()
    stored = pc.list_flatten(column).to_numpy(zero_copy_only=False)
    vectors = stored.reshape(-1, column.type.list_size).astype(np.float32)
    if "scale" in table.column_names:
        vectors *= table["scale"].to_numpy()[:, None]
    if stored.dtype != np.float32:
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return vectors


def rows_by_item(table: pa.Table, item_id: Sequence[str]) -> Int64[NDArray, " n"]:
    """The place in `item_id` of each row's item; -1 where it is not there."""
    found = pc.index_in(table["item_id"], pa.array(item_id, pa.string()))
    return pc.fill_null(found, -1).to_numpy().astype(np.int64)
