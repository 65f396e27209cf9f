"""Random numbers and permutations as pure functions of integers.

Nothing is drawn in a sequence, so any example of any epoch can be made again on any host without
what came before it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_ROUNDS = 12  # of the permutation: fewer favour some orders of a handful of things


def mixed(*words: ArrayLike) -> NDArray[np.uint64]:
    """Hashes integers to 64 bits, element by element.

    The finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) over one word after another.

    Args:
      words: integers of shapes that broadcast together.
    """
    with np.errstate(over="ignore"):  # arithmetic is modulo 2**64 on purpose
        state: NDArray[np.uint64] = np.zeros((), np.uint64)
        for word in words:
            state = (state ^ np.asarray(word).astype(np.uint64)) + _GOLDEN
            state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            state = state ^ (state >> np.uint64(31))
    return np.asarray(state)


def uniform(*words: ArrayLike) -> NDArray[np.float64]:
    """Numbers in [0, 1) that follow from integers, see `mixed`."""
    return (mixed(*words) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def shuffled(index: ArrayLike, size: ArrayLike, *key: ArrayLike) -> NDArray[np.int64]:
    """Places of indices in a random permutation of 0 .. size - 1, without holding one.

    A generalised Feistel network over a rectangle just large enough, walked until it falls back
    into the range (Black and Rogaway, CT-RSA 2002).

    Args:
      index: `[n]` integers in [0, size).
      size: of the permuted range, at least 1; one for all, or `[n]`.
      key: integers; another key is another permutation.
    """
    value = np.asarray(index, np.int64)
    n = np.broadcast_to(np.asarray(size, np.int64), value.shape)
    word = np.broadcast_to(mixed(*key), value.shape)
    rows = np.ceil(np.sqrt(n.astype(np.float64))).astype(np.int64)
    columns = -(-n // rows)
    value = _network(value, rows, columns, word)
    outside = value >= n
    while outside.any():
        value[outside] = _network(value[outside], rows[outside], columns[outside], word[outside])
        outside = value >= n
    return value


def _network(
    value: NDArray[np.int64],
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    key: NDArray[np.uint64],
) -> NDArray[np.int64]:
    """One permutation of 0 .. rows * columns - 1 for each element."""
    row, column = np.divmod(value, columns)
    for turn in range(_ROUNDS):
        if turn % 2:
            row = (row + _below(rows, key, turn, column)) % rows
        else:
            column = (column + _below(columns, key, turn, row)) % columns
    return row * columns + column


def _below(bound: NDArray[np.int64], *words: ArrayLike) -> NDArray[np.int64]:
    """Integers in [0, bound) that follow from others."""
    return (mixed(*words) % bound.astype(np.uint64)).astype(np.int64)
