"""Tests of stylejax/config/near.py."""

import pytest

from stylejax.config import ConfigError, NearConfig


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"neighbours": 0}, "near.neighbours is 0; use >= 1"),
        ({"max_negatives_per_item": 0}, "near.max_negatives_per_item is 0"),
        ({"silent_pairs": -1}, "near.silent_pairs is -1"),
        ({"suspected_quantile": 0.0}, "near.suspected_quantile is 0"),
        ({"positive_share": 1.5}, "near.positive_share is 1.5; use a share"),
        ({"positive_share": float("nan")}, "near.positive_share is nan"),
    ],
)
def test_what_cannot_be_is_refused(given: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        NearConfig(**given)
