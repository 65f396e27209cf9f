"""Tests of input_pipeline/synthetic/products.py."""

import itertools
from collections import defaultdict

import pytest

from input_pipeline.synthetic import products as module
from input_pipeline.synthetic.category import Category, phrase, seen, told
from input_pipeline.synthetic.industries import CATEGORIES
from input_pipeline.synthetic.products import LINE, Product, nickname, sample_products
from stylejax.config import SyntheticConfig


@pytest.fixture(scope="module")
def many() -> list[Product]:
    return list(sample_products(SyntheticConfig(products=1600)))


def _shown(product: Product, told: bool) -> tuple[str, ...]:
    return tuple(
        product.values[a.name]
        for a in product.category.attributes
        if (a.told and not a.seen if told else a.seen)
    )


def test_more_products_leave_the_first_ones_alone(many: list[Product]) -> None:
    assert list(sample_products(SyntheticConfig(products=333))) == many[:333]


def test_the_seed_matters(many: list[Product]) -> None:
    other = list(sample_products(SyntheticConfig(products=32, seed=1)))
    assert [p.values for p in other] != [p.values for p in many[:32]]


def test_no_two_products_agree_in_everything(many: list[Product]) -> None:
    keys = {(p.category.name, *p.values.values()) for p in many}
    assert len(keys) == len(many)


def test_no_two_printed_goods_look_alike(many: list[Product]) -> None:
    printed = [p for p in many if p.category.kind == "picture"]
    assert len({(p.category.name, _shown(p, told=False)) for p in printed}) == len(printed)


def test_no_two_look_alike_parts_read_alike(many: list[Product]) -> None:
    parts = [p for p in many if p.category.kind == "text"]
    words = {
        (p.category.name, *(p.values[a.name] for a in p.category.attributes if a.told))
        for p in parts
    }
    assert len(words) == len(parts)


@pytest.mark.parametrize(("kind", "looks"), [("picture", 4), ("both", 2), ("text", 1)])
def test_a_line_has_looks_times_texts(many: list[Product], kind: str, looks: int) -> None:
    lines: dict[tuple[str, int], list[Product]] = defaultdict(list)
    for product in many:
        if product.category.kind == kind:
            lines[product.category.name, product.line].append(product)
    assert lines
    for line in lines.values():
        assert len(line) == LINE
        assert len({_shown(p, told=False) for p in line}) == looks
        assert len({_shown(p, told=True) for p in line}) == LINE // looks


def test_colours_that_lie_on_one_another_differ(many: list[Product]) -> None:
    for product in many:
        colours = [product.values[name] for name in product.category.apart]
        assert len(set(colours)) == len(colours)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.25, 0.5, 1.0])
def test_unseen_share_holds_whole_lines(share: float) -> None:
    found = list(sample_products(SyntheticConfig(products=1600, unseen_share=share)))
    assert sum(p.unseen for p in found) / 1600 == pytest.approx(share, abs=0.03)
    by_line = defaultdict(set)
    for product in found:
        by_line[product.category.name, product.line].add(product.unseen)
    assert all(len(kinds) == 1 for kinds in by_line.values())


def test_unseen_products_come_from_every_category(many: list[Product]) -> None:
    assert {p.category.name for p in many if p.unseen} == {c.name for c in CATEGORIES}


def test_a_small_catalogue_has_both_splits() -> None:
    found = list(sample_products(SyntheticConfig(products=20)))
    assert {p.unseen for p in found} == {True, False}
    assert len({p.category.industry for p in found}) == 8


def test_nicknames_differ() -> None:
    names = [nickname(number) for number in range(4000)]
    assert len(set(names)) == len(names)
    assert not any(character.isdigit() for name in names[:1540] for character in name)


def test_an_exhausted_category_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    small = Category(
        "Coins", "Money", "text", ("coin",), ("coin",),
        (seen("metal", ("gold", "tin")), told("worth", ("1", "2", "3", "4", "5"), varies=True)),
        (phrase(1, "{worth}"),), ("{worth}",),
    )  # fmt: skip
    monkeypatch.setattr(module, "CATEGORIES", (small,))
    first = list(itertools.islice(sample_products(SyntheticConfig(products=4)), 4))
    assert len(first) == 4
    with pytest.raises(ValueError, match=r'"Coins" has no further .* lower SyntheticConfig'):
        list(sample_products(SyntheticConfig(products=8)))
