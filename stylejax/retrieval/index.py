"""Nearest-neighbour indexes over exported vectors: ScaNN, or exact search where it is absent."""

from __future__ import annotations

import contextlib
import json
import math
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float32, Int
from numpy.typing import NDArray

from stylejax.config import ConfigError
from stylejax.origin import Origin
from stylejax.retrieval.json_file import read_json
from stylejax.retrieval.vectors import VectorSet

Engine = Literal["auto", "scann", "exact"]
BRUTE_FORCE_BELOW = 20_000
RESCORED = 100  # candidates of the tree that are scored again exactly
SPARE_LEAVES = 4  # times the leaves that k results would fill: the tree searches so many
BLOCK = 1_024
DESCRIPTION = "index.json"


class Index:
    """Maximum inner product search over the vectors of one view."""

    def __init__(
        self,
        item_id: list[str],
        vectors: Float32[NDArray, "n d"],
        view: str,
        engine: Engine,
        origin: Origin | None = None,
    ):
        """Builds the index in memory.

        Args:
          item_id: id of each vector.
          vectors: unit vectors.
          view: m, t or i; kept for whoever loads the index.
          engine: ``scann``; ``exact``; or ``auto``, ScaNN where it is installed.
          origin: the checkpoint that made the vectors; None = unknown, `search` cannot check it.

        Raises:
          ConfigError: when there is no vector, or ScaNN is asked for and not installed.
        """
        if len(item_id) == 0:
            raise ConfigError(f"no listing has a vector of view {view!r}; nothing to index")
        self.item_id, self.vectors, self.view = item_id, vectors, view
        self.origin = origin
        self.engine = _engine(engine)
        self._searcher = _scann_searcher(vectors) if self.engine == "scann" else None

    def search(
        self, queries: Float32[NDArray, "q d"], k: int
    ) -> tuple[Int[NDArray, "q k"], Float32[NDArray, "q k"]]:
        """The k nearest vectors of each query.

        Args:
          queries: unit vectors.
          k: neighbours wanted; fewer when the index is smaller.

        Returns:
          Positions in `item_id` and cosines, best first.
        """
        k = min(k, len(self.item_id))
        if self._searcher is None:
            return exact_top_k(queries, self.vectors, k)
        if len(self.item_id) < BRUTE_FORCE_BELOW:
            found, scores = self._searcher.search_batched(queries, final_num_neighbors=k)
            return found.astype(np.int64), scores
        leaves = _leaves(len(self.item_id))
        filled = math.ceil(k * leaves / len(self.item_id))
        found, scores = self._search_tree(
            queries, k, min(leaves, max(_leaves_searched(leaves), SPARE_LEAVES * filled))
        )
        # Leaves differ in size: where those searched hold fewer than k, ScaNN gives NaN.
        short = np.isnan(scores).any(axis=1)
        if short.any():
            found[short], scores[short] = self._search_tree(queries[short], k, leaves)
        return found, scores

    def _search_tree(
        self, queries: Float32[NDArray, "q d"], k: int, leaves: int
    ) -> tuple[Int[NDArray, "q k"], Float32[NDArray, "q k"]]:
        assert self._searcher is not None
        found, scores = self._searcher.search_batched(
            queries,
            final_num_neighbors=k,
            pre_reorder_num_neighbors=max(RESCORED, k),
            leaves_to_search=leaves,
        )
        return found.astype(np.int64), np.array(scores)

    def save(self, folder: Path) -> None:
        """Writes the index: its description, ids and vectors, and ScaNN's own files.

        Args:
          folder: created if need be; an index there is replaced.
        """
        folder.mkdir(parents=True, exist_ok=True)
        (folder / DESCRIPTION).unlink(missing_ok=True)
        np.save(folder / "vectors.npy", self.vectors, allow_pickle=False)
        (folder / "item_id.json").write_text(json.dumps(self.item_id), encoding="utf-8")
        if self._searcher is not None:
            (folder / "scann").mkdir(exist_ok=True)
            with _quiet():
                self._searcher.serialize(str(folder / "scann"), relative_path=True)
        count, dim = self.vectors.shape
        description = {"view": self.view, "engine": self.engine, "vectors": count, "dim": dim}
        description["origin"] = asdict(self.origin) if self.origin else None
        (folder / DESCRIPTION).write_text(json.dumps(description, indent=1) + "\n")

    @classmethod
    def load(cls, folder: Path) -> Index:
        """Reads an index that `save` wrote.

        Raises:
          ConfigError: when there is none, or it needs ScaNN and ScaNN is not installed.
        """
        path = folder / DESCRIPTION
        if not path.is_file():
            raise ConfigError(f"no index in {folder}; run `stylejax index` first")
        description = read_json(path, "run `stylejax index` again")
        index = cls.__new__(cls)
        index.view, index.engine = description["view"], _engine(description["engine"])
        origin = description["origin"]
        index.origin = None if origin is None else Origin.read(origin, path)
        index.item_id = json.loads((folder / "item_id.json").read_text(encoding="utf-8"))
        index.vectors = np.load(folder / "vectors.npy", mmap_mode="r", allow_pickle=False)
        index._searcher = None
        if index.engine == "scann":
            with _quiet():
                import scann

                index._searcher = scann.scann_ops_pybind.load_searcher(str(folder / "scann"))
        return index


