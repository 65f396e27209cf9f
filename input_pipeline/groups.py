"""Groups of listings known to be the same product, from the graph of mined pairs.

Two listings of one group are never each other's negatives. Connected components would not do: one
wrong pair would merge two products. Structural clustering keeps an edge only where its two ends
share their neighbours, which a stray edge between two products does not (SCAN: Xu et al., KDD
2007).
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components


def same_style_groups(
    left: NDArray[np.int64], right: NDArray[np.int64], size: int, *, min_similarity: float = 0.5
) -> NDArray[np.int32]:
    """Group id of every listing.

    Args:
      left: `[p]` row of one end of each pair.
      right: `[p]` row of the other end.
      size: number of listings n.
      min_similarity: structural similarity that an edge needs: common neighbours (each end counts
        as its own) over the geometric mean of the two neighbourhoods' sizes.

    Returns:
      `[n]` int32, 0-based; a listing without such an edge has a group of its own.
    """
    if len(left) == 0:
        return np.arange(size, dtype=np.int32)
    ones = np.ones(len(left), np.float32)
    graph = sparse.csr_array((ones, (left, right)), shape=(size, size))
    graph = graph + graph.T + sparse.eye_array(size, format="csr")
    graph.data[:] = 1.0
    degree = np.asarray(graph.sum(axis=1)).ravel()
    common = np.asarray(graph[left].multiply(graph[right]).sum(axis=1)).ravel()
    strong = common / np.sqrt(degree[left] * degree[right]) >= min_similarity
    edges = sparse.csr_array((ones[strong], (left[strong], right[strong])), shape=(size, size))
    return connected_components(edges, directed=False)[1].astype(np.int32)
