"""Tests of stylejax/retrieval/duplicates/summary.py."""

import numpy as np
import pytest
from duplicate_listings import products, space_of

from stylejax.retrieval.duplicates.agreement import agreement
from stylejax.retrieval.duplicates.find import Wanted, find_duplicates
from stylejax.retrieval.duplicates.labelled import ByTruth, Truth
from stylejax.retrieval.duplicates.neighbours import neighbours
from stylejax.retrieval.duplicates.summary import print_summary


def test_it_tells_what_a_newcomer_asks(capsys: pytest.CaptureFixture[str]) -> None:
    vectors, product = products(40, 3, spread=0.05)
    space = space_of(vectors)
    near = neighbours(space, 12, local=0)
    truth = Truth(product, np.zeros(120, np.int64))
    judge = ByTruth(near, truth, np.arange(120))
    found = find_duplicates(space, near, judge, Wanted(0.9))
    group = found.dendrogram.groups(found.threshold)
    judged = {"test": agreement(group, truth, np.arange(120)), "odd [bold]": {"listings": 0}}
    judged["odd [bold]"] = agreement(np.arange(120), truth, np.arange(3))
    told = {
        "wanted": {"precision": 0.9, "confidence": 0.95},
        "threshold_by": "chosen by the true products of split test",
        "truth": {"column": "group", "splits": judged},
    }
    print_summary(found, told)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "listings   120"
    assert lines[1].startswith("groups     ")
    assert lines[2].endswith("chosen by the true products of split test")
    assert lines[3].startswith("precision  ")
    assert lines[3].endswith("of the pairs in one group; wanted 0.9")
    assert lines[4].startswith("recall     ")
    odd = next(line for line in lines if line.strip().startswith("odd [bold]"))
    assert odd.split()[2:5] == ["3", "-", "0.000"]


def test_without_labels_little_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    space = space_of(products(10, 3, spread=0.05)[0])
    found = find_duplicates(space, neighbours(space, 12, local=0), None, Wanted(), 0.9)
    print_summary(found, {"wanted": None, "threshold_by": "given", "truth": None})
    assert capsys.readouterr().out == (
        "listings   30\n"
        "groups     10 with 30 listings, the largest with 3\n"
        "threshold  0.900, given\n"
    )


def test_where_there_is_nothing_to_find_no_share_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    vectors, _ = products(10, 3, spread=0.05)
    space = space_of(vectors)
    near = neighbours(space, 12, local=0)
    judge = ByTruth(near, Truth(np.arange(30), np.zeros(30, np.int64)), np.arange(30))
    found = find_duplicates(space, near, judge, Wanted(), 0.9)
    told = {"wanted": None, "threshold_by": "given", "truth": None}
    print_summary(found, told)
    lines = capsys.readouterr().out.splitlines()
    assert lines[3].startswith("precision  0.000 [")
    assert lines[4] == "recall     - no labelled pair is one product"
    print_summary(find_duplicates(space, near, judge, Wanted(), 2.0), told)
    assert "precision  - no labelled pair is in one group" in capsys.readouterr().out
