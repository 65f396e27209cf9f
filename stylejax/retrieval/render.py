"""Self-contained pages from templates."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import jinja2

TEMPLATES = Path(__file__).parent / "templates"


def render(path: Path, template: str, **values: Any) -> None:
    """Fills a template and writes the page; the folder is created.

    Args:
      path: page to write.
      template: name in ``templates/``, without ``.html.jinja``.
      values: what the template names.
    """
    text = environment(TEMPLATES).get_template(f"{template}.html.jinja").render(**values)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@cache
def environment(folder: Path) -> jinja2.Environment:
    """Of the templates in a folder.

    Titles come from suppliers, so every value is escaped; a misspelt name is an error.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # z: what is rounded to zero has no sign.
    environment.filters["percent"] = lambda share: "–" if share is None else f"{100 * share:z.1f}"
    environment.filters["signed_percent"] = lambda share: f"{100 * share:+z.1f}"
    environment.filters["score"] = lambda number: f"{number:z.3f}".replace("-", "−")
    environment.filters["count"] = lambda number: f"{number:,}"
    environment.filters["tick"] = lambda number: f"{number:z,.6g}".replace("-", "−")
    return environment
