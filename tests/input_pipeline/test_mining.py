"""Tests of input_pipeline/mining against a slow reference that walks the log in Python."""

import dataclasses
import itertools
import math
import random
from collections import defaultdict
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import tiny
from click_logs import (
    FLAT,
    ITEMS,
    LOOSE,
    Event,
    catalogue_of,
    clicks,
    found_by,
    mined,
    pairs_of,
    write_log,
    write_rows,
)
from hypothesis import given
from hypothesis import strategies as st

from input_pipeline.catalogue import Catalogue, at_level, load_catalogue
from input_pipeline.mining import mine, read_pairs, write_pairs
from input_pipeline.sources import locate
from stylejax.config import ClickColumns, ConfigError, DataConfig, MiningConfig, load_config

# ---- The reference


def slow_mine(events: list[Event], options: MiningConfig, catalogue: Catalogue) -> dict | None:
    """Pairs with weight, support, relevance and category, and the funnel; None without clicks."""
    rows = {catalogue.item_id[row]: row for row in catalogue.rows("train")}
    category = {
        item: at_level(catalogue.category_path[row], options.category_level)
        for item, row in rows.items()
    }
    shown = defaultdict(list)
    for event in events:
        if event.item_id in rows:
            shown[event.query, event.item_id].append(event)
    evidence = defaultdict(dict)  # query -> item -> (clicks, relevance)
    for (query, item), of_item in shown.items():
        scores = [e.relevance for e in of_item if e.relevance is not None]
        mean = sum(scores) / len(scores) if scores else None
        evidence[query][item] = (sum(e.clicked for e in of_item), mean)
    known = sum(map(len, shown.values()))
    clicked = sum(n for items in evidence.values() for n, _ in items.values())
    if clicked == 0:
        return None

    def co(by_query, same_category=False) -> int:
        return sum(
            not same_category or category[a] == category[b]
            for items in by_query.values()
            for a, b in itertools.combinations(items, 2)
        )

    accepted = {q: {i: e for i, e in items.items() if e[0] >= 1} for q, items in evidence.items()}
    funnel = [len(events), known, clicked, co(accepted)]
    accepted = {
        q: {
            i: (n, r)
            for i, (n, r) in items.items()
            if n >= options.min_clicks and r is not None and r >= options.min_relevance
        }
        for q, items in accepted.items()
    }
    funnel.append(co(accepted))
    for query, items in accepted.items():
        best = sorted(items, key=lambda item: (-items[item][0], -items[item][1], item))
        accepted[query] = {item: items[item] for item in best[: options.max_items_per_query]}
    funnel += [co(accepted), co(accepted, same_category=True)]
    found = defaultdict(list)
    for items in accepted.values():
        for a, b in itertools.combinations(sorted(items), 2):
            if category[a] == category[b]:
                lower = min(items[a][1], items[b][1])
                found[a, b].append((1 / math.log2(1 + len(items)), lower))
    funnel.append(len(found))
    found = {pair: of for pair, of in found.items() if len(of) >= options.min_support}
    funnel.append(len(found))
    weight = {pair: sum(w for w, _ in of) for pair, of in found.items()}
    kept = []
    for pair in found:
        ranks = []
        for item in pair:
            rivals = [other for other in found if item in other]
            rivals.sort(key=lambda other: (-round(weight[other], 9), other))
            ranks.append(rivals.index(pair))
        if max(ranks) < options.max_pairs_per_item:
            kept.append(pair)
    funnel.append(len(kept))
    return {
        "pairs": {
            pair: (weight[pair], len(found[pair]), np.mean([r for _, r in found[pair]]))
            for pair in kept
        },
        "category": category,
        "funnel": funnel,
    }


CATEGORIES = dict(zip(ITEMS, ["x > u"] * 3 + ["x > v"] * 3 + ["y > u"] * 2, strict=True))
# Scores whose means are exact in binary, so that no threshold is a matter of rounding.
EVENTS = st.lists(
    st.builds(
        Event,
        st.sampled_from(["p", "q", "r", "s"]),
        st.sampled_from([*ITEMS, "stranger", "kept back"]),
        st.sampled_from([0, 1, 1]),
        st.sampled_from([0.0, 0.5, 1.0, None]),
    ),
    min_size=1,
    max_size=120,
)
OPTIONS = st.builds(
    MiningConfig,
    category_level=st.sampled_from([0, 1]),
    min_relevance=st.sampled_from([0.0, 0.3]),
    min_clicks=st.sampled_from([1, 2]),
    min_support=st.sampled_from([1, 1, 2]),
    max_items_per_query=st.sampled_from([2, 4, 200]),
    max_pairs_per_item=st.sampled_from([1, 2, 100]),
)


