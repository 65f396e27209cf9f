"""The rates of a click simulation."""

from __future__ import annotations

from dataclasses import dataclass

from stylejax.config import ConfigError


@dataclass(frozen=True)
class ClickOptions:
    """What to simulate; equal options and listings give equal logs.

    Raises:
      ConfigError: when one is out of range, naming the value and the fix.
    """

    seed: int = 0  # another seed, another log
    sessions: int = 20_000  # searches, one page of results each
    page: int = 10  # listings a search shows
    name_share: float = 0.5  # searches for the product's name, where the catalogue has names
    category_share: float = 0.3  # searches for a category; the rest begin as a title does
    popularity: float = 0.7  # Zipf exponent of demand over products; 0 = even
    position_bias: float = 0.25  # attention falls as 1 / (1 + bias * (position - 1))
    stray_clicks: float = 0.01  # chance of a click on a listing whatever it is
    relevance_noise: float = 0.12  # standard deviation of the engine's score

    def __post_init__(self) -> None:
        for name, least in (("seed", 0), ("sessions", 1), ("page", 2)):
            if getattr(self, name) < least:
                raise ConfigError(f"{name} is {getattr(self, name)}; use {least} or more")
        for name in ("popularity", "position_bias", "relevance_noise"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ConfigError(f"{name} is {getattr(self, name)}; use a number of 0 or more")
        for name in ("name_share", "category_share", "stray_clicks"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; use a share in [0, 1]")
        if self.name_share + self.category_share > 1:
            raise ConfigError(
                f"name_share {self.name_share} and category_share {self.category_share} are more "
                "than all searches; lower one"
            )
