"""Tests of MiningConfig: every range, and moments of time."""

from typing import Any

import pytest

from stylejax.config import Config, ConfigError, MiningConfig, from_json, to_json


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"min_profile_similarity": 1.5}, "min_profile_similarity is 1.5"),
        ({"max_bad_share": -0.1}, "max_bad_share is -0.1"),
        ({"min_session_support": 0}, "min_session_support is 0"),
        ({"min_item_support": 0}, "min_item_support is 0"),
        ({"min_shown_together": 0}, "min_shown_together is 0"),
        ({"max_query_listings": -1}, "max_query_listings is -1"),
        ({"max_negatives_per_item": -1}, "max_negatives_per_item is -1"),
        ({"evidence": ()}, "give some of query, session, item"),
        ({"evidence": ("query", "query")}, "each once"),
        ({"evidence": ("session",), "min_profile_similarity": 0.1}, "add query"),
        ({"memory_limit": "2 gigs"}, "write it as 2GiB"),
        ({"memory_limit": "2GiB'; DROP"}, "write it as 2GiB"),
        ({"since": "yesterday"}, "since is 'yesterday'; write it as 2026-01-31"),
        ({"since": "2026-02-01", "until": "2026-01-01"}, "since is not before mining.until"),
        ({"since": "2026-02-01", "split_at": "2026-02-01"}, "since is not before mining.split_at"),
        ({"split_at": "2026-02-01", "until": "2026-01-01"}, "split_at is not before mining.until"),
    ],
)
def test_what_cannot_be_used_is_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        MiningConfig(**settings)


@pytest.mark.parametrize("limit", ["", "2GiB", "1.5 GB", "500MB"])
def test_memory_limits_that_duckdb_reads(limit: str) -> None:
    assert MiningConfig(memory_limit=limit).memory_limit == limit


def test_moments_are_utc_unless_they_say_otherwise() -> None:
    options = MiningConfig(since="2026-01-01", until="2026-01-02T00:00:00+02:00")
    assert options.moment("since") == 1_767_225_600
    assert options.moment("until") == 1_767_225_600 + 22 * 3600
    assert options.moment("split_at") is None


def test_the_kinds_of_evidence_survive_json() -> None:
    config = Config(mining=MiningConfig(evidence=("query", "item"), engine="spark"))
    assert from_json(to_json(config)) == config