@given(events=EVENTS, options=OPTIONS)
def test_mining_is_what_the_reference_finds(
    tmp_path_factory: pytest.TempPathFactory, events: list[Event], options: MiningConfig
) -> None:
    catalogue = catalogue_of(CATEGORIES | {"kept back": "x > u"}, {"kept back": "val"})
    folder = tmp_path_factory.mktemp("log")
    expected = slow_mine(events, options, catalogue)
    if expected is None or not expected["pairs"]:
        with pytest.raises(ConfigError, match="no click" if expected is None else "no pair"):
            mined(folder, events, options, catalogue)
        return
    result = mined(folder, events, options, catalogue)
    found = pairs_of(result)
    assert {(p["left_id"], p["right_id"]) for p in found} == set(expected["pairs"])
    assert len(found) == len(expected["pairs"])
    for pair in found:
        weight, support, relevance = expected["pairs"][pair["left_id"], pair["right_id"]]
        assert pair["left_id"] < pair["right_id"]
        assert pair["weight"] == pytest.approx(weight, abs=1e-9)
        assert pair["support"] == support
        assert pair["relevance"] == pytest.approx(relevance, abs=1e-6)
        assert pair["category"] == expected["category"][pair["left_id"]]
    weights = [round(pair["weight"], 6) for pair in found]
    assert weights == sorted(weights, reverse=True)
    counts = [count for _, count in result.funnel]
    assert counts == expected["funnel"]
    # Each constraint can only take candidates away (pairs of several queries are merged at 7).
    for narrowing in (counts[:3], counts[3:]):
        assert narrowing == sorted(narrowing, reverse=True)


def test_the_tiny_data_gives_each_products_pairs(data_root: Path) -> None:
    data = tiny.config(data_root, "unused").data
    catalogue = load_catalogue(data, data_root / "catalogue.csv", data_root)
    result = mine(data, MiningConfig(), catalogue, data_root / "clicks.csv")
    expected = {
        (f"L{first + a:02d}", f"L{first + b:02d}")
        for first in range(0, 32, 4)
        for a, b in [(0, 1), (0, 2), (1, 2)]
    }
    assert {(p["left_id"], p["right_id"]) for p in pairs_of(result)} == expected
    assert {p["support"] for p in pairs_of(result)} == {3}


def test_the_defaults_reach_their_target_on_the_grocery_log(grocery: Path) -> None:
    """Precision .97 with 15,000 pairs; `benchmarks/mining_quality.py` has the whole table."""
    recipe = load_config(Path(__file__).parents[2] / "configs" / "grocery.py")
    data = dataclasses.replace(recipe.data, root=str(grocery))
    sources = locate(dataclasses.replace(recipe, data=data))
    catalogue = load_catalogue(data, sources.catalogue, sources.images, with_truth=True)
    assert catalogue.group is not None
    group = dict(zip(catalogue.item_id, catalogue.group, strict=True))
    blind = dataclasses.replace(catalogue, group=None)
    pairs = pairs_of(mine(data, MiningConfig(), blind, sources.log()))
    assert len(pairs) >= 15_000
    assert np.mean([group[p["left_id"]] == group[p["right_id"]] for p in pairs]) >= 0.97


# ---- One constraint at a time


def found_in(folder: Path, events: list[Event], catalogue: Catalogue = FLAT, **options) -> set[str]:
    settings = {"min_relevance": 0.0, "min_support": 1} | options
    return found_by(mined(folder, events, MiningConfig(**settings), catalogue))


def test_only_listings_clicked_under_one_query_make_a_pair(tmp_path: Path) -> None:
    events = [*clicks("p", "ab"), *clicks("q", "c"), Event("p", "d", 0, 1.0)]
    assert found_in(tmp_path, events) == {"ab"}


def test_listings_outside_the_train_split_make_no_pair(tmp_path: Path) -> None:
    catalogue = catalogue_of(dict.fromkeys("abc", "x"), {"c": "test"})
    assert found_in(tmp_path, clicks("p", "abcz"), catalogue) == {"ab"}


