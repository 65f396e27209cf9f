"""Tests of stylejax/retrieval/audit.py: what the page of mined pairs shows."""

import itertools
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from stylejax.config import Config, ConfigError, DataConfig
from stylejax.labels import Card
from stylejax.retrieval.audit import SAMPLE, Listings, write_audit

FUNNEL = [
    ("events", 90),
    ("... known", 80),
    ("... clicked", 40),
    ("co-clicked", 50),
    ("... near", 5),
]
EVIL = "<script>alert('x')</script>"


@dataclass
class Audit:
    """Four listings of mugs, two of plates, and the pairs among them."""

    pairs: list[tuple[str, str]] = field(
        default_factory=lambda: [("a", "b"), ("a", "c"), ("c", "d"), ("e", "f")]
    )
    group: list[str] | None = field(default_factory=lambda: ["1", "1", "2", "2", "3", "4"])
    titles: list[str] = field(default_factory=lambda: list("abcdef"))
    others: dict[str, Any] = field(default_factory=dict)

    def write(self, folder: Path) -> str:
        Image.new("RGB", (20, 20), "red").save(folder / "a.png")
        category = ["Mugs"] * 4 + ["Plates"] * 2
        images = [folder / "a.png", folder / "lost.png", None, None, None, None]
        paths = [f"Home > {kind}" for kind in category]
        cards = list(map(Card, "abcdef", self.titles, paths, images))
        table = pa.table(
            {
                "left_id": [left for left, _ in self.pairs],
                "right_id": [right for _, right in self.pairs],
                "weight": np.linspace(0.5, 2, len(self.pairs)),
                "support": [2] * len(self.pairs),
                "relevance": [0.9] * len(self.pairs),
                "category": ["Mugs"] * len(self.pairs),
            }
        )
        given = {
            "name": "run",
            "config": Config(data=DataConfig(note="All simulated.")),
            "pairs": table,
            "funnel": FUNNEL,
            "findings": [("duplicate events", 3, "counted once"), ("empty queries", 0, "left out")],
            "listings": Listings(cards, category, self.group),
        }
        path = folder / "audit.html"
        write_audit(path, **(given | self.others))
        return path.read_text()


def plain(page: str) -> str:
    """The text of a page, without marks and styles."""
    page = re.sub(r"<style>.*?</style>", "", page, flags=re.S)
    return " ".join(re.sub(r"<[^>]*>", " ", page).split())


def test_precision_and_recall_over_all_and_by_category(tmp_path: Path) -> None:
    text = plain(Audit().write(tmp_path))
    assert "pairs 4 6 listings, 100.0 % of them with a pair" in text
    assert "precision 50.0 %" in text  # ab and cd are one product
    assert "recall 100.0 %" in text
    assert "Mugs 4 100.0 3 66.7 100.0" in text
    assert "Plates 2 100.0 1 0.0 –" in text  # nothing there is one product


def test_a_product_of_two_categories_counts_in_each_with_its_own_pairs(tmp_path: Path) -> None:
    text = plain(Audit(group=["1", "1", "2", "3", "1", "1"]).write(tmp_path))
    assert "Mugs 4 100.0 3 33.3 100.0" in text  # ab
    assert "Plates 2 100.0 1 100.0 100.0" in text  # ef
    assert "recall 33.3 %" in text  # two of the six pairs of product 1


def test_without_the_truth_nothing_is_judged(tmp_path: Path) -> None:
    page = Audit(group=None).write(tmp_path)
    text = plain(page)
    assert "precision" not in text.lower()
    assert "recall" not in text.lower()
    assert "one product" not in text
    assert 'class="pair wrong"' not in page
    assert "Mugs 4 100.0 3" in text


def test_only_what_was_found_is_listed(tmp_path: Path) -> None:
    text = plain(Audit().write(tmp_path))
    assert "duplicate events 3 counted once" in text
    assert "empty queries" not in text
    clean = Audit(others={"findings": [("empty queries", 0, "left out")]})
    assert "None of 1 checks found anything" in plain(clean.write(tmp_path))


def test_the_funnel_says_what_each_line_keeps(tmp_path: Path) -> None:
    page = Audit().write(tmp_path)
    assert "known 80 88.9 % clicked 40 50.0 % co-clicked 50 near 5 10.0 %" in plain(page)
    widths = [float(w) for w in re.findall(r'class="step.*?width:([\d.]+)%', page, flags=re.S)]
    assert widths == pytest.approx([100, 88.89, 44.44, 100, 10])


def test_pairs_are_shown_side_by_side_with_their_verdict(tmp_path: Path) -> None:
    page = Audit().write(tmp_path)
    shown = re.findall(r'<li class="pair( wrong)?">', page)
    assert len(shown) == 4
    assert shown.count(" wrong") == 2
    assert page.count("data:image/jpeg") == 1
    assert page.count("no photo") == 6  # of eight sides two show listing a; b's file is lost
    assert "support 2" in plain(page)


def test_a_score_that_all_pairs_share_has_one_bar_of_just_that(tmp_path: Path) -> None:
    """Relevance ends at 1: no bar reaches beyond."""
    text = plain(Audit().write(tmp_path))
    assert "averaged over the pair's keys 0.9 4" in text.replace("&#39;", "'")
    assert "gave the pair 2 4" in text


def test_relevance_is_not_shown_where_the_log_has_none(tmp_path: Path) -> None:
    text = plain(Audit(others={"with_relevance": False}).write(tmp_path))
    assert "relevance" not in text.split("Settings of the run")[0]
    assert "support 2" in text


def test_the_sample_is_bounded_and_drawn_alike_whatever_the_order(tmp_path: Path) -> None:
    names = [f"I{n:03}" for n in range(80)]
    pairs = list(itertools.pairwise(names))

    def sampled(order: list[tuple[str, str]]) -> list[str]:
        cards = [Card(name, name, "x", None) for name in names]
        table = pa.table(
            {
                "left_id": [left for left, _ in order],
                "right_id": [right for _, right in order],
                "weight": [1.0] * len(order),
                "support": [2] * len(order),
                "relevance": [0.9] * len(order),
            }
        )
        listings = Listings(cards, ["x"] * len(cards), None)
        page = Audit(others={"pairs": table, "listings": listings}).write(tmp_path)
        return re.findall(r'<p class="name" title="(\w+)"', page)

    first = sampled(pairs)
    assert len(first) == 2 * SAMPLE
    assert sampled(pairs[::-1]) == first


def test_the_share_confirmed_later_is_shown_where_it_is_known(tmp_path: Path) -> None:
    assert "confirmed 45.7 %" in plain(Audit(others={"confirmed": 0.457}).write(tmp_path))
    assert "confirmed" not in plain(Audit().write(tmp_path)).split("Settings of the run")[0]


def test_the_page_is_one_file_and_escapes_what_suppliers_write(tmp_path: Path) -> None:
    page = Audit(titles=[EVIL, *"bcdef"]).write(tmp_path)
    assert EVIL not in page
    assert "&lt;script&gt;" in page
    assert not re.findall(r'(?:src|href)="(?!data:)', page)
    assert "All simulated." in page


def test_a_pair_of_an_unknown_listing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="pair of 'z'"):
        Audit(pairs=[("a", "z")]).write(tmp_path)
