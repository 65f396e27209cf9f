"""Tests of input_pipeline/mining/searched.py."""

import csv
from pathlib import Path

from input_pipeline.mining.searched import searched
from stylejax.config import DataConfig, MiningConfig


def test_words_are_compared_as_queries_are(tmp_path: Path) -> None:
    path = tmp_path / "clicks.csv"
    with path.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["query", "item_id", "clicked", "relevance"])
        writer.writerows([["Red Mug ", "a", 1, 0.5], ["saw", "b", 0, 0.5], ["", "b", 1, 0.5]])
    words = ["red mug", " RED MUG", "saw", "mug", ""]
    found = searched(DataConfig(), MiningConfig(), path, words)
    assert found == {"red mug", " RED MUG", "saw", ""}
