"""The click log: sessions of shoppers who look for one product and see ten results a search.

A shopper who wants one product clicks its listings of several suppliers. Nicknames ("rosa bay
dress") stand for how shoppers and a real engine know a print that no words describe: from earlier
behaviour. So also products that titles cannot name are clicked together.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Literal

import numpy as np
import pyarrow as pa

from input_pipeline.synthetic.listings import Listing
from input_pipeline.synthetic.products import Product
from input_pipeline.synthetic.titles import fill
from stylejax.config import SyntheticConfig

CLICK_SCHEMA = pa.schema(
    [
        ("event_id", pa.string()),
        ("session_id", pa.string()),
        ("timestamp", pa.int64()),  # seconds since 1970
        ("query", pa.string()),
        ("item_id", pa.string()),
        ("category", pa.string()),
        ("position", pa.int32()),  # 1 is the top of the page
        ("clicked", pa.int8()),
        ("relevance", pa.float64()),  # the engine's score, 0 to 1
    ]
)
PAGE = 10  # results a search shows
_START = 1_767_225_600  # 2026-01-01 00:00 UTC
_CHUNK = 2_000  # sessions a table
_QUERIES = 5  # ways in which shoppers ask for one product

Ask = Literal["specific", "title", "broad"]
# How well a result answers, as the engine sees it, and how a shopper likes it. Rows: the wanted
# product, its line, its category, anything else.
_GRADES: dict[Ask, tuple[float, ...]] = {
    "specific": (0.96, 0.55, 0.45, 0.1),
    "title": (0.93, 0.55, 0.45, 0.1),
    "broad": (0.62, 0.6, 0.58, 0.1),  # the engine cannot know which one is wanted
}
_LIKING: dict[Ask, tuple[float, ...]] = {
    "specific": (0.75, 0.12, 0.06, 0.02),
    "title": (0.75, 0.12, 0.06, 0.02),
    "broad": (0.5, 0.3, 0.22, 0.03),
}


def product_queries(product: Product, options: SyntheticConfig) -> list[str]:
    """List the specific queries that shoppers type for a product, the commonest first."""
    rng = np.random.default_rng([options.seed, 6, product.number])
    category, queries = product.category, []
    for turn in range(4 * _QUERIES):
        form = category.asks[turn % len(category.asks)]
        noun = category.nouns[rng.integers(len(category.nouns))]
        query = fill(form, product.values, rng, noun=noun, style=product.nickname).lower()
        if query not in queries:
            queries.append(query)
    return queries[:_QUERIES]


def simulate_clicks(listings: list[Listing], options: SyntheticConfig) -> Iterator[pa.Table]:
    """Simulate the log.

    Args:
        listings: what the shop held in the past: listings of split "train" only.
        options: sessions and noise.

    Yields:
        Tables of CLICK_SCHEMA with up to 2,000 sessions each; none if there are no listings.
    """
    if not listings:
        return
    shop = _Shop(listings, options)
    event, clock = 0, float(_START)
    rows: dict[str, list] = {name: [] for name in CLICK_SCHEMA.names}
    for session in range(options.sessions):
        clock += shop.rng.exponential(90)
        moment = clock
        for query, found, relevance, clicked in shop.session():
            for place, item in enumerate(found):
                event += 1
                rows["event_id"].append(f"E{event:08d}")
                rows["session_id"].append(f"Q{session:07d}")
                rows["timestamp"].append(int(moment) + place)
                rows["query"].append(query)
                rows["item_id"].append(listings[item].item_id)
                rows["category"].append(listings[item].product.category.name)
                rows["position"].append(place + 1)
            rows["relevance"] += relevance.tolist()
            rows["clicked"] += clicked.tolist()
            moment += shop.rng.uniform(20, 60)
        if (session + 1) % _CHUNK == 0:
            yield pa.table(rows, schema=CLICK_SCHEMA)
            rows = {name: [] for name in CLICK_SCHEMA.names}
    if rows["event_id"]:
        yield pa.table(rows, schema=CLICK_SCHEMA)


class _Shop:
    """The search engine and its shoppers, over the listings of the log."""

    def __init__(self, listings: list[Listing], options: SyntheticConfig) -> None:
        self.options = options
        self.listings = listings
        self.rng = np.random.default_rng([options.seed, 7])
        self.products: list[Product] = []
        own: dict[int, list[int]] = defaultdict(list)
        line: dict[tuple[str, int], list[int]] = defaultdict(list)
        category: dict[str, list[int]] = defaultdict(list)
        for index, listing in enumerate(listings):
            product = listing.product
            if product.number not in own:
                self.products.append(product)
            own[product.number].append(index)
            line[product.category.name, product.line].append(index)
            category[product.category.name].append(index)
        self.own = {key: np.array(items) for key, items in own.items()}
        self.line = {key: np.array(items) for key, items in line.items()}
        self.category = {key: np.array(items) for key, items in category.items()}
        self.queries = [product_queries(product, options) for product in self.products]
        rank = self.rng.permutation(len(self.products)) + 1.0
        demand = rank**-options.popularity_skew
        self.demand = np.cumsum(demand / demand.sum())
        attention = 1 / (1 + options.position_bias * np.arange(PAGE))
        self.attention = attention

    def session(self) -> Iterator[tuple[str, np.ndarray, np.ndarray, np.ndarray]]:
        """One shopper's searches: (query, listing indices, relevance, clicked), best first."""
        wanted = min(int(np.searchsorted(self.demand, self.rng.random())), len(self.products) - 1)
        draw = self.rng.random()
        asks: tuple[Ask, ...] = ("specific",)
        if draw < 0.3:
            asks = ("broad", "specific")
        elif draw < 0.5:
            asks = ("title",)
        elif draw < 0.6:
            asks = ("broad",)
        for ask in asks:
            yield self._search(wanted, ask)

    def _search(self, wanted: int, ask: Ask) -> tuple[str, np.ndarray, np.ndarray, np.ndarray]:
        rng, product = self.rng, self.products[wanted]
        found = self._page(product, ask)
        kinds = np.array([self._kinship(product, item) for item in found.tolist()])
        score = np.array(_GRADES[ask])[kinds]
        score = score + rng.normal(0, self.options.relevance_noise, len(found))
        order = np.argsort(-score - rng.normal(0, 0.15, len(found)), kind="stable")
        found, kinds, score = found[order], kinds[order], score[order]
        chance = np.array(_LIKING[ask])[kinds] * self.attention[: len(found)]
        clicked = rng.random(len(found)) < chance
        clicked |= rng.random(len(found)) < self.options.stray_clicks
        relevance = np.round(np.clip(score, 0, 1), 3)
        return self._query(wanted, ask), found, relevance, clicked.astype(np.int8)

    def _query(self, wanted: int, ask: Ask) -> str:
        rng, product = self.rng, self.products[wanted]
        if ask == "broad":
            return product.category.broad[rng.integers(len(product.category.broad))]
        if ask == "title":
            source = self.listings[rng.choice(self.own[product.number])].title
            if source is not None:
                return " ".join(source.lower().split()[: rng.integers(3, 7)])
        queries = self.queries[wanted]
        return queries[min(int(rng.exponential(1.6)), len(queries) - 1)]

    def _page(self, product: Product, ask: Ask) -> np.ndarray:
        """Up to ten different listings in no order: wanted, alike, same category, elsewhere."""
        rng = self.rng
        own = self.own[product.number]
        found = own[rng.random(len(own)) < (0.25 if ask == "broad" else 0.92)].tolist()
        alike = self.line[product.category.name, product.line]
        found += rng.choice(alike, 2).tolist()
        elsewhere = int(rng.random() < 0.7) + int(rng.random() < 0.3)
        found += rng.integers(len(self.listings), size=elsewhere).tolist()
        found += rng.choice(self.category[product.category.name], PAGE).tolist()
        return np.array(list(dict.fromkeys(found))[:PAGE])

    def _kinship(self, product: Product, item: int) -> int:
        """0: the product itself, 1: its line, 2: its category, 3: anything else."""
        other = self.listings[item].product
        if other.number == product.number:
            return 0
        if other.category.name != product.category.name:
            return 3
        return 1 if other.line == product.line else 2
