"""The page's own files, read once from the package, and the page of the API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from fastapi import Response

from stylejax.retrieval.render import environment

FOLDER = Path(__file__).parent / "page"
# Route -> file in the folder and its type: nothing else of the disk has an address.
FILES = {
    "/": ("index.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
    "/shown.js": ("shown.js", "text/javascript"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}


def file_of(route: str) -> Callable[[], Awaitable[Response]]:
    """The handler of a route of `FILES`."""
    name, kind = FILES[route]
    content = (FOLDER / name).read_bytes()

    async def handler() -> Response:
        return Response(content, media_type=kind, headers={"Cache-Control": "no-cache"})

    return handler


def api_page(document: dict[str, Any]) -> str:
    """The API as a page for people.

    Args:
      document: OpenAPI.
    """
    operations = [
        {"path": path, "method": method.upper(), **operation}
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    pages = environment(FOLDER)
    pages.filters["type"] = type_of
    return pages.get_template("api.html.jinja").render(
        info=document["info"], operations=operations, schemas=_schemas(document)
    )


def _schemas(document: dict[str, Any]) -> dict[str, Any]:
    """What is answered, by name: fields with their types and descriptions."""
    return {
        name: [
            {"name": field, "type": type_of(what), "description": what.get("description", "")}
            for field, what in schema["properties"].items()
        ]
        for name, schema in document["components"]["schemas"].items()
    }


def type_of(schema: dict[str, Any]) -> str:
    """A type in a word or two, e.g. ``"list of Result"``."""
    if "$ref" in schema:
        return schema["$ref"].rsplit("/", 1)[-1]
    if "anyOf" in schema:
        return " or ".join(type_of(one) for one in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {type_of(schema['items'])}"
    return "file" if schema.get("format") == "binary" else schema.get("type", "anything")
