"""Tests of SyntheticConfig in stylejax/config/."""

from dataclasses import FrozenInstanceError, fields

import pytest

from stylejax.config import SyntheticConfig


def test_defaults_are_valid_and_frozen() -> None:
    options = SyntheticConfig()
    with pytest.raises(FrozenInstanceError):
        options.seed = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("products", 0, "products=0 is too small: use 1 or more"),
        ("products", 10.5, "products=10.5 is not a whole number"),
        ("sessions", -1, "sessions=-1 is too small: use 0 or more"),
        ("sessions", True, "sessions=True is not a whole number"),
        ("suppliers", 7, "suppliers=7 is too small: use 8 or more"),
        ("image_size", 16, "image_size=16 is too small: use 32 or more"),
        ("seed", -3, "seed=-3 is too small"),
        ("unseen_share", 1.2, "unseen_share=1.2 is no share"),
        ("title_missing", -0.1, "title_missing=-0.1 is no share"),
        ("stray_clicks", float("nan"), "stray_clicks=nan is no share"),
        ("position_bias", -1.0, "position_bias=-1.0 is negative"),
        ("relevance_noise", float("inf"), "relevance_noise=inf is negative or infinite"),
    ],
)
def test_bad_values_are_named_with_the_fix(name: str, value: float, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        SyntheticConfig(**{name: value})


def test_a_listing_cannot_lack_both_views() -> None:
    with pytest.raises(ValueError, match="lower one"):
        SyntheticConfig(title_missing=0.6, picture_missing=0.6)


def test_every_share_accepts_its_ends() -> None:
    shares = [f.name for f in fields(SyntheticConfig) if f.type in (float, "float")]
    assert "unseen_share" in shares
    for name in shares:
        SyntheticConfig(**{name: 0.0})