def build_index(
    vectors: VectorSet, view: str, engine: Engine = "auto", origin: Origin | None = None
) -> Index:
    """Indexes the listings that have a view; see `Index` for the arguments.

    Raises:
      ConfigError: when the export lacks the view.
    """
    if view not in vectors.vectors:
        raise ConfigError(f"the export has views {sorted(vectors.vectors)}, not {view!r}")
    rows = np.flatnonzero(vectors.present[view])
    ids = [vectors.item_id[row] for row in rows]
    return Index(ids, np.ascontiguousarray(vectors.vectors[view][rows]), view, engine, origin)


def exact_top_k(
    queries: Float32[NDArray, "q d"], vectors: Float32[NDArray, "n d"], k: int
) -> tuple[Int[NDArray, "q k"], Float32[NDArray, "q k"]]:
    """Exact search, a block of queries at a time."""
    found = np.empty((len(queries), k), np.int64)
    scores = np.empty((len(queries), k), np.float32)
    for start in range(0, len(queries), BLOCK):
        block = queries[start : start + BLOCK] @ vectors.T
        best = np.argpartition(-block, k - 1, axis=1)[:, :k]
        value = np.take_along_axis(block, best, axis=1)
        order = np.argsort(-value, axis=1, kind="stable")
        found[start : start + BLOCK] = np.take_along_axis(best, order, axis=1)
        scores[start : start + BLOCK] = np.take_along_axis(value, order, axis=1)
    return found, scores


def _engine(wanted: Engine) -> Literal["scann", "exact"]:
    if wanted == "exact":
        return "exact"
    try:
        with _quiet():
            import scann  # noqa: F401
    except ImportError as error:
        if wanted == "auto":
            return "exact"
        raise ConfigError(
            "ScaNN is not installed (it has wheels for Linux on x86-64 only); use --engine exact"
        ) from error
    return "scann"


def _scann_searcher(vectors: Float32[NDArray, "n d"]) -> Any:
    """Brute force for few vectors; tree, asymmetric hashing and exact rescoring for many."""
    with _quiet():
        import scann

        count = len(vectors)
        builder = scann.scann_ops_pybind.builder(vectors, 10, "dot_product")
        if count < BRUTE_FORCE_BELOW:
            return builder.score_brute_force().build()
        leaves = _leaves(count)
        return (
            builder.tree(
                num_leaves=leaves,
                num_leaves_to_search=_leaves_searched(leaves),
                training_sample_size=min(count, 250_000),
            )
            .score_ah(2, anisotropic_quantization_threshold=0.2)
            .reorder(RESCORED)
            .build()
        )


def _leaves(count: int) -> int:
    """Leaves of the tree over so many vectors."""
    return int(math.sqrt(count))


def _leaves_searched(leaves: int) -> int:
    """Leaves of the tree that are searched for a few results."""
    return max(10, leaves // 20)


@contextlib.contextmanager
def _quiet():
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
