"""Tests of input_pipeline/judgements.py."""

import csv
import json
import os
from pathlib import Path

import pytest

from input_pipeline.judgements import parse_grades, read_judgements
from stylejax.config import ConfigError

ESSPR = [
    {"trigger_id": 1, "recall_id": 2, "label": 1, "tirgger_title": "a mug"},
    {"trigger_id": 1, "recall_id": 3, "label": 0, "tirgger_title": "a mug"},
]


def write(path: Path, header: str, *rows: str) -> Path:
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


@pytest.mark.parametrize("name", ["esspr_data4eval", "eval.json", "eval.jsonl"])
@pytest.mark.parametrize("whole", [False, True])
def test_the_public_files_of_esspr_are_read(tmp_path: Path, name: str, whole: bool) -> None:
    if whole and name.endswith("jsonl"):
        pytest.skip("a list is no JSON lines")
    path = tmp_path / name
    path.write_text(json.dumps(ESSPR) if whole else "\n".join(map(json.dumps, ESSPR)))
    found = read_judgements(path, {})
    assert (found.query, found.item_id, found.gain) == (["1", "1"], ["2", "3"], [1.0, 0.0])
    assert found.by_listing is True
    assert found.findings == []


def test_words_and_grades(tmp_path: Path) -> None:
    rows = ["red mug,a,E", "red mug,b,I", "blue mug,a,S"]
    path = write(tmp_path / "j.csv", "query,item_id,label", *rows)
    found = read_judgements(path, {"E": 3.0, "S": 2.0, "I": 0.0})
    assert not found.by_listing
    assert dict(zip(zip(found.query, found.item_id, strict=True), found.gain, strict=True)) == {
        ("red mug", "a"): 3.0,
        ("red mug", "b"): 0.0,
        ("blue mug", "a"): 2.0,
    }
    with pytest.raises(ConfigError, match=r"labels are 'E', 'I', 'S'; give their gains"):
        read_judgements(path, {})
    with pytest.raises(ConfigError, match=r"labels without a gain: 'I', 'S'; name them"):
        read_judgements(path, {"E": 3.0})  # left out, the others would look better


def test_rows_that_say_nothing_are_counted(tmp_path: Path) -> None:
    rows = [
        "a,b,1",
        "a,b,1",
        "a,c,1",
        "a,c,0",
        ",b,1",
        "a,,1",
        "a,d,often",
        "a,d,nan",
        "a,d,-1",
        "a,e,1",
        "a,e,2",
    ]
    path = write(tmp_path / "j.csv", "query_id,item_id,label", *rows)
    found = read_judgements(path, {})
    assert (found.item_id, found.gain) == (["b", "e"], [1.0, 1.5])
    assert found.findings == [
        ("without query, item or gain (labels such as 'often')", 5),
        ("said again", 3),
        ("of pairs that are called right and wrong", 1),
        ("of several grades: their mean counts", 1),
    ]


def test_what_cannot_be_used_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"has the columns a, b; judgements have trigger_id"):
        read_judgements(write(tmp_path / "j.csv", "a,b", "1,2"), {})
    with pytest.raises(ConfigError, match="no usable judgement: rows need a query"):
        read_judgements(write(tmp_path / "k.csv", "query,item_id,label", ",,1"), {})
    with pytest.raises(ConfigError, match="cannot read"):
        read_judgements(tmp_path / "missing.csv", {})


def test_grades_are_names_and_gains() -> None:
    assert parse_grades("") == {}
    assert parse_grades(" E=3, S = 0.5 ,") == {"E": 3.0, "S": 0.5}
    for wrong in ("E", "E=x", "=3", "E=-1", "E=nan", "E=inf"):
        with pytest.raises(ConfigError, match=f"--grades has '{wrong}'"):
            parse_grades(wrong)
    with pytest.raises(ConfigError, match="--grades has E as 1 and 2; give one"):
        parse_grades("E=1,I=0,E=2")


def test_real_grades(tmp_path: Path) -> None:
    """6,678 human labels of 150 searches (esci-ubi); its columns are renamed on the way."""
    shelf = os.environ.get("STYLEJAX_DATA", "")
    source = Path(shelf) / "esci-ubi" / "judgments.csv"
    if not shelf or not source.is_file():
        pytest.skip("STYLEJAX_DATA names no folder with esci-ubi/judgments.csv")
    path = tmp_path / "esci.csv"
    with source.open(newline="") as read, path.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["query", "item_id", "label"])
        writer.writerows([row["query"], row["asin"], row["esci"]] for row in csv.DictReader(read))
    found = read_judgements(path, {"E": 3, "S": 2, "C": 1, "I": 0})
    assert len(set(found.query)) == 150
    again = sum(count for what, count in found.findings if what == "said again")
    assert len(found.gain) + again == 6678
    assert found.gain.count(3.0) > 3300
