"""What an index says beside the log: who is known, and the files of pairs that it adds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from jaxtyping import Float32, Int
from numpy.typing import NDArray

from input_pipeline.catalogue import Catalogue
from input_pipeline.graph import pair_graph
from stylejax.config import ConfigError

SUSPECTED, NEGATIVES, TOLD = "suspected.parquet", "negatives_near.parquet", "near.json"


@dataclass(frozen=True)
class Indexed:
    """What catalogue and log know of the n vectors of an index."""

    item_id: Sequence[str]  # [n]
    categories: Sequence[str]  # names
    category: Int[NDArray, " n"]  # numbers of `categories`; -1 = no listing of the train split
    group: Int[NDArray, " n"]  # see input_pipeline.groups
    mined: Int[NDArray, "p 2"]  # places of mined pairs of which both listings have a vector
    paired: Int[NDArray, " n"]  # mined pairs of each listing, with whom there is no vector too


def indexed(
    item_id: Sequence[str],
    catalogue: Catalogue,
    pairs: pa.Table,
    train_split: str,
    category_level: int,
) -> Indexed:
    """Joins the vectors of an index with the catalogue and the mined pairs.

    Args:
      item_id: of each vector.
      catalogue: listings, without the truth.
      pairs: mined: left_id, right_id, weight.
      train_split: the split that the pairs are of.
      category_level: levels of the category path that mining compares; 0 = the whole path.

    Raises:
      ConfigError: when the index has no listing of the train split, or the pairs are of another
        catalogue.
    """
    group = pair_graph(catalogue, pairs, train_split).group
    rows = catalogue.rows(train_split)
    items = pa.array(item_id, pa.string())
    found = pc.index_in(items, pa.array([catalogue.item_id[row] for row in rows], pa.string()))
    there = pc.is_valid(found).to_numpy(zero_copy_only=False)
    if not there.any():
        raise ConfigError(
            f"the index has none of the {len(rows):,} listings of split {train_split!r}; export "
            "the recipe's own catalogue and index that"
        )
    row = rows[pc.fill_null(found, 0).to_numpy(zero_copy_only=False)]
    paths = [catalogue.category(int(of), category_level) for of in row]
    categories, category = np.unique(np.array(paths, dtype=object), return_inverse=True)
    ends = [pc.index_in(pairs[name].combine_chunks(), items) for name in ("left_id", "right_id")]
    places = np.stack([pc.fill_null(x, -1).to_numpy(zero_copy_only=False) for x in ends], axis=1)
    return Indexed(
        item_id,
        categories.tolist(),
        np.where(there, category, -1),
        # What is no candidate is in nobody's group.
        np.where(there, group[row], len(catalogue) + np.arange(len(row))),
        places[(places >= 0).all(axis=1)].astype(np.int64),
        np.bincount(places[places >= 0].astype(np.int64), minlength=len(row)),
    )


def negatives_table(
    known: Indexed, places: Int[NDArray, "p 2"], cosine: Float32[NDArray, " p"]
) -> pa.Table:
    """Pairs of places by name: left_id, right_id, score, category, by descending score.

    Args:
      known: the listings.
      places: of the pairs.
      cosine: of the pairs, their score.
    """
    named = [(known.item_id[int(a)], known.item_id[int(b)]) for a, b in places]
    ends = [(min(pair), max(pair)) for pair in named]
    names = [known.categories[number] for number in known.category[places[:, 0]].tolist()]
    columns = {
        "left_id": pa.array([left for left, _ in ends], pa.string()),
        "right_id": pa.array([right for _, right in ends], pa.string()),
        "score": pa.array(cosine.astype(np.float64)),
        "category": pa.array(names, pa.string()),
    }
    order = [("score", "descending"), ("left_id", "ascending"), ("right_id", "ascending")]
    return pa.table(columns).sort_by(order)


def suspected_table(
    known: Indexed, places: Int[NDArray, "p 2"], cosine: Float32[NDArray, " p"], pairs: pa.Table
) -> pa.Table:
    """Suspected pairs in the form of mined ones, and their score, by descending score.

    No query speaks for them: their support is 0, their relevance unknown, and their weight that of
    the weakest mined pair.

    Args:
      known: the listings.
      places: of the pairs.
      cosine: of the pairs, their score.
      pairs: mined.
    """
    table = negatives_table(known, places, cosine)
    weakest, count = pc.min(pairs["weight"]).as_py(), len(table)
    columns = {
        "left_id": table["left_id"],
        "right_id": table["right_id"],
        "weight": pa.array([weakest] * count, pa.float64()),
        "support": pa.array([0] * count, pa.int64()),
        "relevance": pa.nulls(count, pa.float64()),
        "category": table["category"],
        "score": table["score"],
    }
    return pa.table(columns)


def write_near(
    folder: Path, suspected: pa.Table, negatives: pa.Table, told: Mapping[str, Any]
) -> None:
    """Writes ``suspected.parquet``, ``negatives_near.parquet`` and ``near.json`` beside the pairs.

    Args:
      folder: of the run.
      suspected: see `suspected_table`.
      negatives: see `negatives_table`.
      told: counts, and what index they are of.
    """
    pq.write_table(suspected, folder / SUSPECTED)
    pq.write_table(negatives, folder / NEGATIVES)
    (folder / TOLD).write_text(json.dumps(dict(told), indent=1) + "\n", encoding="utf-8")
