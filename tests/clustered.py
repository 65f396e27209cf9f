"""Unit vectors in clusters, as those of products are."""

import numpy as np


def unit(rows: int, dim: int = 8, seed: int = 0) -> np.ndarray:
    x = np.random.default_rng(seed).normal(size=(rows, dim)).astype(np.float32)
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def clustered(rows: int, dim: int = 16, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = unit(200, dim)
    x = centres[rng.integers(0, 200, rows)] + 0.15 * rng.normal(size=(rows, dim))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def slow_top_k(queries: np.ndarray, vectors: np.ndarray, k: int) -> list[list[int]]:
    return [sorted(range(len(vectors)), key=lambda n: -float(q @ vectors[n]))[:k] for q in queries]


def ids(count: int) -> list[str]:
    return [f"item {n}" for n in range(count)]
