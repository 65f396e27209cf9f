"""Tests of stylejax/retrieval/report/write.py: the page of a run says what is so."""

import html
import re
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from stylejax.config import Config, ConfigError
from stylejax.labels import Card, Label
from stylejax.retrieval.evaluation.comparable import differences
from stylejax.retrieval.evaluation.evaluate import evaluate_splits
from stylejax.retrieval.report.write import Other, write_report
from stylejax.retrieval.vectors import VectorSet

EVIL = "<script>alert('x')</script><img src=http://evil.example/x.png>"
CATEGORIES = {"Tools": 1.2, "Dresses": 0.9, "Mugs": 0.05}  # noise of the vectors: Tools are worst
PRODUCTS, LISTINGS, DIM = 6, 4, 16
RECORD = [
    {"step": 1, "loss": 5.0, "ppm/m-m": 4.5, "scale": 20.0},
    {"step": 10, "loss": 2.5, "ppm/m-m": 2.25, "scale": 21.0},
    {"step": 10, "retrieval/m-m/recall@1": 0.5, "retrieval/i-i/recall@1": 0.25},
]
QUALITY = ["Recall@k", "Precision over recall", "ROC"]
FUNNEL = [("events in the log", 1000), ("... clicked", 200), ("co-clicked", 5000), ("... kept", 50)]


class Data:
    """Listings of three categories, of which the noisiest finds the least."""

    def __init__(self, folder: Path):
        rng = np.random.default_rng(3)
        self.labels: dict[str, Label] = {}
        self.cards: list[Card] = []
        rows: dict[str, list[np.ndarray]] = {view: [] for view in "mti"}
        present: dict[str, list[bool]] = {view: [] for view in "mti"}
        for category, noise in CATEGORIES.items():
            for product in range(PRODUCTS):
                centre = rng.normal(size=DIM)
                for listing in range(LISTINGS):
                    item = f"{category}{product}{listing}"
                    path = folder / f"{item}.png"
                    Image.new("RGB", (24, 24), tuple(rng.integers(0, 255, 3).tolist())).save(path)
                    self.labels[item] = Label(f"{category}{product}", category, "test")
                    self.cards.append(Card(item, f"title of {item}", f"{category} > Leaf", path))
                    for view in rows:
                        vector = centre + noise * rng.normal(size=DIM)
                        has = view != "i" or (product + listing) % 4 != 0
                        rows[view].append(has * vector / np.linalg.norm(vector))
                        present[view].append(has)
        self.vectors = VectorSet(
            [card.item_id for card in self.cards],
            {view: np.array(found, np.float32) for view, found in rows.items()},
            {view: np.array(found) for view, found in present.items()},
        )

    def write(self, path: Path, **changes: Any) -> str:
        metrics = evaluate_splits(self.vectors, self.labels, "test", "test").metrics
        given: dict[str, Any] = {
            "name": "the run",
            "config": Config(),
            "metrics": metrics,
            "record": RECORD,
            "funnel": FUNNEL,
            "vectors": self.vectors,
            "labels": self.labels,
            "cards": self.cards,
            "note": "",
        }
        write_report(path, **(given | changes))
        return path.read_text(encoding="utf-8")


