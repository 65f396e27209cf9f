"""What a category is: its attributes, where each of them shows, and how people word it.

A category is told apart by its pictures ("picture": prints), by its titles ("text": parts that
look alike), or by both together ("both"). This is what makes the catalogue a test of multimodal
retrieval: no single view is enough everywhere.
"""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["picture", "text", "both"]


@dataclass(frozen=True)
class Attribute:
    """A property of a product."""

    name: str
    values: tuple[str, ...]
    seen: bool = False  # the picture shows it
    told: bool = False  # suppliers state it in words
    varies: bool = False  # products of one line differ in it


@dataclass(frozen=True)
class Phrase:
    """A part of a title: one of `forms`, written with probability `keep`."""

    keep: float
    forms: tuple[str, ...]  # `{name}` stands for a value, `{name_number}` for its number alone


@dataclass(frozen=True)
class Category:
    """A leaf of the category tree."""

    name: str
    industry: str
    kind: Kind
    nouns: tuple[str, ...]  # what suppliers call the thing
    broad: tuple[str, ...]  # what a shopper types who only knows roughly
    attributes: tuple[Attribute, ...]
    phrases: tuple[Phrase, ...]
    asks: tuple[str, ...]  # what a shopper types who knows the product; `{style}` is its nickname
    apart: tuple[str, ...] = ()  # attributes whose values must differ from one another

    @property
    def path(self) -> str:
        """The category path as the catalogue writes it."""
        return f"{self.industry} > {self.name}"


def seen(name: str, values: tuple[str, ...], varies: bool = False) -> Attribute:
    """Make an attribute that the picture shows; titles may name it now and then."""
    return Attribute(name, values, seen=True, varies=varies)


def told(name: str, values: tuple[str, ...], varies: bool = False) -> Attribute:
    """Make an attribute that only words tell."""
    return Attribute(name, values, told=True, varies=varies)


def seen_and_told(name: str, values: tuple[str, ...]) -> Attribute:
    """Make an attribute that shows and is stated too; the same over a line."""
    return Attribute(name, values, seen=True, told=True)


def phrase(keep: float, *forms: str) -> Phrase:
    """Make a part of a title: one of the forms, written with probability `keep`."""
    return Phrase(keep, forms)


def units(unit: str, *numbers: float) -> tuple[str, ...]:
    """List quantities such as "350 ml"."""
    return tuple(f"{number:g} {unit}" for number in numbers)
