"""The losses written out as NumPy loops in float64: slow, and plain to check by eye."""

import functools
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np


def jaxed(function: Callable) -> Callable:
    """The function with NumPy arrays among its arguments put on the device."""

    def convert(x):
        return jnp.asarray(x) if isinstance(x, np.ndarray) else x

    @functools.wraps(function)
    def call(*arguments, **options):
        return function(*jax.tree.map(convert, arguments), **jax.tree.map(convert, options))

    return call


def unit(x: np.ndarray) -> np.ndarray:
    """Unit rows; a zero row stays zero."""
    rows = np.asarray(x, np.float64)
    return np.array([row / np.linalg.norm(row) if np.any(row) else row for row in rows])


def cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return unit(a) @ unit(b).T


def hinge(a, b, margin, left=None, right=None, valid=None) -> np.ndarray:
    """L_i = mean_j max(0, S_ij - S_ii + margin (1 - I_ij)), without same-group and void columns."""
    s = cosines(a, b)
    losses = []
    for i in range(len(a)):
        terms = []
        for j in range(len(b)):
            if i != j and left is not None and left[i] == right[j]:
                continue
            if i != j and valid is not None and not valid[j]:
                continue
            terms.append(max(0.0, s[i, j] - s[i, i] + margin * (i != j)))
        losses.append(sum(terms) / len(terms))
    return np.array(losses)


def consistency(full, view, target, tolerance, k, valid=None) -> np.ndarray:
    """L_i = mean over the k nearest columns of max(0, (D_ik - D'_ik)^2 - tolerance)."""
    near, seen = cosines(full, target), cosines(view, target)
    losses = []
    for i in range(len(full)):
        columns = [j for j in range(len(target)) if valid is None or valid[j]]
        columns = sorted(columns, key=lambda j: -near[i, j])[:k]
        terms = [max(0.0, (near[i, j] - seen[i, j]) ** 2 - tolerance) for j in columns]
        losses.append(sum(terms) / max(1, len(terms)))
    return np.array(losses)


def _cross_entropy(logits, same, valid, void, duplicates) -> list[float]:
    losses = []
    for i in range(len(logits)):
        positive, counted = [], []
        for j in range(logits.shape[1]):
            if i != j and (not valid[j] or void[i, j]):
                continue
            if i == j or (duplicates == "positive" and same[i][j]):
                positive.append(logits[i][j])
                counted.append(logits[i][j])
            elif not same[i][j]:
                counted.append(logits[i][j])
        normaliser = math.log(sum(math.exp(z) for z in counted))
        losses.append(sum(normaliser - z for z in positive) / len(positive))
    return losses


def _same(left, right, rows, columns) -> np.ndarray:
    same = np.eye(rows, columns, dtype=bool)
    if left is not None:
        same |= np.asarray(left)[:, None] == np.asarray(right)[None, :]
    return same


def _void(a_ids, b_ids, rows, columns) -> np.ndarray:
    """Where query and target are the same vector by their ids."""
    if a_ids is None:
        return np.zeros((rows, columns), bool)
    return np.asarray(a_ids)[:, None] == np.asarray(b_ids)[None, :]


def softmax(
    a,
    b,
    scale,
    left=None,
    right=None,
    duplicates="exclude",
    a_valid=None,
    b_valid=None,
    a_ids=None,
    b_ids=None,
):
    """Mean of both directions' cross-entropies; several positives are averaged.

    Targets beyond the queries' partners are candidates, and search for nothing.
    """
    size = len(a), len(b)
    logits, same = scale * cosines(a, b), _same(left, right, *size)
    void = _void(a_ids, b_ids, *size)
    a_valid = np.ones(len(a), bool) if a_valid is None else a_valid
    b_valid = np.ones(len(b), bool) if b_valid is None else b_valid
    forward = _cross_entropy(logits, same, b_valid, void, duplicates)
    backward = _cross_entropy(logits.T[: len(a)], same.T, a_valid, void.T, duplicates)
    return (np.array(forward) + np.array(backward)) / 2


def sigmoid(
    a,
    b,
    scale,
    bias,
    left=None,
    right=None,
    duplicates="exclude",
    valid=None,
    a_ids=None,
    b_ids=None,
):
    """L_i = -sum_j log sigmoid(z_ij (scale S_ij + bias))."""
    size = len(a), len(b)
    logits, same = scale * cosines(a, b) + bias, _same(left, right, *size)
    void = _void(a_ids, b_ids, *size)
    losses = []
    for i in range(len(a)):
        total = 0.0
        for j in range(len(b)):
            if i != j and (void[i, j] or (valid is not None and not valid[j])):
                continue
            if i != j and same[i, j] and duplicates == "exclude":
                continue
            sign = 1.0 if same[i, j] else -1.0
            total += math.log1p(math.exp(-sign * logits[i, j]))
        losses.append(total)
    return np.array(losses)


def gradient(function, x: np.ndarray, step: float = 1e-6) -> np.ndarray:
    """Central differences of a scalar function in float64."""
    x = np.asarray(x, np.float64)
    result = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[index] += step
        down[index] -= step
        result[index] = (function(up) - function(down)) / (2 * step)
    return result


def vectors(rows: int, dim: int = 6, *, seed: int = 0) -> np.ndarray:
    """Random float32 vectors of uneven lengths."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, dim)) * rng.uniform(0.2, 5.0, (rows, 1))
    return x.astype(np.float32)
