"""Where listings, pictures and clicks are, and how clicks become pairs."""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import re
from dataclasses import dataclass
from typing import Literal

from stylejax.config.error import ConfigError, require
from stylejax.config.near import NearConfig


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
    name: str = ""  # what the true product is called; read by simulate-clicks and build only
    attributes: str = ""  # a map, or the JSON text of an object: what text.template may name


@dataclass(frozen=True)
class ClickColumns:
    """Names of the click log's columns; an empty name = the log has no such column.

    The columns from `session_id` on are optional: under their default name they are used where the
    log has them, under any other name they must be there. Of a UBI log only other names count.
    """

    query: str = "query"  # what the shopper typed
    item_id: str = "item_id"  # the listing shown
    clicked: str = "clicked"  # 1 when the shopper clicked it, 0 when it was only shown
    relevance: str = "relevance"  # the engine's score of listing and query, in [0, 1]; may be ""
    session_id: str = "session_id"  # one visit of one shopper: session evidence
    timestamp: str = "timestamp"  # seconds since 1970, or ISO 8601: time window and split
    event_id: str = "event_id"  # tells events apart: the same id twice is a duplicate
    trigger_id: str = "trigger_id"  # listing on whose page this one was shown: item evidence


@dataclass(frozen=True)
class DataConfig:
    """Where listings, pictures and clicks are."""

    name: str = "synthetic"  # folder below $STYLEJAX_DATA; "synthetic" = the built-in catalogue
    root: str = ""  # folder of the data set; empty = $STYLEJAX_DATA/<name>
    catalogue: str = "catalogue.parquet"  # listings: .parquet, .csv, .csv.gz or .jsonl, below root
    clicks: str = "clicks.parquet"  # click log: same, also in parts; a database; "" = none
    clicks_table: str = ""  # the log's table when `clicks` is a database: table or schema.table
    click_schema: Literal["columns", "ubi"] = "columns"  # by click_columns, or OpenSearch UBI's
    images: str = ""  # folder that picture paths start from, below root; empty = root
    photos: str = ""  # table (item_id, image) of listings' further photos, beside the catalogue
    train_split: str = "train"  # listings that are trained on
    note: str = ""  # what of the data is simulated, in a sentence; reports print it
    columns: CatalogueColumns = CatalogueColumns()  # column mapping of the catalogue
    click_columns: ClickColumns = ClickColumns()  # column mapping of the click log
    synthetic: SyntheticConfig = SyntheticConfig()  # the built-in catalogue, when it is used


@dataclass(frozen=True)
class MiningConfig:
    """From clicks to same-style pairs; see docs/mining.md."""

    evidence: tuple[Literal["query", "session", "item"], ...] = ("query",)  # what makes a candidate
    combine: Literal["any", "all"] = "any"  # several kinds: one must reach its support, or each
    category_level: int = 0  # levels of the category path a pair must share; 0 = the whole path
    relevance: Literal["column", "bm25", "overlap"] = "column"  # the log's, or of query and title
    min_relevance: float = 0.8  # mean relevance of a listing over all its showings for a query
    min_clicks: int = 1  # clicks of a listing under a query, or in a session, or from a page
    min_support: int = 2  # distinct queries under which both listings were clicked
    min_session_support: int = 2  # session evidence: sessions in which both were clicked
    min_item_support: int = 2  # item evidence: clicks from the page of one on the other
    max_query_listings: int = 0  # broader queries are no evidence: relevant listings; 0 = no limit
    max_items_per_query: int = 200  # strongest listings kept for a query, session or page
    min_profile_similarity: float = 0.0  # cosine of clicks over the queries that are left; 0 = off
    max_pairs_per_item: int = 100  # strongest pairs kept for a listing: tames bestsellers
    max_negatives_per_item: int = 0  # hard-negative candidates kept for a listing; 0 = none written
    min_shown_together: int = 10  # negatives: showings under one query that both listings have
    since: str = ""  # events from this moment on, ISO 8601, UTC; empty = from the first
    until: str = ""  # events before this moment, ISO 8601, UTC; empty = to the last
    split_at: str = ""  # mine before this moment; what comes after is mined apart, to compare
    near: NearConfig = NearConfig()  # what --from-index takes of an index
    max_bad_share: float = 0.01  # share of values that may be malformed before mining refuses
    engine: Literal["duckdb", "spark"] = "duckdb"  # what runs the expressions
    memory_limit: str = ""  # DuckDB: beyond this it spills to disk, e.g. 2GiB; empty = 80 % of RAM
    spill_dir: str = ""  # folder for what does not fit in memory; empty = the system's

    def __post_init__(self) -> None:
        require(
            self.category_level >= 0, f"mining.category_level is {self.category_level}; use >= 0"
        )
        for name in ("min_relevance", "min_profile_similarity", "max_bad_share"):
            value = getattr(self, name)
            require(0 <= value <= 1, f"mining.{name} is {value}; use a number in [0, 1]")
        for name in (
            "min_clicks",
            "min_support",
            "min_session_support",
            "min_item_support",
            "max_pairs_per_item",
            "min_shown_together",
        ):
            require(getattr(self, name) >= 1, f"mining.{name} is {getattr(self, name)}; use >= 1")
        for name in ("max_query_listings", "max_negatives_per_item"):
            require(getattr(self, name) >= 0, f"mining.{name} is {getattr(self, name)}; use >= 0")
        require(
            self.max_items_per_query >= 2,
            f"mining.max_items_per_query is {self.max_items_per_query}; a pair needs >= 2",
        )
        require(
            len(set(self.evidence)) == len(self.evidence) > 0,
            f"mining.evidence is {self.evidence}; give some of query, session, item, each once",
        )
        require(
            self.min_profile_similarity == 0 or "query" in self.evidence,
            "mining.min_profile_similarity compares clicks over queries; add query to "
            "mining.evidence",
        )
        require(
            re.fullmatch(r"(\d+(\.\d+)? *([KMGT]i?B))?", self.memory_limit) is not None,
            f"mining.memory_limit is {self.memory_limit!r}; write it as 2GiB or 500MB",
        )
        moments = {name: self.moment(name) for name in ("since", "split_at", "until")}
        given = [(name, at) for name, at in moments.items() if at is not None]
        for (first, start), (last, end) in itertools.pairwise(given):
            require(start < end, f"mining.{first} is not before mining.{last}")

    def moment(self, name: Literal["since", "until", "split_at"]) -> float | None:
        """A moment in seconds since 1970; None where it is not set.

        Raises:
          ConfigError: when the setting is no moment.
        """
        text = getattr(self, name)
        if not text:
            return None
        try:
            moment = datetime.datetime.fromisoformat(text)
        except ValueError as error:
            raise ConfigError(
                f"mining.{name} is {text!r}; write it as 2026-01-31 or 2026-01-31T18:00:00"
            ) from error
        return (moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)).timestamp()
