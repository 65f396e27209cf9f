"""Tests of stylejax/retrieval/evaluation/ann.py."""

import numpy as np
import pytest
from clustered import clustered

from stylejax.config import ConfigError
from stylejax.retrieval.evaluation import ann
from stylejax.retrieval.evaluation.ann import LISTED, ann_loss
from stylejax.retrieval.evaluation.ranks import rank_right
from stylejax.retrieval.evaluation.scores import scores_of
from stylejax.retrieval.evaluation.truth import of_groups
from stylejax.retrieval.index.tree import Effort, scann_is_here
from stylejax.retrieval.index.tuning import Tuning
from stylejax.retrieval.vectors import VectorSet

pytestmark = pytest.mark.skipif(
    not scann_is_here(), reason="ScaNN has wheels for Linux on x86-64 only"
)
DIRECTIONS = ("m-m", "t-m", "i-i")


def listings(rows: int, groups: int) -> tuple[VectorSet, list[str]]:
    rng = np.random.default_rng(0)
    product = rng.integers(0, groups, rows)
    x = {}
    for view, noise in (("m", 0.1), ("t", 0.2)):
        near = clustered(groups)[product] + noise * rng.normal(size=(rows, 16))
        x[view] = (near / np.linalg.norm(near, axis=1, keepdims=True)).astype(np.float32)
    there = {"m": np.ones(rows, bool), "t": np.arange(rows) % 5 > 0}
    return VectorSet([str(n) for n in range(rows)], x, there), [str(p) for p in product]


def test_what_is_lost_is_told_beside_what_there_is() -> None:
    vectors, groups = listings(3000, 600)
    truth = of_groups(groups, np.arange(0, 3000, 3), np.arange(3000))
    found = ann_loss(vectors, truth, DIRECTIONS, 0.9)
    assert set(found["directions"]) == {"m-m", "t-m"}
    assert found["trees"]["m"]["recall@10"] > 0.85
    for direction, both in found["directions"].items():
        ranks = rank_right(vectors, vectors, direction, truth)
        exact = scores_of(ranks, truth)
        assert both["queries"] == len(exact.rows)
        for name in ("recall@1", "recall@20", "ndcg@10"):
            assert both["exact"][name] == pytest.approx(exact.mean()[name])
            assert both["scann"][name] == pytest.approx(both["exact"][name], abs=0.05)
        listed = np.array([ranks.rank[a] for a in ranks.starts[:-1]])
        expected = np.mean(np.where(listed <= LISTED, 1 / listed, 0))
        assert both["exact"]["mrr"] == pytest.approx(expected)


def test_a_tree_that_finds_everything_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole tree is searched, and everything is scored again."""
    vectors, groups = listings(400, 100)
    truth = of_groups(groups, np.arange(400), np.arange(400))
    monkeypatch.setattr(
        ann, "tuned", lambda tree, *_: Tuning(Effort(tree.leaves, 400), recall=1.0, queries=200)
    )
    found = ann_loss(vectors, truth, ("m-m",), 0.9)
    both = found["directions"]["m-m"]
    assert found["trees"]["m"]["searched"] == found["trees"]["m"]["leaves"]
    for name, value in both["exact"].items():
        assert both["scann"][name] == pytest.approx(value, abs=1e-3)


def test_too_few_vectors_say_nothing() -> None:
    vectors, groups = listings(60, 20)
    with pytest.raises(ConfigError, match="a tree over 60 vectors"):
        ann_loss(vectors, of_groups(groups, np.arange(60), np.arange(60)), ("m-m",), 0.9)
