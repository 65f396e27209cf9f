"""Where listings, pictures and clicks are, and how clicks become pairs."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from stylejax.config.error import ConfigError, require


@dataclass(frozen=True)
class SyntheticConfig:
    """What to simulate; equal settings give equal bytes.

    Raises:
        ConfigError: a setting is out of range; the message names the value and the fix.
    """

    products: int = 700  # distinct products, 3 to 8 listings each; words end near 240,000
    unseen_share: float = 0.25  # share of products kept wholly for split "test"
    sessions: int = 20_000  # shopping sessions in the click log, 1 to 2 searches each
    suppliers: int = 48  # sellers, each with its own photo studio and way of writing titles
    image_size: int = 112  # pixels of a stored photo's longer side
    seed: int = 0  # the same seed and settings always give the same catalogue
    title_missing: float = 0.03  # share of listings without a title
    picture_missing: float = 0.02  # share of listings without a picture
    attribute_missing: float = 0.04  # chance that a supplier leaves out an attribute it could state
    attribute_wrong: float = 0.02  # chance that a supplier states a wrong value
    keyword_stuffing: float = 0.35  # share of suppliers that pad titles with sales words
    stray_clicks: float = 0.01  # chance of a click on a result whatever it shows
    position_bias: float = 0.25  # how fast attention falls: 1 / (1 + bias * (position - 1))
    popularity_skew: float = 0.7  # Zipf exponent of demand over products; 0 is even demand
    relevance_noise: float = 0.12  # standard deviation of the search engine's relevance score

    def __post_init__(self) -> None:
        """Check every range."""
        least = {"products": 1, "sessions": 0, "suppliers": 8, "image_size": 32, "seed": 0}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.name in least:
                if isinstance(value, bool) or not isinstance(value, int):
                    raise ConfigError(f"{field.name}={value!r} is not a whole number: pass an int")
                if value < least[field.name]:
                    raise ConfigError(
                        f"{field.name}={value} is too small: use {least[field.name]} or more"
                    )
            elif field.name in ("position_bias", "popularity_skew", "relevance_noise"):
                if not 0 <= value < float("inf"):
                    raise ConfigError(
                        f"{field.name}={value} is negative or infinite: use 0 or more"
                    )
            elif not 0 <= value <= 1:
                raise ConfigError(
                    f"{field.name}={value} is no share: use a value from 0 to 1, such as "
                    f"{field.default}"
                )
        if self.title_missing + self.picture_missing > 1:
            raise ConfigError(
                f"title_missing={self.title_missing} and picture_missing={self.picture_missing} "
                "add up to more than 1, but a listing keeps at least one of the two: lower one"
            )


@dataclass(frozen=True)
class CatalogueColumns:
    """Names of the catalogue's columns; an empty name = the catalogue has no such column."""

    item_id: str = "item_id"  # one listing, unique
    title: str = "title"  # the listing's text; may be empty
    image: str = "image"  # path of the listing's picture; may be empty
    category_path: str = "category_path"  # from broad to narrow, levels divided by " > "
    split: str = "split"  # name of the part a listing belongs to; empty = everything is train
    group: str = "group"  # the true product, for evaluation only; never read for mining or training


@dataclass(frozen=True)
class ClickColumns:
    """Names of the click log's columns."""

    query: str = "query"  # what the shopper typed
    item_id: str = "item_id"  # the listing shown
    clicked: str = "clicked"  # 1 when the shopper clicked it, 0 when it was only shown
    relevance: str = "relevance"  # the engine's score of listing and query, in [0, 1]; may be ""


@dataclass(frozen=True)
class DataConfig:
    """Where listings, pictures and clicks are."""

    name: str = "synthetic"  # folder below $STYLEJAX_DATA; "synthetic" = the built-in catalogue
    root: str = ""  # folder of the data set; empty = $STYLEJAX_DATA/<name>
    catalogue: str = "catalogue.parquet"  # listings: .parquet, .csv, .csv.gz or .jsonl, below root
    clicks: str = "clicks.parquet"  # click log: same formats, below root
    images: str = ""  # folder that picture paths start from, below root; empty = root
    train_split: str = "train"  # listings that are trained on
    note: str = ""  # what of the data is simulated, in a sentence; reports print it
    columns: CatalogueColumns = CatalogueColumns()  # column mapping of the catalogue
    click_columns: ClickColumns = ClickColumns()  # column mapping of the click log
    synthetic: SyntheticConfig = SyntheticConfig()  # the built-in catalogue, when it is used


@dataclass(frozen=True)
class MiningConfig:
    """From clicks to same-style pairs; see docs/mining.md."""

    category_level: int = 0  # levels of the category path a pair must share; 0 = the whole path
    min_relevance: float = 0.8  # mean relevance of a listing over all its showings for a query
    min_clicks: int = 1  # clicks of a listing under a query before it counts as evidence
    min_support: int = 2  # distinct queries under which both listings were clicked
    max_items_per_query: int = 200  # strongest listings kept for a query: bounds pairs per query
    max_pairs_per_item: int = 100  # strongest pairs kept for a listing: tames bestsellers

    def __post_init__(self) -> None:
        require(
            self.category_level >= 0, f"mining.category_level is {self.category_level}; use >= 0"
        )
        require(
            0 <= self.min_relevance <= 1,
            f"mining.min_relevance is {self.min_relevance}; use a number in [0, 1]",
        )
        for name in ("min_clicks", "min_support", "max_pairs_per_item"):
            require(getattr(self, name) >= 1, f"mining.{name} is {getattr(self, name)}; use >= 1")
        require(
            self.max_items_per_query >= 2,
            f"mining.max_items_per_query is {self.max_items_per_query}; a pair needs >= 2",
        )
