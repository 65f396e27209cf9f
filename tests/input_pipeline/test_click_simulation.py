"""Tests of input_pipeline/click_simulation and `stylejax simulate-clicks`."""

import csv
import gzip
import json
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import tiny

from input_pipeline.catalogue import Catalogue, load_catalogue
from input_pipeline.click_simulation.log import SimulatedLog, require_log_name, write_clicks
from input_pipeline.click_simulation.options import ClickOptions
from input_pipeline.click_simulation.shop import Shop
from stylejax.cli import main
from stylejax.config import CatalogueColumns, ConfigError, DataConfig

GIVEN = ("--catalog", "{root}/catalogue.csv", "--out", "{out}/simulated.csv")
NAMES = {f"P{number}": name for number, (name, *_) in enumerate(tiny.PRODUCTS)}


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    """The tiny catalogue with a column of names."""
    rows = [row | {"called": NAMES[row["group"]]} for row in tiny.catalogue_rows()]
    path = tiny.write_csv(tmp_path_factory.mktemp("clicks") / "catalogue.csv", rows)
    data = DataConfig(columns=CatalogueColumns(name="called"))
    return load_catalogue(data, path, path.parent, with_truth=True)


def simulate(
    catalogue: Catalogue, path: Path, **rates
) -> tuple[SimulatedLog, list[dict[str, str]]]:
    log = write_clicks(catalogue, "train", path, ClickOptions(**({"sessions": 400} | rates)))
    with path.open(newline="") as file:
        return log, list(csv.DictReader(file))


