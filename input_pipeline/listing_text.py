"""A listing's text: its title, attributes and category path, put together by a template."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from input_pipeline.category_path import narrowest
from stylejax.config import ConfigError, TextConfig

if TYPE_CHECKING:
    from input_pipeline.catalogue import Catalogue


def listing_texts(catalogue: Catalogue, options: TextConfig) -> list[str]:
    """The text of every listing; "" where all that the template names is empty.

    Args:
      catalogue: listings.
      options: the template.

    Raises:
      ConfigError: when the template names attributes and no column of them is mapped.
    """
    attributes = catalogue.attributes
    if attributes is None:
        if "attributes" in options.fields:
            raise ConfigError(
                f"text.template {options.template!r} names attributes; say which column has them: "
                "--data.columns.attributes NAME"
            )
        attributes = [""] * len(catalogue)
    return [
        composed(options, title=title, attributes=words, category_path=path)
        for title, words, path in zip(
            catalogue.title, attributes, catalogue.category_path, strict=True
        )
    ]


def composed(
    options: TextConfig, *, title: str = "", attributes: str = "", category_path: str = ""
) -> str:
    """One text; a search gives its words as the title."""
    values = {
        "title": title,
        "attributes": attributes,
        "category_path": category_path,
        "category": narrowest(category_path),
    }
    if not any(values[name].strip() for name in options.fields):
        return ""
    return " ".join(options.template.format(**values).split())


def attribute_text(value: Any) -> str:
    """Attributes as words: names and values in turn.

    Args:
      value: a mapping, pairs of name and value, the JSON text of an object, any other text, or
        None.
    """
    if isinstance(value, str):
        try:
            parsed = json.loads(value)
        except json.JSONDecodeError:
            return value.strip()
        return attribute_text(parsed) if isinstance(parsed, dict) else value.strip()
    pairs = value.items() if isinstance(value, dict) else value or ()
    return " ".join(
        f"{name} {part}".strip() for name, part in pairs if part is not None and part != ""
    )