def test_the_category_constraint_at_both_levels(tmp_path: Path) -> None:
    catalogue = catalogue_of({"a": "x > u", "b": "x > u", "c": "x > v", "d": "y > u"})
    events = clicks("p", "abcd")
    assert found_in(tmp_path, events, catalogue, category_level=0) == {"ab"}
    assert found_in(tmp_path, events, catalogue, category_level=1) == {"ab", "ac", "bc"}


def test_relevance_is_the_mean_over_all_showings_not_over_clicks(tmp_path: Path) -> None:
    events = [*clicks("p", "ab"), Event("p", "c", 1, 1.0), Event("p", "c", 0, 0.5)]
    assert found_in(tmp_path, events, min_relevance=0.75) == {"ab", "ac", "bc"}
    assert found_in(tmp_path, events, min_relevance=0.76) == {"ab"}


def test_a_score_that_is_missing_is_no_evidence(tmp_path: Path) -> None:
    events = [*clicks("p", "ab"), Event("p", "c", 1, None)]
    assert found_in(tmp_path, events) == {"ab"}
    events.append(Event("p", "c", 0, 1.0))  # the mean is over the showings that have one
    assert found_in(tmp_path, events, min_relevance=1.0) == {"ab", "ac", "bc"}


def test_a_score_that_is_no_number_is_no_evidence(tmp_path: Path) -> None:
    events = [*clicks("p", "ab"), Event("p", "c", 1, float("nan"))]
    assert found_in(tmp_path, events, min_relevance=0.5) == {"ab"}


@pytest.mark.parametrize("suffix", ["csv", "parquet"])  # an empty CSV cell is read as null
def test_events_without_a_query_are_no_evidence(tmp_path: Path, suffix: str) -> None:
    events = [*clicks("", "cd"), *clicks("p", "ab")]
    path = write_log(tmp_path, events)
    if suffix == "csv":
        path = tiny.write_csv(tmp_path / "clicks.csv", [event._asdict() for event in events])
    result = mine(DataConfig(), LOOSE, FLAT, path)
    assert found_by(result) == {"ab"}
    assert dict(result.funnel)["co-clicked under a query"] == 1


def test_enough_clicks_are_needed(tmp_path: Path) -> None:
    events = [*clicks("p", "ab") * 2, *clicks("p", "c")]
    assert found_in(tmp_path, events, min_clicks=2) == {"ab"}
    assert found_in(tmp_path, events, min_clicks=1) == {"ab", "ac", "bc"}


def test_support_counts_queries_not_clicks(tmp_path: Path) -> None:
    events = [*clicks("p", "ab"), *clicks("q", "ab"), *clicks("p", "c") * 5]
    assert found_in(tmp_path, events, min_support=2) == {"ab"}


def test_the_cap_a_listing_keeps_the_heaviest_pairs_of_both_ends(tmp_path: Path) -> None:
    events = [*clicks("p", "ab"), *clicks("q", "ab"), *clicks("r", "ac"), *clicks("s", "cd")]
    # a's best is b; c's two pairs weigh the same, and a comes before d.
    assert found_in(tmp_path, events, max_pairs_per_item=1) == {"ab"}
    assert found_in(tmp_path, events, max_pairs_per_item=2) == {"ab", "ac", "cd"}


