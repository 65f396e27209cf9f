"""A search engine and its shoppers over a catalogue whose true products are known.

A shopper wants one product and asks for its name, for its category, or in the first words of one of
its titles. The engine answers with a page of that product's listings, others of its category and a
few strangers; the shopper clicks what looks right, the top of the page first. A search for a
category makes listings of different products co-clicked, as it does in a real log.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from input_pipeline.catalogue import Catalogue
from input_pipeline.category_path import narrowest
from input_pipeline.click_simulation.options import ClickOptions

Ask = Literal["name", "category", "title"]
# The engine's score and the shopper's liking of a listing of: the wanted product, its category,
# the rest of the catalogue. A search for a category cannot tell which product is wanted.
_SCORE: dict[Ask, tuple[float, ...]] = {
    "name": (0.96, 0.5, 0.2),
    "title": (0.94, 0.5, 0.2),
    "category": (0.95, 0.95, 0.2),
}
_LIKING: dict[Ask, tuple[float, ...]] = {
    "name": (0.5, 0.06, 0.02),
    "title": (0.5, 0.06, 0.02),
    "category": (0.25, 0.25, 0.02),
}
_STRANGERS = 2  # most listings of elsewhere on a page
_KIN = 4  # most listings of the same category beside the wanted product's
_SHUFFLE = 0.15  # standard deviation of what the engine's order knows beyond its score


@dataclass(frozen=True)
class Search:
    """One page of results, from the top."""

    query: str
    rows: NDArray[np.int64]  # [page] catalogue rows
    relevance: NDArray[np.float64]  # [page] the engine's score, in [0, 1]
    clicked: NDArray[np.bool_]  # [page]


class Shop:
    """Draws searches; the same options and catalogue give the same ones."""

    def __init__(self, catalogue: Catalogue, rows: NDArray[np.int64], options: ClickOptions):
        """Takes a catalogue read with the truth, and the rows that the shop sells."""
        self._catalogue, self._rows, self._options = catalogue, rows, options
        self._rng = np.random.default_rng([options.seed, 1])
        own, kin = defaultdict(list), defaultdict(list)
        self._product = {}
        for row in map(int, rows):
            product = catalogue.product(row)
            self._product[row] = product
            own[product].append(row)
            kin[catalogue.category_path[row]].append(row)
        self._own = {product: np.array(members) for product, members in own.items()}
        self._kin = {category: np.array(members) for category, members in kin.items()}
        self._products = list(own)
        rank = self._rng.permutation(len(self._products)) + 1.0
        demand = rank**-options.popularity
        self._demand = np.cumsum(demand / demand.sum())
        self._attention = 1 / (1 + options.position_bias * np.arange(options.page))

    def search(self) -> Search:
        """One shopper's search."""
        rng, options = self._rng, self._options
        drawn = int(np.searchsorted(self._demand, rng.random()))
        product = self._products[min(drawn, len(self._products) - 1)]
        example = int(rng.choice(self._own[product]))
        ask = self._ask()
        query = self._query(example, ask)
        rows = self._page(product, example, ask)
        kinship = np.array([self._kinship(product, example, row) for row in rows.tolist()])
        score = np.array(_SCORE[ask])[kinship] + rng.normal(0, options.relevance_noise, len(rows))
        order = np.argsort(-score - rng.normal(0, _SHUFFLE, len(rows)), kind="stable")
        rows, kinship, score = rows[order], kinship[order], score[order]
        chance = np.array(_LIKING[ask])[kinship] * self._attention[: len(rows)]
        clicked = rng.random(len(rows)) < chance
        clicked |= rng.random(len(rows)) < options.stray_clicks
        return Search(query, rows, np.round(np.clip(score, 0, 1), 3), clicked)

    def _ask(self) -> Ask:
        draw, options = self._rng.random(), self._options
        if draw < options.category_share:
            return "category"
        named = self._catalogue.name is not None
        return "name" if named and draw < options.category_share + options.name_share else "title"

    def _query(self, example: int, ask: Ask) -> str:
        """Never empty: what is missing is asked for by the next best words."""
        catalogue, rng = self._catalogue, self._rng
        name = catalogue.name[example] if catalogue.name else ""
        title = " ".join(catalogue.title[example].split()[: int(rng.integers(2, 6))])
        category = narrowest(catalogue.category_path[example])
        wanted = {"name": name, "category": category, "title": title}[ask]
        best: Sequence[str] = (wanted, name, title, category, catalogue.item_id[example])
        return next(words for words in best if words.strip()).replace("-", " ").lower().strip()

    def _page(self, product: str, example: int, ask: Ask) -> NDArray[np.int64]:
        """Different rows in no order: the wanted product's, its category's, strangers."""
        rng, page = self._rng, self._options.page
        kin = self._kin[self._catalogue.category_path[example]]
        strangers = rng.choice(self._rows, int(rng.integers(_STRANGERS + 1)))
        if ask == "category":
            found = [*strangers, *rng.choice(kin, page)]
        else:
            own = self._own[product]
            others = rng.choice(kin, int(rng.integers(_KIN + 1)))
            most = min(len(own), page - 1)
            found = [example, *strangers, *others, *rng.choice(own, most, replace=False)]
        return np.array(list(dict.fromkeys(map(int, found)))[:page], np.int64)

    def _kinship(self, product: str, example: int, row: int) -> int:
        """0: the wanted product, 1: another of its category, 2: anything else."""
        if self._product[row] == product:
            return 0
        category = self._catalogue.category_path
        return 1 if category[row] == category[example] else 2
