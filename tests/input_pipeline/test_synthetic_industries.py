"""Tests of the category tree: input_pipeline/synthetic/industries.py and the *_goods.py tables."""

import re

import pytest

from input_pipeline.synthetic.category import Category
from input_pipeline.synthetic.industries import CATEGORIES


def test_at_least_six_industries_and_unique_leaves() -> None:
    assert len({category.industry for category in CATEGORIES}) >= 6
    assert len({category.name for category in CATEGORIES}) == len(CATEGORIES)
    assert {category.kind for category in CATEGORIES} == {"picture", "text", "both"}


@pytest.mark.parametrize("category", CATEGORIES, ids=lambda category: category.name)
def test_tables_are_consistent(category: Category) -> None:
    names = [attribute.name for attribute in category.attributes]
    assert len(set(names)) == len(names)
    assert set(category.apart) <= set(names)
    for attribute in category.attributes:
        assert attribute.seen or attribute.told
        assert len(set(attribute.values)) == len(attribute.values) > 1
    forms = [form for phrase in category.phrases for form in phrase.forms]
    for form in [*forms, *category.asks]:
        for slot in re.findall(r"{(\w+)}", form):
            assert slot.removesuffix("_number") in [*names, "noun", "style"], (form, slot)
    assert all(0 < phrase.keep <= 1 for phrase in category.phrases)
    for words in (category.nouns, category.broad, category.asks):
        assert len(words) >= 3


@pytest.mark.parametrize("category", CATEGORIES, ids=lambda category: category.name)
def test_what_varies_in_a_line_shows_where_the_kind_says(category: Category) -> None:
    varies = [attribute for attribute in category.attributes if attribute.varies]
    if category.kind in ("picture", "both"):
        assert any(attribute.seen for attribute in varies)
    if category.kind in ("text", "both"):
        assert any(attribute.told for attribute in varies)
    if category.kind == "text":
        assert not any(attribute.seen for attribute in varies)
    if category.kind == "picture":  # titles must not give the print away
        hidden = {attribute.name for attribute in varies}
        for phrase in category.phrases:
            if any(f"{{{name}}}" in form for form in phrase.forms for name in hidden):
                assert phrase.keep <= 0.1
