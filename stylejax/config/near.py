"""What is taken of listings that are near each other in an index."""

from __future__ import annotations

from dataclasses import dataclass

from stylejax.config.error import require


@dataclass(frozen=True)
class NearConfig:
    """`stylejax mine --from-index`: hard negatives and suspected pairs; see docs/mining.md."""

    neighbours: int = 50  # nearest listings of its category that are looked at for each listing
    suspected_quantile: float = 0.5  # of mined pairs' cosines: from here on a pair is suspected
    silent_pairs: int = 0  # of a listing with at most so many mined pairs the log says too little
    positive_share: float = 0.95  # a negative's cosine is at most this share of its ends' positives
    max_negatives_per_item: int = 10  # negatives kept for a listing, the nearest

    def __post_init__(self) -> None:
        for name in ("neighbours", "max_negatives_per_item"):
            value = getattr(self, name)
            require(value >= 1, f"mining.near.{name} is {value}; use >= 1")
        most = self.silent_pairs
        require(most >= 0, f"mining.near.silent_pairs is {most}; use 0 or more")
        for name in ("suspected_quantile", "positive_share"):
            value = getattr(self, name)
            require(0 < value <= 1, f"mining.near.{name} is {value}; use a share in (0, 1]")
