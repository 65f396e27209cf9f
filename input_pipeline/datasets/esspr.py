"""The pairs of eSSPR (WWW 2023) as listings: `esspr_data4train` and `esspr_data4eval`.

The public files hold one pair a record, in JSON: `cate_lv1_name, cate_name, trigger_id,
tirgger_title` (spelled so), `recall_id, recall_title, trigger_img, recall_img, label`; pictures are
addresses. Train pairs come from clicks, eval pairs were judged by people, so only these are a
truth: the listings of a connected set of eval pairs with label 1 are one product.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tensorflow_datasets as tfds
from ibis import _
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from input_pipeline.category_path import SEPARATOR
from input_pipeline.datasets.builder import LISTINGS, ListingBuilder
from input_pipeline.datasets.fetch import PictureLoader
from input_pipeline.tables import reading
from stylejax.config import ConfigError

FIELDS = (
    "cate_lv1_name",
    "cate_name",
    "trigger_id",
    "tirgger_title",
    "recall_id",
    "recall_title",
    "trigger_img",
    "recall_img",
    "label",
)


class Esspr(ListingBuilder):
    """Listings of both files in the splits train and eval; pictures are fetched."""

    def __init__(self, *, train: str | Path = "", evaluation: str | Path = "", **kwargs: Any):
        """Takes the two files.

        Args:
          train: `esspr_data4train`, JSON lines or one JSON list; empty = eval pairs only.
          evaluation: `esspr_data4eval`; empty = train pairs only.
          **kwargs: see `ListingBuilder`; its `loader` fetches the pictures.
        """
        self.train, self.evaluation = train, evaluation
        super().__init__(**kwargs)

    def listings(self, downloads: tfds.download.DownloadManager) -> tuple[pa.Table, PictureLoader]:
        """The listings of both files, each once, by split and id."""
        return self._tables[0], self.loader

    def write_pairs(self, path: Path) -> int:
        """Writes the train pairs in the form of `stylejax mine`; returns their number."""
        pairs = self._tables[1]
        pq.write_table(pairs, path)
        return len(pairs)

    @cached_property
    def _tables(self) -> tuple[pa.Table, pa.Table]:
        return esspr_tables(self.train, self.evaluation)


def esspr_tables(train: str | Path, evaluation: str | Path) -> tuple[pa.Table, pa.Table]:
    """Listings and train pairs.

    A listing of both files belongs to eval, and train pairs with it are left out: what is judged
    must not be trained on. Records without one of the two ids are left out too.

    Returns:
      A table of `LISTINGS`, and one of `left_id, right_id` (left_id < right_id), `weight`,
      `support`, `relevance`, `category`.

    Raises:
      ConfigError: when neither file is given, one is missing, does not parse or lacks a field.
    """
    files = {split: path for split, path in (("eval", evaluation), ("train", train)) if path}
    if not files:
        raise ConfigError("give the file esspr_data4train, esspr_data4eval, or both")
    connection = ibis.duckdb.connect()
    tables = [read_pairs(connection, Path(path), split) for split, path in files.items()]
    pairs = ibis.union(*tables) if len(tables) > 1 else tables[0]
    with reading(" and ".join(map(str, files.values()))):
        listings = one_row_a_listing(pairs).to_pyarrow().cast(LISTINGS)
        judged = pairs.filter(_.split == "eval", _.label == 1.0).to_pyarrow()
        listings = listings.set_column(
            LISTINGS.get_field_index("group"), "group", pa.array(products(listings, judged))
        )
        return listings, train_pairs(pairs, listings)


def read_pairs(connection: ibis.BaseBackend, path: Path, split: str) -> ir.Table:
    """The records of one file with both ids; `label` as a number, the category as a path."""
    if not path.is_file():
        raise ConfigError(f"no file {path}; it holds the pairs of split {split}")
    with reading(path):
        found = connection.read_json(path).columns
    missing = [field for field in FIELDS if field not in found]
    if missing:
        raise ConfigError(f"{path} has no field {', '.join(missing)}; it has {found}")
    with reading(path):  # as text: a type that the first thousands of records have may not last
        table = connection.read_json(path, columns=dict.fromkeys(FIELDS, "VARCHAR"))

    def text(name: str) -> Any:
        return ibis.coalesce(table[name], "").strip()

    chosen = table.select(
        split=ibis.literal(split),
        category=text("cate_lv1_name") + SEPARATOR + text("cate_name"),
        trigger_id=text("trigger_id"),
        trigger_title=text("tirgger_title"),
        trigger_image=text("trigger_img"),
        recall_id=text("recall_id"),
        recall_title=text("recall_title"),
        recall_image=text("recall_img"),
        label=table.label.try_cast("float64"),
    )
    return chosen.filter(_.trigger_id != "", _.recall_id != "")


def one_row_a_listing(pairs: ir.Table) -> ir.Table:
    """Both sides of all pairs as `LISTINGS`, each id once: eval before train, then by its words."""
    sides = [
        pairs.select(
            item_id=pairs[f"{side}_id"],
            title=pairs[f"{side}_title"],
            attributes=ibis.literal(""),
            category_path="category",
            split="split",
            group=ibis.literal(""),
            name=ibis.literal(""),
            image=pairs[f"{side}_image"],
        )
        for side in ("trigger", "recall")
    ]
    ranked = ibis.union(*sides).mutate(
        rank=ibis.row_number().over(
            group_by="item_id", order_by=["split", "title", "image", "category_path"]
        )
    )
    return ranked.filter(_.rank == 0).drop("rank").order_by("split", "item_id")


def products(listings: pa.Table, judged: pa.Table) -> list[str]:
    """The true product of every listing: a connected set of judged pairs; "" where none is."""
    row_of = {item: row for row, item in enumerate(listings["item_id"].to_pylist())}
    left, right = (
        np.array([row_of[item] for item in judged[side].to_pylist()], np.int64)
        for side in ("trigger_id", "recall_id")
    )
    graph = coo_array((np.ones(len(left)), (left, right)), shape=(len(row_of), len(row_of)))
    component = connected_components(graph, directed=False)[1]
    known = set(left.tolist()) | set(right.tolist())
    return [f"P{component[row]}" if row in known else "" for row in range(len(row_of))]


def train_pairs(pairs: ir.Table, listings: pa.Table) -> pa.Table:
    """Distinct train pairs with label 1 whose two listings are of split train."""
    own = ibis.memtable(listings.select(["item_id", "split"])).filter(_.split == "train")
    return (
        pairs.filter(_.split == "train", _.label == 1.0, _.trigger_id != _.recall_id)
        .mutate(
            left_id=ibis.least(_.trigger_id, _.recall_id),
            right_id=ibis.greatest(_.trigger_id, _.recall_id),
        )
        .semi_join(own, [("left_id", "item_id")])
        .semi_join(own, [("right_id", "item_id")])
        .group_by("left_id", "right_id")
        .agg(support=_.count(), category=_.category.min())
        .mutate(weight=ibis.literal(1.0), relevance=ibis.literal(1.0))
        .select("left_id", "right_id", "weight", "support", "relevance", "category")
        .order_by("left_id", "right_id")
        .to_pyarrow()
    )
