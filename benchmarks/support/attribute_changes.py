"""Products of the built-in catalogue that differ in one attribute, or in two."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations

from input_pipeline.synthetic.products import Product, sample_products
from stylejax.config import SyntheticConfig

PER_PRODUCT = 2  # listings of a product whose photos search


@dataclass(frozen=True)
class Change:
    """One product, and another that has another value of one attribute, all else alike."""

    source: str  # product
    target: str  # product
    old: str  # value, in words
    new: str
    seen: bool  # whether photos show the attribute; otherwise titles tell it
    industry: str


@dataclass(frozen=True)
class TwoChanges:
    """One product, and another that differs in two attributes, said in two turns."""

    source: str
    target: str
    first: str
    second: str


def single_changes(options: SyntheticConfig) -> list[Change]:
    """Every ordered pair of products of a category that differ in one attribute."""
    return [
        Change(
            a.product_id,
            b.product_id,
            words(a.values[name]),
            words(b.values[name]),
            next(x.seen for x in a.category.attributes if x.name == name),
            a.category.industry,
        )
        for a, b, (name, *others) in _differing(options)
        if not others
    ]


def double_changes(options: SyntheticConfig) -> list[TwoChanges]:
    """Every ordered pair of products of a category that differ in two attributes."""
    return [
        TwoChanges(a.product_id, b.product_id, words(b.values[names[0]]), words(b.values[names[1]]))
        for a, b, names in _differing(options)
        if len(names) == 2
    ]


def words(value: str) -> str:
    """A value as a shopper writes it."""
    return value.replace("_", " ")


def _differing(options: SyntheticConfig) -> Iterator[tuple[Product, Product, Sequence[str]]]:
    lines: dict[str, list[Product]] = {}
    for product in sample_products(options):
        lines.setdefault(product.category.name, []).append(product)
    for products in lines.values():
        for a, b in permutations(products, 2):
            yield a, b, [name for name in a.values if a.values[name] != b.values[name]]
