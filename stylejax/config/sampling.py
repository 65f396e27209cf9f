"""Which pairs a batch holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from stylejax.config.data import DataConfig
from stylejax.config.error import require


@dataclass(frozen=True)
class FurtherData:
    """Another data set that batches mix in."""

    data: DataConfig = DataConfig()  # its listings and pictures; its clicks were mined elsewhere
    pairs: str = ""  # its mined pairs, e.g. runs/other/pairs.parquet
    rate: float = 0.1  # share of every batch

    def __post_init__(self) -> None:
        require(0 < self.rate < 1, f"sampling.further: rate is {self.rate}; use a share in (0, 1)")


@dataclass(frozen=True)
class SamplingConfig:
    """Which pairs a batch holds; see docs/batches.md."""

    epoch: Literal["listings", "pairs"] = "listings"  # what comes once in it, to be a left side
    weight_exponent: float = 1.0  # a partner comes in proportion to weight ** this; 0 = all alike
    category_exponent: float = 1.0  # a category comes in proportion to size ** this; 0 = all alike
    category_level: int = 0  # levels of the path that make a category here; 0 = the whole path
    block: int = 1  # pairs of one category that come together: harder negatives
    distinct_groups: bool = False  # where possible, one pair of a product group in a batch
    swap: bool = False  # exchange the sides of half of the pairs
    negatives: tuple[str, ...] = ()  # files of hard negatives, e.g. runs/x/negatives_near.parquet
    hard_share: float = 0.25  # with them: rows of a batch that are a hard negative of the row above
    further: tuple[FurtherData, ...] = ()  # more data sets; this one has the rest of each batch

    def __post_init__(self) -> None:
        for name in ("weight_exponent", "category_exponent"):
            value = getattr(self, name)
            require(0 <= value < float("inf"), f"sampling.{name} is {value}; use 0 or more")
        require(
            self.epoch == "listings" or self.weight_exponent == 1,
            f"sampling.weight_exponent is {self.weight_exponent}, but with sampling.epoch pairs no "
            "partner is drawn by weight; leave it out",
        )
        level = self.category_level
        require(level >= 0, f"sampling.category_level is {level}; use 0 or more")
        require(self.block >= 1, f"sampling.block is {self.block}; use 1 or more")
        require(
            0 < self.hard_share <= 0.5,
            f"sampling.hard_share is {self.hard_share}; use a share in (0, 0.5]: each such row "
            "needs another one to be hard for",
        )
        total = sum(more.rate for more in self.further)
        require(
            total < 1,
            f"the rates of sampling.further add up to {total:g}; leave a share of the batch for "
            "the recipe's own data",
        )

    def batch_rows(self, batch_size: int) -> list[int]:
        """Rows of a batch for the recipe's own data and each further data set.

        Raises:
          ConfigError: when they cannot be whole blocks, naming the number that does not fit.
        """
        require(
            batch_size % self.block == 0,
            f"training.batch_size {batch_size} is not a multiple of sampling.block {self.block}",
        )
        blocks = batch_size // self.block
        shares = [round(more.rate * blocks) for more in self.further]
        for more, share in zip(self.further, shares, strict=True):
            require(
                share >= 1,
                f"sampling.further: rate {more.rate} of a batch of {batch_size} is less than one "
                f"block of {self.block}; raise it, or training.batch_size",
            )
        require(
            sum(shares) < blocks,
            f"sampling.further leaves no block of {self.block} in a batch of {batch_size} for the "
            "recipe's own data; lower the rates",
        )
        return [self.block * share for share in (blocks - sum(shares), *shares)]
