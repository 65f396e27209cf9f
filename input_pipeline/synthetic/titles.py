"""Words: how suppliers and shoppers spell attributes, and how a supplier writes a title."""

import re
from collections.abc import Mapping

import numpy as np

from input_pipeline.synthetic.category import Category
from input_pipeline.synthetic.suppliers import Supplier

_UNITS: dict[str, tuple[str, ...]] = {
    "ml": ("ml", " ml", "ML"),
    "mm": ("mm", " mm", "MM"),
    "cm": ("cm", " cm"),
    "w": ("w", "W", " watt"),
    "k": ("k", "K", " kelvin"),
    "v": ("v", "V", " volt"),
    "a": ("a", "A", " amp"),
    "rpm": ("rpm", " rpm", "RPM", " r/min"),
    "teeth": (" teeth", "T", " tooth"),
    "ohm": (" ohm", "ohm", "Ω", "R"),
    "kohm": ("k ohm", "kΩ", " kohm", "K"),
    "mohm": ("m ohm", "MΩ", " mohm", "M"),
    "%": ("%", " %", " percent"),
    "pcs": ("pcs", " pcs", " pieces"),
}
_SYNONYMS: dict[str, tuple[str, ...]] = {
    "stainless steel": ("stainless steel", "inox", "304 steel"),
    "aluminium": ("aluminium", "aluminum", "alloy"),
    "vacuum insulated": ("vacuum insulated", "double wall", "thermos"),
    "ceramic": ("ceramic", "ceramics"),
    "bone china": ("bone china", "fine china"),
    "pu leather": ("pu leather", "faux leather"),
    "zinc plated": ("zinc plated", "galvanized", "zinc"),
    "black oxide": ("black oxide", "black", "blackened"),
    "phillips": ("phillips", "cross recess"),
    "torx": ("torx", "star drive"),
    "countersunk": ("countersunk", "flat", "csk"),
    "sleeveless": ("sleeveless", "no sleeve"),
    "grey": ("grey", "gray"),
    "teal": ("teal", "turquoise"),
    "beige": ("beige", "cream"),
    "autumn": ("autumn", "fall"),
    "white nylon": ("white nylon", "plastic", "nylon"),
    "planetary": ("planetary", "epicyclic"),
}
_QUANTITY = re.compile(r"([\d.]+) (\S+)")


def spell(value: str, rng: np.random.Generator) -> str:
    """Spell a value as somebody might: another unit sign, or a synonym."""
    quantity = _QUANTITY.fullmatch(value)
    if quantity and quantity[2] in _UNITS:
        return quantity[1] + _pick(_UNITS[quantity[2]], rng)
    return _pick(_SYNONYMS.get(value, (value,)), rng)


def fill(form: str, values: Mapping[str, str], rng: np.random.Generator, **extra: str) -> str:
    """Put spelled values into a phrase form or shopper query.

    Args:
        form: text with `{name}` or `{name_number}` slots.
        values: attribute name -> value.
        rng: chooses the spelling.
        extra: further slots, such as `noun`.
    """
    names = re.findall(r"{(\w+)}", form)
    slots = dict(extra)
    for name in names:
        if name.endswith("_number"):
            slots[name] = values[name.removesuffix("_number")].split()[0]
        elif name not in slots:
            slots[name] = spell(values[name], rng)
    return form.format_map(slots)


def write_title(
    category: Category,
    stated: Mapping[str, str],
    supplier: Supplier,
    rng: np.random.Generator,
) -> str:
    """Write a listing's title.

    Args:
        category: gives nouns and phrases.
        stated: attribute values the supplier believes and is willing to state; a phrase whose
            attribute is absent is left out.
        supplier: its habits: case, word order, sales words.
        rng: decides this one title.
    """
    noun = _pick(category.nouns, rng)
    words = []
    for phrase in category.phrases:
        keep = rng.random() < phrase.keep
        form = _pick(phrase.forms, rng)
        needed = [name.removesuffix("_number") for name in re.findall(r"{(\w+)}", form)]
        if keep and all(name in stated for name in needed):
            words.append(fill(form, stated, rng))
    words = [words[place] for place in rng.permutation(len(words))]
    if supplier.case == "upper noun":
        noun = noun.upper()
    if rng.random() < supplier.noun_last:
        words.append(noun)
    else:
        words.insert(0, noun)
    for sales in supplier.sales_words:
        if rng.random() < 0.45:
            words.insert(0 if rng.random() < 0.5 else len(words), sales)
    title = " ".join(words)
    if supplier.case == "lower":
        return title.lower()
    if supplier.case == "title":
        return " ".join(word[:1].upper() + word[1:] for word in title.split(" "))
    return title


def _pick(choices: tuple[str, ...], rng: np.random.Generator) -> str:
    return choices[rng.integers(len(choices))]
