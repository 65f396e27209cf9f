"""Tests of stylejax/retrieval/evaluation/comparable.py."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stylejax.config import ConfigError
from stylejax.retrieval.evaluation.comparable import (
    differences,
    queries_file,
    read_queries,
    require_same_protocol,
)


def queries(found: np.ndarray, *, direction: str = "m-m", right: int = 2) -> pa.Table:
    """Four queries a product; `found` are zeros and ones."""
    count = len(found)
    return pa.table(
        {
            "direction": [direction] * count,
            "item_id": [f"L{n}" for n in range(count)],
            "cluster": [f"P{n // 4}" for n in range(count)],
            "right": [right] * count,
            "recall@1": found.astype(np.float64),
            "map@r": found / 2,
        }
    )


def test_a_difference_has_an_interval_and_a_p() -> None:
    rng = np.random.default_rng(0)
    first = rng.random(240) < 0.5
    second = first | (rng.random(240) < 0.4)
    for one in differences(queries(first), queries(second)):
        scale = {"recall@1": 1.0, "map@r": 0.5}[one.metric]
        assert one.first == pytest.approx(scale * first.mean())
        assert one.second == pytest.approx(scale * second.mean())
        assert 0 < one.low < one.second - one.first < one.high
        assert one.p < 0.01
        assert (one.direction, one.queries) == ("m-m", 240)


def test_the_order_of_queries_means_nothing_and_equal_runs_are_equal() -> None:
    table = queries(np.arange(40) % 3 == 0)
    shuffled = table.take(np.random.default_rng(0).permutation(40))
    for one in differences(table, shuffled):
        assert (one.low, one.high, one.p) == (0.0, 0.0, 1.0)


def test_more_tests_ask_for_more() -> None:
    rng = np.random.default_rng(3)
    first = rng.random(160) < 0.5
    second = np.where(rng.random(160) < 0.12, True, first)
    alone = differences(queries(first), queries(second), ["recall@1"])[0]
    directions = ("m-m", "i-i", "t-t")
    tables = [
        pa.concat_tables([queries(found, direction=d) for d in directions])
        for found in (first, second)
    ]
    together = differences(*tables, ["recall@1"])
    assert [one.direction for one in together] == list(directions)
    assert together[0].p == pytest.approx(min(1.0, 3 * alone.p))


def test_other_queries_are_refused_by_name() -> None:
    table = queries(np.arange(8) % 2)
    with pytest.raises(ConfigError, match=r"1 queries of m-m .* 'L7' \(2 right answers and none\)"):
        differences(table, table.slice(0, 7))
    with pytest.raises(ConfigError, match="2 right answers and 3 right answers"):
        differences(table, queries(np.arange(8) % 2, right=3))


def test_directions_of_one_run_alone_are_left_out() -> None:
    table = queries(np.arange(8) % 2)
    assert differences(table, queries(np.arange(8) % 2, direction="i-i")) == []
    assert differences(pa.table({}), table) == []


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    assert queries_file(path).name == "metrics.queries.parquet"
    with pytest.raises(ConfigError, match=r"no .*metrics\.queries\.parquet; run"):
        read_queries(path)
    queries_file(path).write_bytes(b"PAR1")
    with pytest.raises(ConfigError, match="cannot read"):
        read_queries(path)
    pq.write_table(queries(np.arange(8) % 2), queries_file(path))
    assert read_queries(path).num_rows == 8


def test_what_was_asked_of_both_must_be_the_same() -> None:
    mine = {"protocol": {"queries": "val", "gallery": "train"}, "gallery": 400, "truth": "group"}
    require_same_protocol(mine, dict(mine))
    for name, other in (("gallery", 4400), ("protocol", {"queries": "val"}), ("truth", "style")):
        with pytest.raises(ConfigError, match=f"differ in more than the model: {name} is"):
            require_same_protocol(mine, mine | {name: other})
