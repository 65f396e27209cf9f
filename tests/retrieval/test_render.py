"""Tests of stylejax/retrieval/render.py."""

from pathlib import Path

import jinja2
import pytest

from stylejax.retrieval.album import Album
from stylejax.retrieval.render import TEMPLATES, environment, render


def test_a_value_that_is_not_given_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(jinja2.UndefinedError):
        render(tmp_path / "page.html", "results", album=Album())
    assert not (tmp_path / "page.html").exists()


def test_every_table_scrolls_in_a_box_of_its_own() -> None:
    """On a phone a table that is wider than the page would be cut, or widen it."""
    found = 0
    for template in TEMPLATES.glob("*.jinja"):
        before = ""
        for line in template.read_text().splitlines():
            if line.startswith("<table"):
                assert before == '<div class="scroll">', (template.name, line)
                found += 1
            before = line
    assert found >= 8


def test_what_rounds_to_zero_has_no_sign() -> None:
    filters = environment(TEMPLATES).filters
    assert [filters["score"](x) for x in (-0.0004, -0.0006, 0.25)] == ["0.000", "−0.001", "0.250"]
    assert [filters["signed_percent"](x) for x in (-0.0004, 0.0, -0.002)] == [
        "+0.0",
        "+0.0",
        "-0.2",
    ]
    assert filters["percent"](-0.0001) == "0.0"
    assert filters["tick"](-0.0) == "0"
