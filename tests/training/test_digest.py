"""Tests of stylejax/training/digest.py."""

from pathlib import Path

import jax
import jax.numpy as jnp
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stylejax.config import ConfigError
from stylejax.training import digest
from stylejax.training.digest import data_digest, require_same_data, weights_digest
from stylejax.training.mesh import make_mesh, replicated

PAIRS = {"left_id": ["a", "a", "b"], "right_id": ["b", "c", "c"], "weight": [0.5, 1.0, 0.25]}
LISTINGS = {"item_id": ["a", "b", "c"], "title": ["red mug", "", "größer"], "photo": ["1.jpg", ""]}


def of(**columns: list) -> dict[str, str]:
    changed = {name: columns.pop(name, values) for name, values in LISTINGS.items()}
    return data_digest(pa.table(PAIRS | columns), changed)


def test_equal_content_has_equal_digests_however_it_is_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = of()
    assert set(expected) == {"pairs", "catalogue"}
    table = pa.table(PAIRS).append_column("support", pa.array([2, 2, 3]))
    pq.write_table(table, tmp_path / "pairs.parquet", row_group_size=1, compression="zstd")
    stored = pq.read_table(tmp_path / "pairs.parquet")
    monkeypatch.setattr(digest, "CHUNK", 2)
    assert data_digest(stored, LISTINGS) == expected
    assert data_digest(pa.concat_tables([table[:1], table[1:]]), LISTINGS) == expected
    ids = [(name, pa.large_string()) for name in ("left_id", "right_id")]
    wide = pa.table(PAIRS, pa.schema([*ids, ("weight", pa.float64())]))
    assert data_digest(wide, LISTINGS) == expected


def test_hard_negatives_have_a_digest_of_their_own() -> None:
    ends = {name: PAIRS[name] for name in ("left_id", "right_id")}
    found = data_digest(pa.table(PAIRS), LISTINGS, pa.table(ends))
    assert {name: found[name] for name in ("pairs", "catalogue")} == of()
    fewer = data_digest(pa.table(PAIRS), LISTINGS, pa.table(ends)[:2])
    assert {name for name in found if found[name] != fewer[name]} == {"negatives"}
    require_same_data(of(), found, "run")  # whether there are any is told by the settings


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"weight": [0.5, 1.0, 0.5]}, "pairs"),
        ({"right_id": ["b", "c", "d"]}, "pairs"),
        ({"left_id": ["a", "a", "a"]}, "pairs"),
        ({"left_id": ["aa", "", "b"]}, "pairs"),
        ({"title": ["red mug", "", "grösser"]}, "catalogue"),
        ({"title": ["", "red mug", "größer"]}, "catalogue"),
        ({"item_id": ["b", "a", "c"]}, "catalogue"),
        ({"photo": ["", "1.jpg"]}, "catalogue"),
        ({"title": ["red mug", ""], "photo": ["größer", "1.jpg", ""]}, "catalogue"),
    ],
    ids=str,
)
def test_every_change_shows_where_it_is(change: dict[str, list], name: str) -> None:
    before, after = of(), of(**change)
    assert {key for key in before if before[key] != after[key]} == {name}


def test_weights_have_the_same_digest_wherever_they_lie_and_no_other() -> None:
    first = {"a": jnp.arange(8.0), "b": jnp.zeros((2, 3))}
    everywhere = jax.device_put(first, replicated(make_mesh(8)))
    assert weights_digest(dict(reversed(everywhere.items()))) == weights_digest(first)
    changes = (
        {"a": first["a"].at[3].add(1e-6)},
        {"a": first["a"].reshape(2, 4)},
        {"b": jnp.zeros((2, 3), jnp.int32)},
        {"c": first["b"]},
    )
    digests = {weights_digest(first | change) for change in changes}
    assert len(digests | {weights_digest(first)}) == 5


def test_the_message_says_what_changed_and_the_fix() -> None:
    saved = {"pairs": "1", "catalogue": "2"}
    with pytest.raises(ConfigError) as raised:
        require_same_data(saved, saved | {"pairs": "9"}, "runs/demo")
    message = str(raised.value)
    assert "runs/demo" in message
    assert "pairs changed; mine with" in message
    assert "listings" not in message
    assert "--restart" in message
    with pytest.raises(ConfigError, match=r"pairs and catalogue changed; mine .* and give .* ids"):
        require_same_data(saved, {"pairs": "8", "catalogue": "9"}, "runs/demo")


@pytest.mark.parametrize("saved", [{}, {"pairs": "1", "catalogue": "2"}])
@pytest.mark.parametrize("now", [{}, {"pairs": "1", "catalogue": "2"}])
def test_what_was_not_kept_or_not_asked_is_no_change(
    saved: dict[str, str], now: dict[str, str]
) -> None:
    require_same_data(saved, now, "runs/demo")