def test_equal_options_give_equal_bytes_and_another_seed_others(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    first, again, other = (tmp_path / f"simulated_{n}.csv" for n in range(3))
    simulate(catalogue, first, seed=5)
    simulate(catalogue, again, seed=5)
    simulate(catalogue, other, seed=6)
    assert first.read_bytes() == again.read_bytes()
    assert first.read_bytes() != other.read_bytes()


def test_the_note_beside_the_log_says_what_it_is(catalogue: Catalogue, tmp_path: Path) -> None:
    log, events = simulate(catalogue, tmp_path / "clicks_simulated.csv", stray_clicks=0.02)
    assert log.note == tmp_path / "clicks_simulated.json"
    note = json.loads(log.note.read_text())
    assert note["simulated"] is True
    options = asdict(ClickOptions(sessions=400, stray_clicks=0.02))
    assert {name: note[name] for name in options} == options
    assert note["events"] == log.events == len(events)
    assert note["clicks"] == log.clicks == sum(event["clicked"] == "1" for event in events)
    assert {path.name for path in tmp_path.iterdir()} == {log.path.name, log.note.name}


def test_the_formats_hold_the_same_log(catalogue: Catalogue, tmp_path: Path) -> None:
    options = ClickOptions(sessions=50)
    for end in ("csv", "csv.gz", "parquet"):
        write_clicks(catalogue, "train", tmp_path / f"simulated.{end}", options)
    plain = (tmp_path / "simulated.csv").read_bytes()
    assert gzip.decompress((tmp_path / "simulated.csv.gz").read_bytes()) == plain
    table = pq.read_table(tmp_path / "simulated.parquet").to_pylist()
    with (tmp_path / "simulated.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [{name: str(value) for name, value in row.items()} for row in table] == [
        row | {"relevance": str(float(row["relevance"]))} for row in rows
    ]


def test_a_page_has_different_listings_of_the_split_in_order(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    _, events = simulate(catalogue, tmp_path / "simulated.csv", page=6)
    train = {catalogue.item_id[row] for row in catalogue.rows("train")}
    pages: dict[str, list[dict[str, str]]] = {}
    for event in events:
        pages.setdefault(event["session_id"], []).append(event)
    assert len(pages) == 400
    for page in pages.values():
        assert [int(event["position"]) for event in page] == list(range(1, len(page) + 1))
        assert len({event["query"] for event in page}) == 1
        assert len(page) <= 6
        assert len({event["item_id"] for event in page}) == len(page)
    assert {event["item_id"] for event in events} == train
    assert len({event["event_id"] for event in events}) == len(events)
    times = [int(event["timestamp"]) for event in events]
    assert times == sorted(times)
    assert all(0 <= float(event["relevance"]) <= 1 for event in events)


def test_queries_are_names_categories_and_beginnings_of_titles(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    _, events = simulate(catalogue, tmp_path / "simulated.csv")
    queries = Counter(event["query"] for event in events if event["position"] == "1")
    names = {name.lower() for name in NAMES.values()}
    categories = {"mugs", "plates", "bolts", "hammers"}
    assert names <= set(queries)
    assert categories <= set(queries)
    for query in set(queries) - names - categories:
        assert any(title.lower().startswith(query) for title in catalogue.title), query
    shares = [sum(queries[query] for query in kind) / 400 for kind in (names, categories)]
    assert shares[1] == pytest.approx(0.3, abs=0.07)
    assert shares[0] >= 0.5 - 0.07  # titles may begin with a name too


def test_without_a_column_of_names_titles_are_asked_for(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    nameless = replace(catalogue, name=None)
    _, events = simulate(nameless, tmp_path / "simulated.csv", category_share=0.0)
    for query in {event["query"] for event in events}:
        assert any(title.lower().startswith(query) for title in catalogue.title) or query in (
            "mugs",  # the category stands in for the one listing without a title
        )


def test_attention_falls_down_the_page(catalogue: Catalogue, tmp_path: Path) -> None:
    """All listings alike: only the place on the page decides."""

    def rates(**options: float) -> np.ndarray:
        _, events = simulate(
            catalogue,
            tmp_path / "simulated.csv",
            sessions=3000,
            page=5,
            category_share=1.0,
            name_share=0.0,
            stray_clicks=0.0,
            **options,
        )
        shown, clicked = Counter(), Counter()
        for event in events:
            shown[event["position"]] += 1
            clicked[event["position"]] += int(event["clicked"])
        return np.array([clicked[str(place)] / shown[str(place)] for place in (1, 3)])

    top, third = rates(position_bias=2.0, relevance_noise=9.0)  # noise: a random order
    assert third / top == pytest.approx(1 / (1 + 2.0 * 2), rel=0.35)
    top, third = rates(position_bias=0.0, relevance_noise=9.0)
    assert third / top == pytest.approx(1.0, rel=0.25)


def test_stray_clicks_and_noise_do_what_they_say(catalogue: Catalogue, tmp_path: Path) -> None:
    _, events = simulate(catalogue, tmp_path / "simulated.csv", stray_clicks=1.0)
    assert all(event["clicked"] == "1" for event in events)
    _, exact = simulate(catalogue, tmp_path / "simulated.csv", relevance_noise=0.0)
    assert len({event["relevance"] for event in exact}) <= 5
    _, noisy = simulate(catalogue, tmp_path / "simulated.csv", relevance_noise=0.3)
    assert len({event["relevance"] for event in noisy}) > 100


def test_popularity_concentrates_demand(catalogue: Catalogue, tmp_path: Path) -> None:
    most = []
    for popularity in (0.0, 2.0):
        _, events = simulate(
            catalogue,
            tmp_path / "simulated.csv",
            popularity=popularity,
            name_share=1.0,
            category_share=0.0,
        )
        queries = Counter(event["query"] for event in events if event["position"] == "1")
        most.append(queries.most_common(1)[0][1] / 400)
    assert most[0] < 0.25  # of eight products
    assert most[1] > 0.5


def test_a_wanted_product_is_clicked_more_than_a_stranger(catalogue: Catalogue) -> None:
    shop = Shop(catalogue, catalogue.rows("train"), ClickOptions(category_share=0.0))
    clicks = {True: [], False: []}
    assert catalogue.group is not None
    for _ in range(500):
        search = shop.search()
        wanted = [NAMES[catalogue.group[row]] in search.query for row in search.rows.tolist()]
        for own, clicked in zip(wanted, search.clicked.tolist(), strict=True):
            clicks[own].append(clicked)
    assert np.mean(clicks[True]) > 3 * np.mean(clicks[False])


def test_listings_of_unknown_product_are_products_of_their_own(catalogue: Catalogue) -> None:
    blind = replace(catalogue, group=[""] * len(catalogue))
    options = ClickOptions(category_share=0.0, relevance_noise=0.0)
    shop = Shop(blind, blind.rows("train"), options)
    for _ in range(50):
        assert (shop.search().relevance > 0.9).sum() == 1


@pytest.mark.parametrize(
    ("rates", "message"),
    [
        ({"seed": -1}, "seed is -1"),
        ({"sessions": 0}, "sessions is 0"),
        ({"page": 1}, "page is 1; use 2"),
        ({"stray_clicks": 1.5}, r"stray_clicks is 1.5; use a share"),
        ({"position_bias": -1.0}, "position_bias is -1.0"),
        ({"popularity": float("inf")}, "popularity is inf"),
        ({"name_share": 0.8}, r"name_share 0.8 and category_share 0.3 .* lower one"),
    ],
)
def test_rates_out_of_range_are_named(rates: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ClickOptions(**rates)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("clicks.csv", r"call it clicks_simulated\.csv"),
        ("a/log.csv.gz", r"call it a/log_simulated\.csv\.gz"),
        ("simulated.tsv", r"ends in none of \.csv"),
        ("simulated", r"ends in none of \.csv"),
    ],
)
def test_a_name_that_could_pass_for_a_real_log_is_refused(name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        require_log_name(Path(name))


# ---- The verb


def test_the_verb_writes_a_log_that_mining_reads(
    data_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Clicks of the simulation in place of those by hand: the pairs are pairs of one product."""
    log = tmp_path / "clicks_simulated.csv"
    words = ["--catalog", data_root / "catalogue.csv", "--out", log, "--sessions", "1500"]
    main(["simulate-clicks", *map(str, words), "--seed", "3"])
    assert "simulated: " in capsys.readouterr().out
    config = tiny.config(data_root, tmp_path / "run", data={"clicks": str(log)})
    main(["mine", "--config", str(tiny.write_recipe(tmp_path / "recipe.py", config))])
    pairs = pq.read_table(tmp_path / "run" / "pairs.parquet")
    group = {row["item_id"]: row["group"] for row in tiny.catalogue_rows()}
    right = [
        group[a] == group[b]
        for a, b in zip(pairs["left_id"].to_pylist(), pairs["right_id"].to_pylist(), strict=True)
    ]
    assert len(right) >= 12  # of 24
    assert np.mean(right) > 0.75  # of all pairs of a category, .35 are right


def test_clicks_for_the_grocery_listings_give_clean_pairs(grocery: Path, tmp_path: Path) -> None:
    log = tmp_path / "clicks_simulated.csv.gz"
    recipe = str(Path(__file__).parents[2] / "configs" / "grocery.py")
    words = ["--catalog", str(grocery / "listings.csv"), "--out", str(log), "--config", recipe]
    main(["simulate-clicks", *words, "--data.columns.name", "name", "--sessions", "10000"])
    place = ["--data.root", str(grocery), "--data.clicks", str(log)]
    main(["mine", "--config", recipe, *place, "--run-dir", str(tmp_path / "run")])
    with (grocery / "listings.csv").open(newline="") as file:
        group = {row["item_id"]: row["product_id"] for row in csv.DictReader(file)}
    pairs = pq.read_table(tmp_path / "run" / "pairs.parquet")
    right = [
        group[a] == group[b]
        for a, b in zip(pairs["left_id"].to_pylist(), pairs["right_id"].to_pylist(), strict=True)
    ]
    assert len(right) > 5_000
    assert np.mean(right) > 0.95


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--catalog", "{root}/catalogue.csv", "--out", "{out}/clicks.csv"], "clicks_simulated"),
        (["--catalog", "{out}/no.csv", "--out", "{out}/simulated.csv"], "no file"),
        (
            [*GIVEN, "--data.columns.group", "truth"],
            "no column 'truth'",
        ),
        (
            [*GIVEN, "--data.train-split", "old"],
            "no listing of split 'old'",
        ),
        (
            [*GIVEN, "--data.columns.nmae", "called"],
            "--data.columns.name",
        ),
    ],
    ids=["name", "no file", "no truth", "no split", "no such field"],
)
def test_what_the_verb_cannot_use_is_named(
    data_root: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    message: str,
) -> None:
    with pytest.raises(SystemExit) as raised:
        main(["simulate-clicks", *(word.format(root=data_root, out=tmp_path) for word in words)])
    assert raised.value.code == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
