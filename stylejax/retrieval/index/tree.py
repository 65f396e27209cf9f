"""ScaNN over many vectors: a tree of leaves, quantised scores, and exact scores for the best."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Int
from numpy.typing import NDArray

from stylejax.config import ConfigError

LEAVES = 2  # times the root of the vectors; twice as many were slower at equal recall
TRAINED_ON = 250_000  # vectors that leaves and codes are learned from, at most
SPARE_LEAVES = 4  # times the leaves that k results would fill: so many are searched at least
PARALLEL = 64  # queries from which on several threads share the work
PICKLE = "scann_docids.pkl"  # ScaNN would unpickle such a file; no index of ours has one


@dataclass(frozen=True)
class Effort:
    """How much of a tree is looked at for a query."""

    leaves: int  # searched
    rescored: int  # candidates that are scored again exactly


class ScannTree:
    """ScaNN's searcher over unit vectors."""

    def __init__(self, searcher: Any, count: int, leaves: int):
        """Takes a searcher over `count` vectors in `leaves` leaves; `build` or `load` give one."""
        self._searcher, self._count, self.leaves = searcher, count, leaves

    @classmethod
    def build(cls, vectors: Float32[NDArray, "n d"]) -> ScannTree:
        """Learns leaves and codes; the vectors are copied.

        Raises:
          ConfigError: when ScaNN is not installed.
        """
        require_scann()
        count = len(vectors)
        leaves = max(1, int(LEAVES * math.sqrt(count)))
        with quiet():
            import scann

            builder = scann.scann_ops_pybind.builder(vectors, 10, "dot_product")
            sample = min(count, TRAINED_ON)
            # Centres of unit length: by inner product a longer one would draw queries from leaves
            # that are nearer, and six times as many leaves would be searched at equal recall.
            made: Any = builder.tree(leaves, leaves, training_sample_size=sample, spherical=True)
            made = made.score_ah(
                2, anisotropic_quantization_threshold=0.2, training_sample_size=sample
            )
            return cls(made.reorder(100).build(), count, leaves)

    def search(
        self, queries: Float32[NDArray, "q d"], k: int, effort: Effort
    ) -> tuple[Int[NDArray, "q k"], Float32[NDArray, "q k"]]:
        """About the k nearest vectors of each query, at most all of them, best first."""
        filled = math.ceil(k * self.leaves / self._count)
        leaves = min(self.leaves, max(effort.leaves, SPARE_LEAVES * filled))
        rescored = max(effort.rescored, k)
        found, scores = self._batched(queries, k, leaves, rescored)
        # Leaves differ in size: where those searched hold fewer than k, ScaNN gives NaN.
        short = np.isnan(scores).any(axis=1)
        if short.any():
            found[short], scores[short] = self._batched(queries[short], k, self.leaves, rescored)
        return found, scores

    def _batched(
        self, queries: Float32[NDArray, "q d"], k: int, leaves: int, rescored: int
    ) -> tuple[Int[NDArray, "q k"], Float32[NDArray, "q k"]]:
        many = len(queries) >= PARALLEL
        search = self._searcher.search_batched_parallel if many else self._searcher.search_batched
        found, scores = search(
            np.ascontiguousarray(queries),
            final_num_neighbors=k,
            pre_reorder_num_neighbors=rescored,
            leaves_to_search=leaves,
        )
        return found.astype(np.int64), np.array(scores)

    def save(self, folder: Path) -> None:
        """Writes ScaNN's own files."""
        folder.mkdir(parents=True, exist_ok=True)
        with quiet():
            self._searcher.serialize(str(folder), relative_path=True)

    @classmethod
    def load(cls, folder: Path, count: int, leaves: int) -> ScannTree:
        """Reads what `save` wrote.

        Raises:
          ConfigError: when ScaNN is not installed, or the folder holds a pickle, which is refused.
        """
        require_scann()
        if (folder / PICKLE).exists():
            raise ConfigError(f"{folder / PICKLE} is no file of an index: refused; index again")
        with quiet():
            import scann

            return cls(scann.scann_ops_pybind.load_searcher(str(folder)), count, leaves)


def scann_is_here() -> bool:
    """Whether ScaNN can be imported."""
    try:
        with quiet():
            import scann  # noqa: F401
    except ImportError:
        return False
    return True


def require_scann() -> None:
    """Raises ConfigError where ScaNN is not installed."""
    if not scann_is_here():
        raise ConfigError(
            "ScaNN is not installed (it has wheels for Linux on x86-64 only); use --engine exact"
        )


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keeps the C++ log lines of ScaNN and the TensorFlow it loads off the terminal."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    saved, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(null)
