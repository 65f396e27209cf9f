"""Listings for tests of duplicates: unit vectors, a space of them, and slow references."""

import numpy as np

from stylejax.retrieval.duplicates.neighbours import Neighbours, neighbours
from stylejax.retrieval.duplicates.space import Space
from stylejax.retrieval.index.index import Index
from stylejax.retrieval.index.part import Part


def products(
    count: int, listings: int, *, spread: float = 0.3, dim: int = 8, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors around one centre a product, and the product of each."""
    rng = np.random.default_rng(seed)
    product = np.repeat(np.arange(count), listings)
    x = rng.normal(size=(count, dim))[product] + spread * rng.normal(size=(len(product), dim))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32), product


def space_of(vectors: np.ndarray, ids: list[str] | None = None, parts: int = 1) -> Space:
    ids = [f"L{n:04d}" for n in range(len(vectors))] if ids is None else ids
    cuts = np.array_split(np.arange(len(vectors)), parts)
    return Space(
        Index([Part([ids[n] for n in cut], [""] * len(cut), vectors[cut]) for cut in cuts], "m")
    )


def all_pairs(space: Space, local: int = 0) -> Neighbours:
    return neighbours(space, len(space) - 1, local=local)


def score_matrix(vectors: np.ndarray, crowding: np.ndarray) -> np.ndarray:
    x = vectors.astype(np.float64)
    return x @ x.T - (crowding[:, None] + crowding[None]) / 2


def slow_groups(scores: np.ndarray, threshold: float) -> set[frozenset[int]]:
    """Average linkage, one merge at a time, by the matrix of all scores."""
    groups, scores = [frozenset([n]) for n in range(len(scores))], scores.tolist()
    while len(groups) > 1:
        best, a, b = max(
            (sum(scores[i][j] for i in one for j in other) / len(one) / len(other), x, x + 1 + y)
            for x, one in enumerate(groups)
            for y, other in enumerate(groups[x + 1 :])
        )
        if best < threshold:
            break
        merged = groups[a] | groups[b]
        groups = [g for n, g in enumerate(groups) if n not in (a, b)] + [merged]
    return set(groups)


def as_sets(group: np.ndarray) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(group == number).tolist()) for number in np.unique(group)}
