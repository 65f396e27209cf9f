"""Tests of stylejax/retrieval/table.py."""

import pytest

from stylejax.retrieval.evaluation.table import print_ann, print_metrics


def direction(recall: float, queries: int) -> dict[str, float]:
    names = ("mrr", "recall@5", "recall@10", "map@r", "ndcg@10")
    return {"recall@1": recall, "queries": queries} | dict.fromkeys(names, 0.5)


METRICS = {
    "protocol": {"queries": "val", "gallery": "train", "leave_one_out": False},
    "directions": {"m-m": direction(0.875, 1234), "t-i": {"queries": 0}},
    "intervals": {"m-m": {"recall@1": [0.85, 0.9]}},
    "breakdowns": {
        "category": {
            "Mugs [12 cm]": {"m-m": direction(0.9, 1000), "i-i": direction(0.8, 900)},
            "Bolts": {"m-m": direction(0.25, 234)},
        }
    },
}


def test_both_tables_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    print_metrics(METRICS)
    lines = capsys.readouterr().out.splitlines()
    assert any("val -> train" in line for line in lines)
    (row,) = [line for line in lines if line.strip().startswith("m-m")]
    assert row.split() == ["m-m", "0.875", "0.850-0.900", *["0.500"] * 5, "1,234"]
    (row,) = [line for line in lines if line.strip().startswith("t-i")]
    assert row.split() == ["t-i", *["-"] * 7, "0"]
    (mugs,) = [line for line in lines if "Mugs" in line]
    assert mugs.split()[-8:] == ["0.800", "-", "0.900", *["900", "/", "0", "/", "1,000"]]
    assert lines.index(next(x for x in lines if "Bolts" in x)) < lines.index(mugs)  # worst first
    (total,) = [line for line in lines if line.strip().startswith("all")]
    assert total.split() == ["all", "-", "-", "0.875", *["0", "/", "0", "/", "1,234"]]


def test_a_category_is_printed_as_it_is_spelled(capsys: pytest.CaptureFixture[str]) -> None:
    """Square brackets are markup to the library that draws the table."""
    odd = {"Lamps [red]": {"m-m": direction(0.1, 1)}, "[/b] Cups": {"m-m": direction(0.2, 1)}}
    print_metrics(METRICS | {"breakdowns": {"category": odd}})
    printed = capsys.readouterr().out
    assert "Lamps [red]" in printed
    assert "[/b] Cups" in printed


def test_a_split_is_printed_as_it_is_spelled(capsys: pytest.CaptureFixture[str]) -> None:
    protocol = {"queries": "a[/b]", "gallery": "[red]", "leave_one_out": False}
    print_metrics(METRICS | {"protocol": protocol})
    assert "a[/b] -> [red]" in capsys.readouterr().out


def test_what_a_tree_loses_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    exact = dict.fromkeys(("recall@1", "recall@5", "recall@10", "mrr", "ndcg@10"), 0.5)
    tree = {"searched": 3, "leaves": 20, "rescored": 50, "recall@10": 0.9625}
    found = {"exact": exact, "scann": exact | {"recall@1": 0.25}, "queries": 1234}
    print_ann({"target": 0.95, "trees": {"m": tree}, "directions": {"t-m": found}})
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["t-m", "exact", *["0.500"] * 5, "1,234"] in lines
    assert ["scann", "0.250", *["0.500"] * 4] in lines
    assert ["difference", "-0.250", *["+0.000"] * 4] in lines
    assert "3 of 20 leaves searched, 50 rescored: recall@10 0.963" in " ".join(lines[-1])


def test_leave_one_out_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    protocol = {"queries": "test", "gallery": "test", "leave_one_out": True}
    print_metrics(METRICS | {"protocol": protocol})
    assert "test, leave one out" in capsys.readouterr().out
