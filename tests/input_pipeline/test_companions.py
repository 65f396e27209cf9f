"""Tests of input_pipeline/companions.py, and of the rows that they change in a batch."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from input_pipeline.catalogue import Catalogue
from input_pipeline.companions import Companions, companions, read_negatives
from input_pipeline.graph import PairGraph, pair_graph
from input_pipeline.sampling import PairSampler
from stylejax.config import ConfigError, SamplingConfig

COUNT = 24  # listings: 2n and 2n + 1 are a pair, but the last two have no partner


def catalogue() -> Catalogue:
    ids, none = [str(n) for n in range(COUNT)], [""] * COUNT
    return Catalogue(ids, none, none, none, ["train"] * COUNT, Path())


def graph() -> PairGraph:
    left = list(range(0, COUNT - 2, 2))
    ends = {"left_id": map(str, left), "right_id": (str(n + 1) for n in left)}
    table = pa.table({name: list(of) for name, of in ends.items()} | {"weight": [1.0] * len(left)})
    return pair_graph(catalogue(), table, "train")


def negatives(*pairs: tuple[int, int]) -> pa.Table:
    left, right = zip(*pairs, strict=True)
    return pa.table({"left_id": [str(n) for n in left], "right_id": [str(n) for n in right]})


def hard(*pairs: tuple[int, int]) -> Companions:
    return companions(catalogue(), graph(), negatives(*pairs), "train")


def test_companions_stand_by_listing_from_both_ends() -> None:
    found = hard((0, 4), (6, 0), (4, 0), (2, 3), (8, 22))
    # 2 and 3 are one product by now, and 22 has no partner: a row of a batch is a pair.
    of = {
        k: found.listing[found.start[k] : found.start[k + 1]].tolist()
        for k in range(len(graph().left))
    }
    assert {k: mine for k, mine in of.items() if mine} == {0: [4, 6], 4: [0], 6: [0]}


@pytest.mark.parametrize("rows", [8, 12])
@pytest.mark.parametrize("share", [0.125, 0.25, 0.4, 0.5])
@pytest.mark.parametrize("options", [{}, {"epoch": "pairs"}, {"swap": True}], ids=str)
def test_rows_of_a_batch_are_hard_for_the_row_above(rows: int, share: float, options: dict) -> None:
    pairs = graph()
    settings = SamplingConfig(hard_share=share, **options)
    # Every listing of a pair is like each of the next pair.
    like = [(n, m) for n in range(20) for m in (n // 2 * 2 + 2, n // 2 * 2 + 3)]
    number = np.arange(40 * rows)
    plain = PairSampler(pairs, settings, rows, 7)(number)[0]
    made = PairSampler(pairs, settings, rows, 7, hard(*like))(number)[0]
    changed = {int(n) % rows for n in np.flatnonzero((plain // 2 != made // 2).any(axis=1))}
    row = np.arange(rows)
    expected = row[np.floor((row + 1) * share) > np.floor(row * share)]
    assert len(expected) == int(rows * share)
    assert changed == set(expected.tolist())
    where = np.isin(number % rows, expected)
    above = np.flatnonzero(where) - 1
    assert set(np.abs(made[where] // 2 - made[above] // 2).ravel().tolist()) == {1}
    # They are pairs like any others, and other rows are what they were.
    assert np.array_equal(made[:, 0] ^ 1, made[:, 1])
    assert np.array_equal(made[~where], plain[~where])


def test_a_listing_without_companions_leaves_the_row_as_it_was() -> None:
    pairs, settings = graph(), SamplingConfig(hard_share=0.5)
    number = np.arange(200)
    plain = PairSampler(pairs, settings, 10, 0)(number)[0]
    made = PairSampler(pairs, settings, 10, 0, hard((0, 4)))(number)[0]
    follow = np.flatnonzero((number % 2 == 1) & np.isin(np.roll(plain[:, 0], 1), (0, 4)))
    assert {0, 4} >= set(made[follow, 0].tolist())
    others = np.setdiff1d(number, follow)
    assert np.array_equal(made[others], plain[others])


def test_a_row_does_not_depend_on_what_is_asked_beside_it() -> None:
    """So hosts and resumed runs see the same batches."""
    like = [(n, n + 2) for n in range(18)]
    sample = PairSampler(graph(), SamplingConfig(hard_share=0.5), 8, 3, hard(*like))
    whole = sample(np.arange(160))[0]
    some = np.array([155, 9, 8, 31])
    assert np.array_equal(sample(some)[0], whole[some])


def test_files_are_read_one_after_another(tmp_path: Path) -> None:
    for name, pair in (("a", (0, 1)), ("b", (2, 3))):
        table = negatives(pair).append_column("score", pa.array([0.5]))
        pq.write_table(table, tmp_path / f"{name}.parquet")
    read = read_negatives([str(tmp_path / "a.parquet"), str(tmp_path / "b.parquet")])
    assert read.to_pydict() == {"left_id": ["0", "2"], "right_id": ["1", "3"]}


def test_what_is_no_file_of_negatives_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read .*none.parquet .*--from-index"):
        read_negatives([str(tmp_path / "none.parquet")])
    (tmp_path / "text.parquet").write_text("left_id")
    with pytest.raises(ConfigError, match=r"cannot read .*text.parquet"):
        read_negatives([str(tmp_path / "text.parquet")])
    pq.write_table(pa.table({"left_id": ["a"]}), tmp_path / "half.parquet")
    with pytest.raises(ConfigError, match="has no columns left_id and right_id"):
        read_negatives([str(tmp_path / "half.parquet")])


def test_negatives_of_another_catalogue_and_none_at_all_are_told() -> None:
    with pytest.raises(ConfigError, match="1 pairs name listings that are not in split 'train'"):
        hard((0, 99))
    with pytest.raises(ConfigError, match="of 1 pairs none is of two products"):
        hard((0, 1))
