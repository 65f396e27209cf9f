"""Tests of input_pipeline/synthetic/clicks.py."""

from collections import Counter, defaultdict
from itertools import combinations

import numpy as np
import pyarrow as pa
import pytest

from input_pipeline.synthetic.clicks import CLICK_SCHEMA, PAGE, product_queries, simulate_clicks
from input_pipeline.synthetic.listings import Listing, sample_listings
from input_pipeline.synthetic.products import sample_products
from input_pipeline.synthetic.suppliers import sample_suppliers
from stylejax.config import SyntheticConfig

OPTIONS = SyntheticConfig(products=96, sessions=3000)


def _listings(options: SyntheticConfig) -> list[Listing]:
    suppliers = sample_suppliers(options)
    return [
        listing
        for product in sample_products(options)
        for listing in sample_listings(product, suppliers, options)
    ]


def _log(options: SyntheticConfig) -> pa.Table:
    return pa.concat_tables(simulate_clicks(_listings(options), options))


@pytest.fixture(scope="module")
def truth() -> dict[str, Listing]:
    return {listing.item_id: listing for listing in _listings(OPTIONS)}


@pytest.fixture(scope="module")
def log() -> pa.Table:
    return _log(OPTIONS)


def test_schema_ids_and_ranges(log: pa.Table, truth: dict[str, Listing]) -> None:
    assert log.schema == CLICK_SCHEMA
    assert len(set(log["event_id"].to_pylist())) == len(log)
    assert len(set(log["session_id"].to_pylist())) == OPTIONS.sessions
    assert set(log["position"].to_pylist()) == set(range(1, PAGE + 1))
    assert set(log["clicked"].to_pylist()) == {0, 1}
    relevance = log["relevance"].to_numpy()
    assert relevance.min() >= 0
    assert relevance.max() <= 1
    for item, category in zip(log["item_id"].to_pylist(), log["category"].to_pylist(), strict=True):
        assert truth[item].product.category.name == category


def test_a_page_never_shows_a_listing_twice(log: pa.Table) -> None:
    shown = zip(
        log["session_id"].to_pylist(),
        log["query"].to_pylist(),
        log["item_id"].to_pylist(),
        strict=True,
    )
    assert max(Counter(shown).values()) == 1


def test_sessions_follow_one_another_in_time(log: pa.Table) -> None:
    starts: dict[str, int] = {}
    for session, moment in zip(
        log["session_id"].to_pylist(), log["timestamp"].to_pylist(), strict=True
    ):
        starts.setdefault(session, moment)
    assert list(starts) == sorted(starts)
    assert list(starts.values()) == sorted(starts.values())


def test_the_log_repeats_and_depends_on_the_seed(log: pa.Table) -> None:
    assert _log(OPTIONS).equals(log)
    small = SyntheticConfig(products=20, sessions=20)
    assert not _log(small).equals(_log(SyntheticConfig(products=20, sessions=20, seed=1)))


def test_sessions_come_in_chunks_and_none_without_listings() -> None:
    options = SyntheticConfig(products=20, sessions=2001)
    tables = list(simulate_clicks(_listings(options), options))
    assert [len(set(table["session_id"].to_pylist())) for table in tables] == [2000, 1]
    assert list(simulate_clicks([], options)) == []


def test_higher_places_get_more_clicks_only_with_position_bias() -> None:
    def ratio(bias: float) -> float:
        # Equal relevance noise would hide the effect: huge noise makes every page's order random.
        options = SyntheticConfig(
            products=48, sessions=3000, position_bias=bias, relevance_noise=5.0
        )
        table = _log(options)
        clicked, place = table["clicked"].to_numpy(), table["position"].to_numpy()
        return clicked[place <= 2].mean() / clicked[place >= 9].mean()

    assert ratio(0.0) == pytest.approx(1, abs=0.15)
    assert ratio(0.5) > 2.5


def test_popularity_skew() -> None:
    def top_share(skew: float) -> float:
        options = SyntheticConfig(products=96, sessions=2000, popularity_skew=skew)
        counts = Counter(_log(options)["query"].to_pylist())
        specific = {q for p in sample_products(options) for q in product_queries(p, options)}
        found = sorted((n for q, n in counts.items() if q in specific), reverse=True)
        return sum(found[:20]) / sum(found)

    assert top_share(1.5) > 2 * top_share(0.0)


def test_stray_clicks_reach_what_nobody_wants() -> None:
    def wrong(stray: float) -> float:
        options = SyntheticConfig(products=48, sessions=1500, stray_clicks=stray)
        table = _log(options)
        poor = table["relevance"].to_numpy() < 0.2
        return table["clicked"].to_numpy()[poor].mean()

    assert wrong(0.0) < 0.04
    assert wrong(0.2) > 0.15


def test_relevance_noise_spreads_scores() -> None:
    spread = {}
    for noise in (0.0, 0.12):
        table = _log(SyntheticConfig(products=48, sessions=300, relevance_noise=noise))
        spread[noise] = len(set(np.round(table["relevance"].to_numpy(), 3).tolist()))
    assert spread[0.0] < 15
    assert spread[0.12] > 100


def test_specific_queries_of_a_product_are_its_own() -> None:
    owners = defaultdict(set)
    for product in sample_products(SyntheticConfig(products=700)):
        queries = product_queries(product, OPTIONS)
        assert 3 <= len(queries) == len(set(queries)) <= 5
        for query in queries:
            owners[query].add(product.number)
    shared = sum(len(numbers) > 1 for numbers in owners.values())
    assert shared / len(owners) < 0.02


def test_mining_finds_the_same_products(log: pa.Table, truth: dict[str, Listing]) -> None:
    """Co-clicked, relevant, same category, two queries: right, in every kind of category."""
    scores: dict[tuple[str, str], list[float]] = defaultdict(list)
    clicks: Counter[tuple[str, str]] = Counter()
    for row in log.select(["query", "item_id", "relevance", "clicked"]).to_pylist():
        scores[row["query"], row["item_id"]].append(row["relevance"])
        clicks[row["query"], row["item_id"]] += row["clicked"]
    answers = defaultdict(list)
    for (query, item), found in scores.items():
        if clicks[query, item] and np.mean(found) >= 0.8:
            answers[query].append(item)
    support: Counter[tuple[str, str]] = Counter()
    for items in answers.values():
        support.update(combinations(sorted(items), 2))
    right, mined, possible = Counter(), Counter(), Counter()
    for (left, right_item), queries in support.items():
        one, other = truth[left].product, truth[right_item].product
        if queries >= 2 and one.category is other.category:
            mined[one.category.kind] += 1
            right[one.category.kind] += one.number == other.number
    for one, other in combinations(truth.values(), 2):
        possible[one.product.category.kind] += one.product.number == other.product.number
    for kind in ("picture", "text", "both"):
        assert right[kind] / mined[kind] > 0.95
        assert right[kind] / possible[kind] > 0.75
