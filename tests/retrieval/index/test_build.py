"""Tests of stylejax/retrieval/index/build.py."""

from pathlib import Path

import numpy as np
import pytest
from clustered import clustered, ids
from export_jobs import cut, exported, titles, vector

from stylejax.config import ConfigError
from stylejax.retrieval.index import build, tree
from stylejax.retrieval.index.build import engine_of, make_part, parts_of
from stylejax.retrieval.index.folder import load_index, save_index
from stylejax.retrieval.index.index import Index
from stylejax.retrieval.index.tree import scann_is_here

needs_scann = pytest.mark.skipif(
    not scann_is_here(), reason="ScaNN is not installed; it has wheels for Linux on x86-64 only"
)


@pytest.mark.parametrize("dtype", ["float32", "int8"])
@pytest.mark.parametrize(("most", "sizes"), [(1, [8, 8, 6]), (9, [16, 6]), (1000, [22])])
def test_parts_end_where_shards_do(tmp_path: Path, dtype: str, most: int, sizes: list[int]) -> None:
    listings = titles(22)
    exported(cut(listings, 8), tmp_path, dtype=dtype)
    parts = list(parts_of(tmp_path, "m", "exact", 0.9, most))
    assert [len(part) for part in parts] == sizes
    assert [item for part in parts for item in part.item_id] == list(listings)
    for part in parts:
        for item, path, found in zip(part.item_id, part.category_path, part.vectors, strict=True):
            assert path == f"Home > {len(listings[item])}"
            near = vector(int(listings[item] or -1), "m")
            np.testing.assert_allclose(found, near, atol=0 if dtype == "float32" else 1e-2)


def test_only_listings_that_have_the_view_are_indexed(tmp_path: Path) -> None:
    exported(cut(titles(10), 4), tmp_path, views=["t"])
    (part,) = parts_of(tmp_path, "t", "exact", 0.9, 1000)
    assert part.item_id == [item for item in titles(10) if item != "item 3"]
    with pytest.raises(ConfigError, match=r"the export has views \['t'\], not 'm'"):
        list(parts_of(tmp_path, "m", "exact", 0.9, 1000))


def test_a_damaged_shard_is_refused(tmp_path: Path) -> None:
    exported(cut(titles(10), 4), tmp_path)
    (tmp_path / "part-00001.parquet").write_bytes(b"PAR1")
    with pytest.raises(ConfigError, match=r"part-00001\.parquet is missing or was changed"):
        list(parts_of(tmp_path, "m", "exact", 0.9, 1000))


@needs_scann
def test_many_vectors_get_a_tree_that_finds_what_was_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(build, "FEW", 3_000)
    vectors, others = clustered(4_000), clustered(700, seed=8)
    part = make_part(ids(4_000), [""] * 4_000, vectors, "scann", 0.95, queries=others)
    assert part.tree is not None
    assert part.tuning is not None
    assert part.tuning.recall > 0.9
    assert part.tuning.queries == 500
    found, _ = part.search(others, 10)
    true = np.argsort(-(others @ vectors.T), axis=1)[:, :10]
    shared = [len(set(a) & set(b)) / 10 for a, b in zip(found, true, strict=True)]
    assert np.mean(shared) > 0.9
    few = make_part(ids(3_000), [""] * 3_000, vectors[:3_000], "scann", 0.95)
    assert few.tree is None


def test_the_engine_is_the_one_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "scann_is_here", lambda: True)
    monkeypatch.setattr(tree, "scann_is_here", lambda: True)
    assert [engine_of(name) for name in ("auto", "scann", "exact")] == ["scann", "scann", "exact"]
    monkeypatch.setattr(build, "scann_is_here", lambda: False)
    monkeypatch.setattr(tree, "scann_is_here", lambda: False)
    assert [engine_of(name) for name in ("auto", "exact")] == ["exact", "exact"]
    assert engine_of("approx") == "approx"
    with pytest.raises(ConfigError, match="ScaNN is not installed"):
        engine_of("scann")


def test_the_devices_are_asked_for_about_the_best(tmp_path: Path) -> None:
    """TPUs then take a fraction of the time; here it finds as much or more."""
    exported(cut(titles(400), 400), tmp_path)
    (part,) = parts_of(tmp_path, "m", "approx", 0.9, 1000)
    index = Index([part], "m", 0.9)
    assert (part.tree, part.recall, index.engine) == (None, 0.9, "approx")
    save_index(tmp_path / "index", [part], "m", 0.9, None)
    assert load_index(tmp_path / "index").engine == "approx"
    (exact,) = parts_of(tmp_path, "m", "exact", 0.9, 1000)
    found, true = (each.search(part.vectors[:50], 10)[0] for each in (part, exact))
    shared = [len(set(a) & set(b)) / 10 for a, b in zip(found, true, strict=True)]
    assert np.mean(shared) >= 0.9
