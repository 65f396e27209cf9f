"""Tests of input_pipeline/pair_labels.py."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from input_pipeline.pair_labels import load_pair_labels
from stylejax.config import ConfigError


def table(path: Path, *rows: str, header: str = "pair,left_id,right_id,score,label") -> Path:
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def test_pairs_with_a_label_are_read(tmp_path: Path) -> None:
    path = table(tmp_path / "p.csv", "1,b,a,.9,1", "2,c,d,.8,0", "3,e,f,.7,", "4,a,b,.6, 1 ")
    found = load_pair_labels(path)
    assert (found.left_id, found.right_id) == (["a", "c"], ["b", "d"])
    assert found.same.tolist() == [True, False]
    assert found.unlabelled == 1
    assert len(found) == 2


def test_parquet_has_numbers_and_truths(tmp_path: Path) -> None:
    for name, labels in (("numbers", [1, 0, None]), ("truths", [True, False, None])):
        rows = {"left_id": [1, 2, 3], "right_id": [4, 5, 6], "label": labels}
        pq.write_table(pa.table(rows), tmp_path / f"{name}.parquet")
        found = load_pair_labels(tmp_path / f"{name}.parquet")
        assert found.left_id == ["1", "2"]
        assert found.same.tolist() == [True, False]


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (["1,a,b,.9,yes"], "row 1 has label 'yes'; write 1, 0 or none"),
        (["1,a,a,.9,1"], "row 1 pairs 'a' with itself"),
        (["1,a,b,.9,1", "2,b,a,.9,0"], "labels 'a' and 'b' 0 and 1"),
        (["1,a,b,.9,", "2,c,d,.9,"], "has no labelled pair; 2 wait for a 1 or a 0"),
        ([], "has no labelled pair$"),
    ],
)
def test_labels_that_cannot_be_are_refused(tmp_path: Path, rows: list[str], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        load_pair_labels(table(tmp_path / "p.csv", *rows))


def test_a_table_without_the_columns_is_refused(tmp_path: Path) -> None:
    path = table(tmp_path / "p.csv", "a,b", header="left_id,right")
    with pytest.raises(ConfigError, match="no column right_id, label; labelled pairs have left_id"):
        load_pair_labels(path)
    with pytest.raises(ConfigError, match="no table of labelled pairs"):
        load_pair_labels(tmp_path / "lost.csv")
