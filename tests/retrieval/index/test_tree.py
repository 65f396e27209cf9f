"""Tests of stylejax/retrieval/index/tree.py."""

import sys
from pathlib import Path

import numpy as np
import pytest
from clustered import clustered

from stylejax.config import ConfigError
from stylejax.retrieval.index import tree as module
from stylejax.retrieval.index.tree import Effort, ScannTree, scann_is_here

pytestmark = pytest.mark.skipif(
    not scann_is_here(),
    reason="ScaNN is not installed; it has wheels for Linux on x86-64 only",
)
VECTORS = clustered(20_500)


@pytest.fixture(scope="module")
def tree() -> ScannTree:
    return ScannTree.build(VECTORS)


def shared(tree: ScannTree, k: int, effort: Effort, count: int = 100) -> float:
    found, scores = tree.search(VECTORS[:count], k, effort)
    assert np.isfinite(scores).all()
    assert all(len(set(row)) == k for row in found.tolist())
    best = np.argsort(-(VECTORS[:count] @ VECTORS.T), axis=1)[:, :k]
    return float(np.mean([len(set(a) & set(b)) / k for a, b in zip(found, best, strict=True)]))


def test_more_effort_finds_more(tree: ScannTree) -> None:
    assert tree.leaves == 286
    found = [shared(tree, 10, Effort(*effort)) for effort in ((1, 20), (12, 100), (286, 800))]
    assert found[0] < found[1] <= found[2]
    assert found[1] > 0.9
    assert found[2] > 0.99


def test_narrow_leaves_do_not_draw_the_queries_of_wide_ones() -> None:
    """The mean of a narrow cluster is longer than that of a wide one."""
    random = np.random.default_rng(0)
    cluster = random.integers(0, 200, 8_000)
    spread = np.where(cluster < 100, 0.1, 1.0)
    x = random.normal(size=(200, 32))[cluster] + spread[:, None] * random.normal(size=(8_000, 32))
    x = (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)
    wide = x[cluster >= 100][:200]
    true = np.argsort(-(wide @ x.T), axis=1)[:, :10]
    found, _ = ScannTree.build(x).search(wide, 10, Effort(8, 200))
    shared = [len(set(a) & set(b)) / 10 for a, b in zip(found, true, strict=True)]
    assert np.mean(shared) > 0.66  # .75; with means as centres .58


@pytest.mark.parametrize("spare", [1, 4])
def test_many_results_are_whole(
    tree: ScannTree, monkeypatch: pytest.MonkeyPatch, spare: int
) -> None:
    """Far more than a few leaves hold; leaves that hold too few are made up for."""
    monkeypatch.setattr(module, "SPARE_LEAVES", spare)
    assert shared(tree, 5_000, Effort(3, 100), count=4) > (0.8 if spare > 1 else 0.2)


def test_scores_are_cosines(tree: ScannTree) -> None:
    for count in (3, 200):  # one thread, several
        found, scores = tree.search(VECTORS[:count], 5, Effort(286, 100))
        exact = np.take_along_axis(VECTORS[:count] @ VECTORS.T, found, axis=1)
        np.testing.assert_allclose(scores, exact, atol=1e-5)


def test_it_survives_the_disk_wherever_it_is_moved(tree: ScannTree, tmp_path: Path) -> None:
    tree.save(tmp_path / "here")
    (tmp_path / "here").rename(tmp_path / "there")
    loaded = ScannTree.load(tmp_path / "there", len(VECTORS), tree.leaves)
    for a, b in zip(
        tree.search(VECTORS[:5], 5, Effort(9, 50)),
        loaded.search(VECTORS[:5], 5, Effort(9, 50)),
        strict=True,
    ):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_a_pickle_is_refused(tree: ScannTree, tmp_path: Path) -> None:
    """ScaNN's loader would run what is in it."""
    tree.save(tmp_path)
    (tmp_path / "scann_docids.pkl").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(ConfigError, match=r"scann_docids\.pkl is no file of an index"):
        ScannTree.load(tmp_path, len(VECTORS), tree.leaves)


def test_where_scann_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scann", None)
    assert not scann_is_here()
    with pytest.raises(ConfigError, match=r"ScaNN is not installed .* --engine exact"):
        ScannTree.build(VECTORS)
