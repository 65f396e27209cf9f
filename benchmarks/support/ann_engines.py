"""Engines of nearest-neighbour search side by side: ours, exact search, FAISS and hnswlib.

Each is built over unit vectors, tuned for a recall@10, and then searches with what was chosen.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from jaxtyping import Float32, Int
from numpy.typing import NDArray

CORES = 2
K = 10
TIMED = 3  # times that a setting is timed; the median counts
MOST_PROBED = 512  # lists, or entries of a graph's queue
EF_CONSTRUCTION = 100  # of the graphs
Vectors = Float32[NDArray, "n d"]
Rows = Int[NDArray, "q k"]


class Engine(Protocol):
    """What is compared, built over unit vectors."""

    def tune(self, queries: Vectors, true: Rows, recall: float) -> str:
        """Chooses the quickest setting that reaches a recall; says which it is."""
        ...

    def search(self, queries: Vectors) -> Rows:
        """The 10 nearest of each query."""
        ...


def recall_of(found: Rows, true: Rows) -> float:
    """Share of the true neighbours that were found; what is found twice counts once."""
    return float((found[:, :, None] == true[:, None, :]).any(axis=1).mean())


def fewest(most: int, enough: Callable[[int], bool], least: int = 1) -> int | None:
    """The least number from `least` on that is enough, to 3 %; None = not even the most is."""
    low, high = least - 1, least
    while not enough(high):
        if high >= most:
            return None
        low, high = high, min(most, 2 * high)
    while high - low > max(1, low // 32):
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def seconds_of(search: Callable[[], object]) -> float:
    """Median of some runs."""
    taken = []
    for _ in range(TIMED):
        began = time.perf_counter()
        search()
        taken.append(time.perf_counter() - began)
    return float(np.median(taken))


class Ours:
    """`ScannTree` by `stylejax.retrieval.index.tuning`, as every index with a tree is made."""

    def __init__(self, vectors: Vectors):
        """Leaves and codes are learned."""
        from stylejax.retrieval.index.tree import ScannTree

        self._vectors, self._tree = vectors, ScannTree.build(vectors)

    def tune(self, queries: Vectors, true: Rows, recall: float) -> str:
        """Its own tuning."""
        from stylejax.retrieval.index.tuning import tuned

        del true  # it looks for the neighbours itself
        nobody = np.full(len(queries), -1)
        self._effort = tuned(self._tree, self._vectors, queries, nobody, recall).effort
        return f"{self._effort.leaves} of {self._tree.leaves}, {self._effort.rescored} rescored"

    def search(self, queries: Vectors) -> Rows:
        """All in one call."""
        return self._tree.search(queries, K, self._effort)[0]


class OursExact:
    """`exact_top_k`, which searches few vectors."""

    def __init__(self, vectors: Vectors):
        """Holds them in memory."""
        self._vectors = np.array(vectors)

    def tune(self, queries: Vectors, true: Rows, recall: float) -> str:
        """Nothing to choose; the search is compiled."""
        self.search(queries[:K])  # compiles
        return ""

    def search(self, queries: Vectors) -> Rows:
        """All in one call."""
        from stylejax.retrieval.index.exact import exact_top_k

        return exact_top_k(queries, self._vectors, K)[0]


class Faiss:
    """An index of FAISS by its factory string; of each setting one number, ``{}``, is chosen."""

    def __init__(
        self, vectors: Vectors, factory: str, settings: Sequence[str] = (), lists: float = 0
    ):
        """Builds it, with `lists` times the root of the vectors as lists.

        Unit vectors have the same neighbours by both measures.
        """
        import faiss

        faiss.omp_set_num_threads(CORES)
        graph = factory.startswith("HNSW")
        measure = faiss.METRIC_L2 if graph else faiss.METRIC_INNER_PRODUCT
        count, blocks = round(lists * math.sqrt(len(vectors))), vectors.shape[1] // 2
        described = factory.format(lists=count, blocks=blocks)
        self._index: Any = faiss.index_factory(vectors.shape[1], described, measure)
        self._settings = settings
        if graph:
            self._index.hnsw.efConstruction = EF_CONSTRUCTION
        vectors = np.ascontiguousarray(vectors)
        self._index.train(vectors)
        self._index.add(vectors)

    def tune(self, queries: Vectors, true: Rows, recall: float) -> str:
        """The quickest of its settings, each with the least number that is enough."""
        best, quickest, number = "", math.inf, 1
        for setting in self._settings:  # each needs more than the one before

            def enough(number: int, setting: str = setting) -> bool:
                self._set(setting.format(number))
                return recall_of(self.search(queries), true) >= recall

            number = fewest(MOST_PROBED, enough, number)
            if number is None:
                break
            self._set(setting.format(number))
            seconds = seconds_of(lambda: self.search(queries))
            if seconds < quickest:
                best, quickest = setting.format(number), seconds
        if best:
            self._set(best)
        return best

    def search(self, queries: Vectors) -> Rows:
        """All in one call."""
        return self._index.search(queries, K)[1]

    def _set(self, setting: str) -> None:
        import faiss

        faiss.ParameterSpace().set_index_parameters(self._index, setting)


class Hnswlib:
    """hnswlib's graph."""

    def __init__(self, vectors: Vectors):
        """Adds them."""
        import hnswlib

        self._graph = hnswlib.Index("ip", vectors.shape[1])
        self._graph.init_index(len(vectors), M=16, ef_construction=EF_CONSTRUCTION)
        self._graph.set_num_threads(CORES)
        self._graph.add_items(vectors)

    def tune(self, queries: Vectors, true: Rows, recall: float) -> str:
        """The least ``ef``."""

        def enough(number: int) -> bool:
            self._graph.set_ef(max(K, number))
            return recall_of(self.search(queries), true) >= recall

        number = max(K, fewest(MOST_PROBED, enough) or MOST_PROBED)
        self._graph.set_ef(number)
        return f"ef={number}"

    def search(self, queries: Vectors) -> Rows:
        """All in one call."""
        return self._graph.knn_query(queries, K)[0].astype(np.int64)


REFINED = [f"k_factor_rf={k},nprobe={{}}" for k in (40, 20, 10, 6, 4, 2)]
OURS = "stylejax, ScaNN"
# Name -> what it imports, and what builds it.
ENGINES: dict[str, tuple[str, Callable[[Vectors], Engine]]] = {
    OURS: ("scann", Ours),
    "FAISS IVF PQ 4 bit": (
        "faiss",
        lambda vectors: Faiss(vectors, "IVF{lists},PQ{blocks}x4fs,RFlat", REFINED, lists=2),
    ),
    "FAISS IVF PQ 4 bit, more lists": (
        "faiss",
        lambda vectors: Faiss(vectors, "IVF{lists},PQ{blocks}x4fs,RFlat", REFINED, lists=4),
    ),
    "FAISS IVF PQ 8 bit": (
        "faiss",
        lambda vectors: Faiss(vectors, "IVF{lists},PQ32,RFlat", REFINED, lists=2),
    ),
    "FAISS HNSW": ("faiss", lambda vectors: Faiss(vectors, "HNSW32", ["efSearch={}"])),
    "hnswlib": ("hnswlib", Hnswlib),
    "stylejax, exact": ("jax", OursExact),
    "FAISS flat": ("faiss", lambda vectors: Faiss(vectors, "Flat")),
}
