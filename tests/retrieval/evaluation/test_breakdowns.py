"""Tests of stylejax/retrieval/evaluation/breakdowns.py."""

import numpy as np

from stylejax.labels import Label
from stylejax.retrieval.evaluation.breakdowns import breakdowns
from stylejax.retrieval.vectors import VectorSet

LABELS = {
    "a": Label("P", "Home > Mugs", "train", "Home"),
    "b": Label("P", "Home > Mugs", "val", "Home"),
    "c": Label("Q", "Home > Beds", "val", "Home"),
    "d": Label("R", "Tools > Saws", "train", "Tools"),
    "e": Label("S", "Tools > Saws", "train", "Tools"),
}


def vectors(items: str = "abcd", views: str = "mti") -> VectorSet:
    count = len(items)
    present = {view: np.ones(count, bool) for view in views}
    if "t" in views:
        present["t"][0] = False
    if "i" in views:
        present["i"][1] = False
    return VectorSet(list(items), {v: np.zeros((count, 2), np.float32) for v in views}, present)


def test_each_listing_has_a_value_of_each_breakdown() -> None:
    paired = {"a": 2, "b": 2, "d": 2, "e": 1, "unknown": 1}
    found = breakdowns(vectors(), LABELS, "train", paired)
    assert found == {
        "category": ["Home > Mugs", "Home > Mugs", "Home > Beds", "Tools > Saws"],
        "industry": ["Home", "Home", "Home", "Tools"],
        "shows": ["photo alone", "title alone", "photo and title", "photo and title"],
        "product": ["seen", "seen", "unseen", "seen"],
        "listing": ["seen", "unseen", "unseen", "seen"],
        # P has four of the seven ends, R two, S one.
        "demand": ["head", "head", "none", "tail"],
    }


def test_what_nobody_can_tell() -> None:
    assert breakdowns(vectors("ab"), LABELS, "train", {})["demand"] == ["", ""]  # no pairs
    assert breakdowns(vectors("ab", views="m"), LABELS, "train", {})["shows"] == ["", ""]
    same = {item: Label(x.group, x.industry, x.split, x.industry) for item, x in LABELS.items()}
    assert "industry" not in breakdowns(vectors(), same, "train", {})
