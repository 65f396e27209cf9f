"""Groups of listings known to be the same product, from the graph of mined pairs.

Two listings of one group are never each other's negatives. Connected components would not do: one
wrong pair would merge two products. The Leiden method under the constant Potts model finds groups
that are denser inside than a given share of their possible pairs and sparser than that between
each other, whatever the size of the graph (Traag et al. 2011, arXiv 1104.3083; 2019, arXiv
1810.08473).
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray
from sknetwork.clustering import Leiden

PRECISION = 1e-9  # share of the objective below which a further move is not worth a pass


def same_style_groups(
    left: NDArray[np.int64], right: NDArray[np.int64], size: int, *, min_density: float = 0.1
) -> NDArray[np.int32]:
    """Group id of every listing.

    Args:
      left: `[p]` row of one end of each pair.
      right: `[p]` row of the other end.
      size: number of listings n.
      min_density: share of the possible pairs between two sets of listings that must be there for
        them to be one group. At 0.1, one stray pair joins no two groups of four or more.

    Returns:
      `[n]` int32, 0-based; a listing without a pair has a group of its own.
    """
    if len(left) == 0:
        return np.arange(size, dtype=np.int32)
    # In one order whichever way the pairs came: the method visits neighbours as they are stored.
    ends = (np.concatenate([left, right]), np.concatenate([right, left]))
    graph = sparse.csr_matrix((np.ones(len(ends[0]), np.float64), ends), shape=(size, size))
    graph.sum_duplicates()
    graph.data[:] = 1.0
    # The library divides weights by their sum and the model's penalty by size squared.
    leiden = Leiden(
        resolution=float(min_density * size**2 / graph.sum()),
        modularity="potts",
        shuffle_nodes=False,
        sort_clusters=False,
        tol_optimization=PRECISION,
        tol_aggregation=PRECISION,
    )
    labels = leiden.fit_predict(graph)
    return np.unique(labels, return_inverse=True)[1].astype(np.int32)
