"""Tests of input_pipeline/synthetic/titles.py."""

from dataclasses import replace

import numpy as np

from input_pipeline.synthetic.industries import CATEGORIES
from input_pipeline.synthetic.products import sample_products
from input_pipeline.synthetic.suppliers import Supplier, sample_suppliers
from input_pipeline.synthetic.titles import fill, spell, write_title
from stylejax.config import SyntheticConfig

SUPPLIER = replace(sample_suppliers(SyntheticConfig())[0], sales_words=(), case="lower")
BOLTS = next(category for category in CATEGORIES if category.name == "Hex Bolts")
BOLT = {"thread": "M8", "length": "40 mm", "grade": "8.8", "finish": "brass", "pack": "50 pcs"}


def _titles(supplier: Supplier, stated: dict[str, str], count: int = 60) -> list[str]:
    rng = np.random.default_rng(0)
    return [write_title(BOLTS, stated, supplier, rng) for _ in range(count)]


def test_spell_knows_units_and_synonyms() -> None:
    rng = np.random.default_rng(0)
    assert {spell("10 kohm", rng) for _ in range(60)} == {"10k ohm", "10kΩ", "10 kohm", "10K"}
    assert "inox" in {spell("stainless steel", rng) for _ in range(60)}
    assert spell("3 holes", rng) == "3 holes"
    assert spell("velvet", rng) == "velvet"


def test_fill_puts_values_and_bare_numbers_in() -> None:
    rng = np.random.default_rng(0)
    assert fill("{thread}x{length_number} {noun}", BOLT, rng, noun="bolt") == "M8x40 bolt"


def test_the_same_thread_and_length_are_spelled_in_several_ways() -> None:
    titles = " | ".join(_titles(SUPPLIER, BOLT))
    for spelling in ("m8x40", "m8 x 40", "m8*40"):
        assert spelling in titles
    assert len({title.split("m8")[0] for title in _titles(SUPPLIER, BOLT)}) > 5  # word order


def test_an_attribute_that_is_not_stated_never_appears() -> None:
    stated = {key: value for key, value in BOLT.items() if key not in ("thread", "grade")}
    for title in _titles(SUPPLIER, stated):
        assert "m8" not in title
        assert "8.8" not in title


def test_case_and_sales_words_are_the_suppliers_habits() -> None:
    assert all(title == title.lower() for title in _titles(SUPPLIER, BOLT))
    for title in _titles(replace(SUPPLIER, case="title"), BOLT):
        assert title[0] == title[0].upper()
    shouted = _titles(replace(SUPPLIER, case="upper noun"), BOLT)
    assert all(any(noun.upper() in title for noun in BOLTS.nouns) for title in shouted)
    padded = _titles(replace(SUPPLIER, sales_words=("hot sale",)), BOLT)
    assert 0.2 < sum("hot sale" in title for title in padded) / len(padded) < 0.7


def test_titles_of_printed_goods_seldom_name_the_print() -> None:
    rng = np.random.default_rng(1)
    products = [
        product
        for product in sample_products(SyntheticConfig(products=800))
        if product.category.name == "Dresses"
    ]
    named = [
        product.values["print"] in write_title(product.category, product.values, SUPPLIER, rng)
        for product in products
        for _ in range(4)
    ]
    assert sum(named) / len(named) < 0.12