class Reader(HTMLParser):
    """Addresses that the page would load, its text, and the results of each example."""

    def __init__(self, page: str):
        super().__init__()
        self.loads: list[str] = []
        self.examples: list[dict[str, Any]] = []
        self.tags: set[str] = set()
        self._stack: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.add(tag)
        self.loads += [given[name] for name in ("src", "href", "srcset", "data") if name in given]
        assert not [name for name in given if name.startswith("on")]
        classes = given.get("class", "").split()
        if tag == "article":
            self.examples.append({"name": "", "answers": [], "verdict": ""})
        if tag == "ol":
            self.examples[-1]["answers"].append([])
        if tag == "li" and "tile" in classes:
            tile: dict[str, Any] = {
                "marked": classes[1],
                "extra": "extra" in classes,
                "name": "",
                "mark": "",
            }
            self.examples[-1]["answers"][-1].append(tile)
        if tag != "meta":
            self._stack.append(next(iter(classes), tag))

    def handle_endtag(self, tag: str) -> None:
        self._stack.pop()

    def handle_data(self, data: str) -> None:
        here = self._stack[-1] if self._stack else ""
        if not data.strip() or not self.examples:
            return
        answers = self.examples[-1]["answers"]
        if here == "name":
            if answers:
                answers[-1][-1]["name"] = data
            else:
                self.examples[-1]["name"] = data
        if here == "mark" and answers:
            answers[-1][-1]["mark"] = data
        if here == "b" and answers and data.startswith("rank "):
            answers[-1][-1]["rank"] = int(data.removeprefix("rank "))
        if here == "verdict":
            self.examples[-1]["verdict"] += data


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Data:
    return Data(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def page(data: Data, tmp_path_factory: pytest.TempPathFactory) -> str:
    return data.write(tmp_path_factory.mktemp("out") / "new" / "report.html")


def _category_order(page: str, pattern: str) -> list[str]:
    return [html.unescape(name) for name in re.findall(pattern, page)]


def _group(name: str) -> str:
    return name.removeprefix("title of ")[:-1]


def test_every_category_is_there_worst_first(data: Data, page: str) -> None:
    metrics = evaluate_splits(data.vectors, data.labels, "test", "test").metrics
    worst_first = sorted(
        CATEGORIES, key=lambda name: metrics["breakdowns"]["category"][name]["m-m"]["recall@1"]
    )
    assert worst_first == list(CATEGORIES)
    assert _category_order(page, r'class="category">\s*<h3>([^<]+)<') == worst_first
    assert _category_order(page, r'<h3 class="group">([^<]+)<') == worst_first


def test_marks_agree_with_the_labels(data: Data, page: str) -> None:
    examples = Reader(page).examples
    assert len(examples) >= 5
    seen = set()
    for example in examples:
        asks = example["name"]
        for tiles in example["answers"]:
            assert len([tile for tile in tiles if not tile["extra"]]) == 5
            for tile in tiles:
                right = _group(tile["name"]) == _group(asks)
                assert tile["name"] != asks
                assert tile["marked"] == ("right" if right else "wrong")
                assert tile["mark"] == ("✓" if right else "✗")
                seen.add(right)
        first = example["answers"][0][0]["marked"]
        assert f"first result {first}" in example["verdict"]
    assert seen == {True, False}


def test_ranks_are_those_of_the_metrics_among_equals_too(data: Data, tmp_path: Path) -> None:
    """Six listings, of three products, share each vector: what is ahead is up to one order."""
    vectors = replace(
        data.vectors,
        vectors={v: np.repeat(x[::6], 6, axis=0) for v, x in data.vectors.vectors.items()},
        present={view: np.ones_like(has) for view, has in data.vectors.present.items()},
    )
    labels = {
        item: replace(label, group=f"{row // 6} {row % 3}", category=f"query {item}")
        for row, (item, label) in enumerate(data.labels.items())
    }
    metrics = evaluate_splits(vectors, labels, "test", "test").metrics
    page = data.write(tmp_path / "report.html", vectors=vectors, labels=labels, metrics=metrics)
    seen = set()
    for example in Reader(page).examples:
        item = example["name"].removeprefix("title of ")
        for direction, tiles in zip(("m-m", "i-i", "t-t"), example["answers"], strict=True):
            place = [tile["marked"] for tile in tiles].index("right")
            rank = tiles[place].get("rank", place + 1)
            expected = metrics["breakdowns"]["category"][f"query {item}"][direction]["mrr"]
            assert expected == pytest.approx(1 / rank)
            seen.add(rank)
    assert len(seen) > 2
    assert max(seen) > 6


def test_wrong_examples_come_first_and_show_the_first_right_result(page: str) -> None:
    tools = [example for example in Reader(page).examples if "Tools" in example["name"]]
    assert [example["answers"][0][0]["marked"] for example in tools] == ["wrong", "wrong", "right"]
    for example in tools:
        for tiles in example["answers"]:
            right = [tile["marked"] == "right" for tile in tiles]
            assert any(right)
            assert [tile["extra"] for tile in tiles] == [False] * 5 + [True] * (len(tiles) - 5)
            assert (len(tiles) == 6) == (not any(right[:5]))


def test_a_query_without_a_photo_says_so(data: Data, tmp_path: Path) -> None:
    nothing = np.zeros_like(data.vectors.present["i"])
    vectors = replace(data.vectors, present=data.vectors.present | {"i": nothing})
    metrics = evaluate_splits(vectors, data.labels, "test", "test").metrics
    page = data.write(tmp_path / "report.html", vectors=vectors, metrics=metrics)
    examples = Reader(page).examples
    assert all(len(example["answers"]) == 2 for example in examples)
    assert page.count("this listing has no photo") == len(examples)


def test_metrics_are_on_the_page(data: Data, page: str) -> None:
    metrics = evaluate_splits(data.vectors, data.labels, "test", "test").metrics
    numbers = re.findall(r'<p class="number">([\d.]+)<', page)
    assert numbers == [
        f"{100 * metrics['directions'][d]['recall@1']:.1f}" for d in ("i-i", "t-t", "m-m")
    ]
    rows = re.findall(r"<code>(\w-\w)</code></th>(.*?)</tr>", page, re.DOTALL)
    assert len(rows) == 9
    names = ("mrr", "recall@1", "recall@5", "recall@10", "recall@20", "map", "map@r", "ndcg@10")
    for direction, row in rows:
        values = metrics["directions"][direction]
        cells = re.findall(r"<td[^>]*>([^<]+)<", row)
        told = [f"{100 * values[name]:.1f}" for name in names]
        assert cells == [*told, str(values["queries"])]
        ends = metrics["intervals"][direction]
        told = ["–".join(f"{100 * end:.1f}" for end in ends[name]) for name in names]
        assert re.findall(r'class="ends">([^<]+)<', row) == told
    assert "leave one out" in page


def test_nothing_is_loaded_and_nothing_runs(page: str) -> None:
    reader = Reader(page)
    assert reader.loads == []
    assert reader.tags.isdisjoint({"script", "link", "iframe", "object", "embed", "img", "base"})
    assert "://" not in page
    assert "@import" not in page
    assert set(re.findall(r"url\(\"(.{10})", page)) == {"data:image"}
    assert "default-src 'none'" in page


def test_pictures_are_embedded_once_and_all_are_shown(page: str) -> None:
    rules = re.findall(r"\.(p\d+)\{background-image:url\(\"(data:image/jpeg;base64,[^\"]+)", page)
    shown = re.findall(r'class="(?:photo|cell hue\d) (p\d+)"', page)
    assert len({uri for _, uri in rules}) == len(rules) > 10
    assert {name for name, _ in rules} == set(shown)
    assert len(shown) > len(rules)


def test_malicious_titles_and_categories_are_text(data: Data, tmp_path: Path) -> None:
    cards = [replace(card, title=EVIL, category=EVIL) for card in data.cards]
    labels = {item: replace(label, category=EVIL) for item, label in data.labels.items()}
    metrics = evaluate_splits(data.vectors, labels, "test", "test").metrics
    page = data.write(
        tmp_path / "report.html",
        cards=cards,
        labels=labels,
        metrics=metrics,
        name=EVIL,
        funnel=[(EVIL, 3)],
        record=[{"step": 1, "loss": 1.0, EVIL: 2.0}],
    )
    assert "<script" not in page
    assert "<img" not in page
    assert Reader(page).loads == []
    assert html.escape(EVIL, quote=False).split("'")[0] in page


@pytest.mark.parametrize("missing", ["none", "gone"])
def test_missing_pictures_are_placeholders(data: Data, tmp_path: Path, missing: str) -> None:
    path = {"none": None, "gone": tmp_path / "gone.png"}[missing]
    page = data.write(
        tmp_path / "report.html", cards=[replace(card, image=path) for card in data.cards]
    )
    assert "data:image" not in page
    assert page.count(">no photo<") > 20


def test_the_note_is_shown_escaped(data: Data, page: str, tmp_path: Path) -> None:
    told = "The clicks &lt;here&gt; are simulated"
    assert told not in page
    assert told in data.write(tmp_path / "report.html", note="The clicks <here> are simulated")


def test_split_against_split(data: Data, tmp_path: Path) -> None:
    labels = {
        item: replace(label, split="queries" if item.endswith("0") else "gallery")
        for item, label in data.labels.items()
    }
    metrics = evaluate_splits(data.vectors, labels, "queries", "gallery").metrics
    page = data.write(tmp_path / "report.html", labels=labels, metrics=metrics)
    text = " ".join(re.sub(r"<[^>]+>", "", page).split())
    assert "18 listings of the split queries search 54 listings of the split gallery" in text
    for example in Reader(page).examples:
        assert example["name"].endswith("0")
        assert not any(tile["name"].endswith("0") for a in example["answers"] for tile in a)


def test_the_same_run_gives_the_same_page(data: Data, page: str, tmp_path: Path) -> None:
    assert data.write(tmp_path / "report.html") == page


def test_a_run_without_record_and_funnel(data: Data, page: str, tmp_path: Path) -> None:
    bare = data.write(tmp_path / "report.html", record=[], funnel=[])
    assert "From clicks to pairs" in page
    assert "From clicks to pairs" not in bare
    assert _chart_titles(page) == [
        *QUALITY,
        "R@1 during training",
        "total loss",
        "ppm/m-m",
        "scale",
    ]
    assert _chart_titles(bare) == QUALITY


def _chart_titles(page: str) -> Sequence[str]:
    return re.findall(r"<figcaption>([^<]+)</figcaption>", page)


def test_what_divides_the_queries_is_on_the_page(data: Data, tmp_path: Path) -> None:
    shows = ["photo alone" if n % 2 else "photo and title" for n in range(len(data.cards))]
    divided = {"category": [x.category for x in data.labels.values()], "shows": shows}
    metrics = evaluate_splits(data.vectors, data.labels, "test", "test", breakdowns=divided).metrics
    page = data.write(tmp_path / "report.html", metrics=metrics)
    for value, found in metrics["breakdowns"]["shows"].items():
        (row,) = re.findall(rf'<th scope="row">{value}</th>(.*?)</tr>', page, re.DOTALL)
        told = [f"{100 * found[d]['recall@1']:.1f}" for d in ("i-i", "t-t", "m-m")]
        assert re.findall(r"<td[^>]*>([^<]+)<", row)[:3] == told


def test_the_plane_and_the_clusters_are_on_the_page(data: Data, page: str) -> None:
    assert page.count('class="cell ') == len(data.cards)
    (pure, count) = re.findall(r"(\d+) of (\d+) clusters", page)[0]
    assert 0 < int(pure) <= int(count) < len(data.cards)


def test_what_approximate_search_loses_is_on_the_page(
    data: Data, page: str, tmp_path: Path
) -> None:
    assert "What approximate search loses" not in page
    metrics = evaluate_splits(data.vectors, data.labels, "test", "test").metrics
    both = [
        dict.fromkeys(("recall@1", "recall@5", "recall@10", "mrr", "ndcg@10"), x)
        for x in (0.5, 0.25)
    ]
    metrics["ann"] = {
        "target": 0.9,
        "directions": {"m-m": {"exact": both[0], "scann": both[1], "queries": 9}},
    }
    shown = data.write(tmp_path / "report.html", metrics=metrics)
    assert "recall@10 of 90.0 %" in shown
    assert shown.count("50.0 / 25.0") == 5


def test_another_run_stands_beside(data: Data, page: str, tmp_path: Path) -> None:
    assert "Beside" not in page
    rng = np.random.default_rng(8)
    noisy = {v: x + 0.3 * rng.normal(size=x.shape) for v, x in data.vectors.vectors.items()}
    noisy = {v: x / np.linalg.norm(x, axis=1, keepdims=True) for v, x in noisy.items()}
    noisy = {v: x.astype(np.float32) for v, x in noisy.items()}
    vectors = replace(data.vectors, vectors=noisy)
    mine, theirs = (
        evaluate_splits(x, data.labels, "test", "test") for x in (data.vectors, vectors)
    )
    found = differences(theirs.queries, mine.queries)
    other = Other("the other", vectors, theirs.metrics, found)
    shown = data.write(tmp_path / "report.html", other=other)
    assert "Beside the other" in shown
    for one in found:
        assert f">{100 * (one.second - one.first):+.1f}<" in shown
        assert f">{one.p:.4f}<" in shown
    assert "Right in the run alone" in shown
    assert Reader(shown).loads == []


def test_catalogue_and_vectors_must_belong_together(data: Data, tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"1 exported listings are not in the catalogue.*--catalog"
    ):
        data.write(tmp_path / "report.html", cards=data.cards[1:])