def test_a_head_query_is_bounded_by_its_strongest_listings(tmp_path: Path) -> None:
    ids = [f"{n:03}" for n in range(60)]
    catalogue = catalogue_of(dict.fromkeys(ids, "x"))
    events = [Event("mug", item, 1, 1.0) for n, item in enumerate(ids) for _ in range(1 + n // 50)]
    result = mined(tmp_path, events, MiningConfig(min_support=1, max_items_per_query=10), catalogue)
    assert result.table.num_rows == 45
    items = {p["left_id"] for p in pairs_of(result)} | {p["right_id"] for p in pairs_of(result)}
    assert items == set(ids[50:])  # the ten that were clicked twice


def test_a_specific_query_weighs_more_than_a_broad_one(tmp_path: Path) -> None:
    result = mined(tmp_path, [*clicks("p", "ab"), *clicks("q", "cdefg")], LOOSE, FLAT)
    first, second, *_ = pairs_of(result)
    assert (first["left_id"], first["right_id"]) == ("a", "b")
    assert first["weight"] == pytest.approx(1 / math.log2(3))
    assert second["weight"] == pytest.approx(1 / math.log2(6))


# ---- Inputs


@pytest.mark.parametrize(
    "spelling",
    [("1", "0"), ("1.0", "0.0"), ("true", "false"), ("True", ""), ("2", "0"), ("yes", "no")],
)
def test_clicked_may_be_spelled_in_several_ways(tmp_path: Path, spelling: tuple[str, str]) -> None:
    rows = [
        Event("p", item, spelling[0] if item in "ab" else spelling[1], 1.0)._asdict()
        for item in "abc"
    ]
    result = mine(DataConfig(), LOOSE, FLAT, tiny.write_csv(tmp_path / "clicks.csv", rows))
    assert [(p["left_id"], p["right_id"]) for p in pairs_of(result)] == [("a", "b")]


def test_a_log_without_relevance_counts_all_as_relevant(tmp_path: Path) -> None:
    rows = [{"q": "p", "item": item, "click": "1"} for item in "ab"]
    data = DataConfig(click_columns=ClickColumns("q", "item", "click", relevance=""))
    path = tiny.write_csv(tmp_path / "clicks.csv", rows)
    result = mine(data, MiningConfig(min_support=1, min_relevance=1.0), FLAT, path)
    assert result.table.num_rows == 1


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    path = tiny.write_csv(tmp_path / "clicks.csv", [{"query": "p", "sku": "a", "clicked": "1"}])
    with pytest.raises(ConfigError, match=r"'item_id', 'relevance'; it has query, sku, clicked"):
        mine(DataConfig(), LOOSE, FLAT, path)


def test_an_empty_log_a_clickless_log_and_a_foreign_log_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has no events"):
        mined(tmp_path, [], LOOSE, FLAT)
    empty = tiny.write_csv(tmp_path / "empty.csv", [], tiny.CLICK_FIELDS)
    with pytest.raises(ConfigError, match="has no events"):
        mine(DataConfig(), LOOSE, FLAT, empty)
    with pytest.raises(ConfigError, match="1 events but no click"):
        mined(tmp_path, [Event("p", "a", 0, 1.0)], LOOSE, FLAT)
    with pytest.raises(ConfigError, match="2 events but no click"):
        mined(tmp_path, clicks("p", "yz"), LOOSE, FLAT)


def test_when_no_pair_is_left_the_funnel_says_where_they_went(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"distinct pairs 1, \.\.\. with support 0") as raised:
        mined(tmp_path, clicks("p", "ab"), MiningConfig(), FLAT)
    assert "lower mining.min_support or mining.min_relevance" in str(raised.value)
    rows = [event._asdict() | {"session_id": "s"} for event in clicks("p", "ab")]
    options = MiningConfig(evidence=("session",))
    with pytest.raises(ConfigError, match=r"lower mining\.min_session_support or mining\.min_rel"):
        mine(DataConfig(), options, FLAT, write_rows(tmp_path, rows))


def test_the_order_of_the_log_does_not_matter(tmp_path: Path) -> None:
    """Sums of floats depend on their order; thresholds, caps and the table must not."""
    dice = random.Random(0)
    events = [
        Event(f"q{dice.randrange(30)}", item, 1, dice.choice([0.7, 0.8, 0.9]))
        for item in dice.choices(ITEMS, k=1500)
    ]
    options = MiningConfig(min_relevance=0.8, min_support=1, max_pairs_per_item=3)
    expected = mined(tmp_path, events, options, FLAT)
    for _ in range(4):
        dice.shuffle(events)
        shuffled = mined(tmp_path, events, options, FLAT)
        assert shuffled.funnel == expected.funnel
        assert shuffled.table.equals(expected.table)


def test_pairs_survive_the_disk(tmp_path: Path) -> None:
    result = mined(tmp_path, clicks("p", "abc"), LOOSE, FLAT)
    write_pairs(result, tmp_path / "new" / "run")
    assert read_pairs(tmp_path / "new" / "run" / "pairs.parquet").equals(result.table)
    with pytest.raises(ConfigError, match=r"no pairs .*stylejax mine"):
        read_pairs(tmp_path / "pairs.parquet")
    pq.write_table(result.table.drop_columns(["weight"]), tmp_path / "pairs.parquet")
    with pytest.raises(ConfigError, match="no column weight"):
        read_pairs(tmp_path / "pairs.parquet")
    (tmp_path / "pairs.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(ConfigError, match=r"cannot read .*pairs\.parquet: .*stylejax mine"):
        read_pairs(tmp_path / "pairs.parquet")
