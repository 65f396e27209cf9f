"""Tests of stylejax/retrieval/index/folder.py."""

import json
from pathlib import Path

import numpy as np
import pytest
from clustered import clustered, ids, unit

from stylejax.config import ConfigError
from stylejax.origin import Origin
from stylejax.retrieval.index import build
from stylejax.retrieval.index.build import make_part
from stylejax.retrieval.index.folder import load_index, save_index
from stylejax.retrieval.index.part import Part
from stylejax.retrieval.index.tree import scann_is_here

ORIGIN = Origin("run", 7, "ab", "ff")
ENGINES = [
    "exact",
    pytest.param(
        "scann",
        marks=pytest.mark.skipif(
            not scann_is_here(),
            reason="ScaNN is not installed; it has wheels for Linux on x86-64 only",
        ),
    ),
]


def parts(engine, sizes: tuple[int, ...] = (1_500, 900)) -> list[Part]:
    return [
        make_part(ids(n), ["Home > Mugs", ""] * (n // 2), clustered(n, seed=n), engine, 0.9)
        for n in sizes
    ]


@pytest.mark.parametrize("engine", ENGINES)
def test_an_index_survives_the_disk_wherever_it_is_moved(
    tmp_path: Path, engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "FEW", 1_000)  # the first part has a tree, the second has none
    made = parts(engine)
    assert [part.tree is not None for part in made] == [engine == "scann", False]
    save_index(tmp_path / "here", made, "t", 0.9, ORIGIN)
    (tmp_path / "here").rename(tmp_path / "there")
    loaded = load_index(tmp_path / "there")
    assert (loaded.view, loaded.engine, loaded.target, loaded.origin) == ("t", engine, 0.9, ORIGIN)
    assert loaded.dim == 16
    queries = clustered(9, seed=3)
    for before, after in zip(made, loaded.parts, strict=True):
        assert after.item_id == before.item_id
        assert after.category_path == before.category_path
        assert after.tuning == before.tuning
        assert np.array_equal(after.vectors, before.vectors)
        for a, b in zip(before.search(queries, 5), after.search(queries, 5), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-6)


def test_an_index_is_replaced(tmp_path: Path) -> None:
    save_index(tmp_path, parts("exact"), "m", 0.9, None)
    save_index(tmp_path, parts("exact", (40,)), "i", 0.9, None)
    loaded = load_index(tmp_path)
    assert (len(loaded), loaded.view, loaded.origin) == (40, "i", None)
    assert len(list(tmp_path.glob("part-*"))) == 1


def test_an_index_serves_until_the_next_one_is_whole(tmp_path: Path) -> None:
    save_index(tmp_path, parts("exact", (40,)), "m", 0.9, None)
    (tmp_path / "notes.txt").write_text("mine")

    def broken():
        yield from parts("exact", (20,))
        raise OSError("the export is gone")

    for _ in range(2):  # what the first left is in nobody's way
        with pytest.raises(OSError, match="the export is gone"):
            save_index(tmp_path, broken(), "i", 0.9, None)
        assert (len(load_index(tmp_path)), load_index(tmp_path).view) == (40, "m")
    save_index(tmp_path, parts("exact", (20,)), "i", 0.9, None)
    assert (len(load_index(tmp_path)), load_index(tmp_path).view) == (20, "i")
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"index.json", "part-00000", "notes.txt"}


def test_parts_are_written_as_they_come(tmp_path: Path) -> None:
    seen = []

    def one_by_one():
        for part in parts("exact", (40, 20, 30)):
            seen.append(len(list(tmp_path.glob("unfinished/part-*/vectors.npy"))))
            yield part

    save_index(tmp_path, one_by_one(), "m", 0.9, None)
    assert seen == [0, 1, 2]


def test_nothing_to_index_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no listing has a vector of view 'i'"):
        save_index(tmp_path, [], "i", 0.9, None)
    with pytest.raises(ConfigError, match="make one with `stylejax index"):
        load_index(tmp_path)


@pytest.mark.parametrize("fault", ["gone", "cut"])
def test_a_damaged_index_is_told(tmp_path: Path, fault: str) -> None:
    save_index(tmp_path, [Part(ids(9), [""] * 9, unit(9))], "m", 0.9, None)
    if fault == "gone":
        (tmp_path / "part-00000" / "vectors.npy").unlink()
    else:
        (tmp_path / "part-00000" / "listings.parquet").write_bytes(b"PAR1")
    with pytest.raises(ConfigError, match=r"is damaged .*run `stylejax index` again"):
        load_index(tmp_path)


@pytest.mark.parametrize("lacks", ["parts", "recall", "tuning"])
def test_an_index_of_another_version_is_told(tmp_path: Path, lacks: str) -> None:
    save_index(tmp_path, [Part(ids(9), [""] * 9, unit(9))], "m", 0.9, None)
    description = json.loads((tmp_path / "index.json").read_text())
    if lacks == "parts":
        del description["parts"]
    elif lacks == "recall":
        del description["parts"][0]["recall"]
    else:
        description["parts"][0]["tuning"] = {"effort": {"leaves": 3}, "recall": 0.9, "queries": 7}
    (tmp_path / "index.json").write_text(json.dumps(description))
    with pytest.raises(ConfigError, match=r"another version .*run `stylejax index` again"):
        load_index(tmp_path)
