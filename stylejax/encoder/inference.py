"""Encoding listings with trained weights, compiled once for one batch shape."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import jax
import numpy as np
from jax.sharding import Sharding
from numpy.typing import NDArray

from stylejax.batch import Products
from stylejax.encoder.parameters import Parameters
from stylejax.encoder.product import ProductEncoder, present_views

Encoded = tuple[NDArray[np.int64], dict[str, NDArray[np.float32]], dict[str, NDArray[np.bool_]]]


def make_encode(
    bind: Callable[[Parameters], ProductEncoder],
    views: Iterable[str],
    rows: Sharding,
    whole: Sharding,
) -> Callable[[Parameters, Products], dict[str, jax.Array]]:
    """Compiles weights and listings to unit vectors.

    Args:
      bind: weights to encoder.
      views: any of m, t, i.
      rows: sharding of the listings by row; their number must divide by its devices.
      whole: sharding of the weights and of the result.

    Returns:
      `encode(parameters, products) -> {view: [B, dim] float32}`.
    """
    wanted = tuple(views)
    return jax.jit(
        lambda parameters, products: bind(parameters)(products, wanted),
        in_shardings=(whole, rows),
        out_shardings=whole,
    )


def encode_all(
    encode: Callable[[Parameters, Products], dict[str, jax.Array]],
    parameters: Parameters,
    batches: Iterable[tuple[NDArray[np.int64], Products]],
) -> Iterator[Encoded]:
    """Encodes batch after batch, one ahead of the one that is read back.

    Yields:
      The batch's rows `[b]`, view to `[b, dim]` vectors, and view to `[b]` presence.
    """
    waiting = None
    for rows, products in batches:
        launched = rows, encode(parameters, products), present_views(products)
        if waiting is not None:
            yield _fetch(*waiting)
        waiting = launched
    if waiting is not None:
        yield _fetch(*waiting)


def _fetch(rows, vectors, present) -> Encoded:
    n = len(rows)
    return (
        rows,
        {view: np.asarray(x)[:n] for view, x in vectors.items()},
        {view: np.asarray(x)[:n] for view, x in present.items()},
    )
