"""What the API answers, and the form of a search: its description is made of this."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from stylejax.retrieval.composition import METHODS, MOST_SAID, SAID
from stylejax.serving.limits import TURNS, Limits

# A character that is no blank, blanks being what Python's `str.strip` takes: JSON Schema's own \s
# are others.
PRINTED = (
    r"[^\u0009-\u000d\u001c-\u0020\u0085\u00a0\u1680\u2000-\u200a"
    r"\u2028\u2029\u202f\u205f\u3000]"
)


class Problem(BaseModel):
    """Why a request was refused."""

    detail: str


class Result(BaseModel):
    """One listing that was found."""

    rank: int = Field(description="1 = best")
    item_id: str
    score: float = Field(description="cosine of query and listing")
    title: str = Field(description="empty where it has none")
    category: str = Field(description='from the top, such as "Home > Mugs"')
    picture: str | None = Field(description="address of a small JPEG on this server")


class Results(BaseModel):
    """Listings, best first."""

    made_of: list[str] = Field(description="what was searched by: photo, listing, words, without")
    milliseconds: float = Field(description="spent on the server")
    results: list[Result]


class Category(BaseModel):
    """A category and what lies below it."""

    path: str
    listings: int


class Health(BaseModel):
    """What is served, and its limits."""

    version: str
    run: str = Field(description="name of the training")
    step: int = Field(description="of its checkpoint")
    listings: int
    view: str = Field(description="of the listings: m = photo and title together, t, i")
    note: str = Field(description="what of the data is simulated; empty = nothing")
    upload_bytes: int = Field(description="of a photo, at most")
    words: int = Field(description="characters of a turn, at most")
    turns: int = Field(description="of one search, at most")
    weight: float = Field(description="of each turn's words where a search does not say")
    most_weight: float = Field(description="that a search may say")
    top: int = Field(description="listings of an answer, at most")
    searches: int = Field(description="answered since the start")
    batches: int = Field(description="that they were answered in")


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The refusals that an operation may answer with, and those that all may."""
    why = {
        400: "The request cannot be read, or the host name is not this server's",
        404: "No such listing or category, or words that nobody knows",
        408: "The request took too long to arrive",
        413: "The upload or the photo is too large",
        415: "The photo is no picture, or the body no form",
        422: "A field is missing, unknown or out of range",
        429: "Too many requests from one address; see Retry-After",
        500: "The server failed; its log says why",
        503: "Too many searches at a time, or one took too long; see Retry-After",
    }
    return {
        status: {"model": Problem, "description": why[status]}
        for status in sorted({400, 408, 413, 429, 500, 503, *statuses})
    }


def search_form(limits: Limits, top: int) -> dict[str, Any]:
    """The body of a search, as OpenAPI; `top` = listings where the form does not say."""
    said = {"type": "string", "maxLength": limits.words, "pattern": PRINTED}
    # What is not read with a photo, and what is not summed up.
    summed, unweighed = {"method": {"const": "sum"}}, {"weight": False}
    fields = {
        "photo": {
            "type": "string",
            "format": "binary",
            "description": "JPEG, PNG, WebP, GIF, BMP or TIFF, up to "
            f"{limits.upload_mib:g} MiB and {limits.megapixels:g} million pixels",
        },
        "like": {
            "type": "string",
            "minLength": 1,
            "description": "item_id of an indexed listing, in a photo's place",
        },
        "words": {
            "type": "array",
            "items": said,
            "minItems": 1,
            "maxItems": TURNS,
            "description": "what is said of the photo or the listing, a field for each turn: they "
            "are read as one text, which weighs more with each; alone they are searched as a title",
        },
        "without": {**said, "description": "words that are not wanted"},
        "method": {
            "type": "string",
            "enum": list(METHODS),
            "default": METHODS[0],
            "description": "sum = the photo and a share of the words for each turn; joint = the "
            "photo read with the words in the place of its title",
        },
        "weight": {
            "type": "number",
            "exclusiveMinimum": 0,
            "maximum": MOST_SAID,
            "default": SAID,
            "description": "of each turn's words in a sum, for a photo or a listing of 1",
        },
        "category": {
            "type": "string",
            "description": 'only listings below it, from the top: "Home > Mugs"',
        },
        "top": {
            "type": "integer",
            "minimum": 1,
            "maximum": limits.top,
            "default": top,
            "description": "listings wanted",
        },
    }
    schema = {
        "type": "object",
        "properties": fields,
        "additionalProperties": False,
        "anyOf": [
            {"required": ["photo", "words"], "properties": {"like": False, **summed}},
            {"required": ["like", "words"], "properties": {"photo": False, **summed}},
            {"required": ["photo", "words"], "properties": {"like": False, **unweighed}},
            {"required": ["photo"], "properties": {"like": False, **summed, **unweighed}},
            {"required": ["like"], "properties": {"photo": False, **summed, **unweighed}},
            {"required": ["words"], "properties": {"photo": False, **summed, **unweighed}},
        ],
    }
    return {
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}
    }
