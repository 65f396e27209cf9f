"""Sampling products: each belongs to a line of four that share most attributes.

A line is what makes retrieval hard, as in a real shop: its products look alike or read alike.
Printed goods of a line have four pictures and one text; look-alike parts have one picture and
four texts; the others come as two pictures times two texts, so that both are needed.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from input_pipeline.synthetic.category import Attribute, Category
from input_pipeline.synthetic.industries import CATEGORIES
from stylejax.config import SyntheticConfig

LINE = 4  # products of one line
_PICTURES = {"picture": 4, "both": 2, "text": 1}
_TRIES = 500
_GOLDEN = 0.6180339887498949
_STARTS = ("al", "be", "co", "da", "ely", "flo", "gre", "iri", "jo", "ka", "lu", "mi", "no", "ro")
_ENDS = ("bina", "dora", "lia", "mara", "na", "ra", "sa", "tta", "vina", "zia")
_PLACES = ("bay", "dune", "fern", "glow", "isle", "lake", "moss", "pine", "reef", "tide", "vale")


@dataclass(frozen=True)
class Product:
    """One product: what every listing of it sells."""

    number: int
    category: Category
    values: dict[str, str]  # attribute name -> value
    line: int  # which line of its category it belongs to
    nickname: str  # the style name shoppers know; suppliers hardly ever write it
    unseen: bool  # its listings are all in split "test"

    @property
    def product_id(self) -> str:
        """The truth id, for evaluation only."""
        return f"P{self.number:06d}"


def nickname(number: int) -> str:
    """Make a two-word style name; all differ below 1,540 products, then a number follows."""
    rest, start = divmod(number, len(_STARTS))
    rest, end = divmod(rest, len(_ENDS))
    cycle, place = divmod(rest, len(_PLACES))
    name = f"{_STARTS[start]}{_ENDS[end]} {_PLACES[place]}"
    return f"{name} {cycle}" if cycle else name


def sample_products(options: SyntheticConfig) -> Iterator[Product]:
    """Yield the products in order; a larger catalogue starts with the same products.

    Raises:
        ValueError: a category has no further distinct products to offer.
    """
    lines: dict[int, list[dict[str, str]]] = {}
    used: dict[int, set[tuple[str, ...]]] = {index: set() for index in range(len(CATEGORIES))}
    for number in range(options.products):
        place, index = divmod(number, len(CATEGORIES))
        line, member = divmod(place, LINE)
        if member == 0:
            rng = np.random.default_rng([options.seed, 1, index, line])
            lines[index] = _sample_line(CATEGORIES[index], used[index], rng)
        # Multiples of the golden ratio spread evenly, so every category gets its share of lines.
        unseen = (line * len(CATEGORIES) + index + 1) * _GOLDEN % 1 < options.unseen_share
        yield Product(
            number, CATEGORIES[index], lines[index][member], line, nickname(number), unseen
        )


def _sample_line(
    category: Category, used: set[tuple[str, ...]], rng: np.random.Generator
) -> list[dict[str, str]]:
    """Draw the values of one line's products, none of which `used` holds; adds them to it."""
    seen = [a for a in category.attributes if a.seen]
    told = [a for a in category.attributes if a.told and not a.seen]
    count = _PICTURES[category.kind]
    base = _draw(category, used, rng, {}, category.attributes, _key_attributes(category))
    pictures, texts = [base], [base]
    while len(pictures) < count:
        pictures.append(_vary(category, used, rng, pictures, seen))
    while len(texts) < LINE // count:
        texts.append(_vary(category, used, rng, texts, told))
    text_names = [a.name for a in told]
    products = [
        pictures[member % count] | {name: texts[member // count][name] for name in text_names}
        for member in range(LINE)
    ]
    keys = _key_attributes(category)
    used.update(tuple(values[name] for name in keys) for values in products)
    return products


def _key_attributes(category: Category) -> tuple[str, ...]:
    """Name the attributes in which no two products of different lines may all agree."""
    if category.kind == "picture":
        return tuple(a.name for a in category.attributes if a.seen)
    if category.kind == "text":
        return tuple(a.name for a in category.attributes if a.told)
    return tuple(a.name for a in category.attributes)


def _vary(
    category: Category,
    used: set[tuple[str, ...]],
    rng: np.random.Generator,
    siblings: list[dict[str, str]],
    among: list[Attribute],
) -> dict[str, str]:
    """Redraw some varying attributes of the line's first product until it is a new one."""
    names = [a.name for a in among]
    taken = {tuple(values[name] for name in names) for values in siblings}
    varying = [a for a in among if a.varies]
    key = _key_attributes(category)
    for _ in range(_TRIES):
        chosen = [a for a in varying if rng.random() < 0.5]
        values = _draw(category, used, rng, siblings[0], chosen, key)
        if tuple(values[name] for name in names) not in taken:
            return values
    raise _exhausted(category)


def _draw(
    category: Category,
    used: set[tuple[str, ...]],
    rng: np.random.Generator,
    base: dict[str, str],
    redraw: tuple[Attribute, ...] | list[Attribute],
    key: tuple[str, ...],
) -> dict[str, str]:
    for _ in range(_TRIES):
        values = base | {a.name: a.values[rng.integers(len(a.values))] for a in redraw}
        colours = [values[name] for name in category.apart]
        if len(set(colours)) == len(colours) and tuple(values[name] for name in key) not in used:
            return values
    raise _exhausted(category)


def _exhausted(category: Category) -> ValueError:
    return ValueError(
        f'category "{category.name}" has no further distinct products to offer: lower '
        "SyntheticConfig.products"
    )
