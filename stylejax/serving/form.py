"""The form of a search, read field by field, so that each mistake has its reason."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import cast

from jaxtyping import UInt8
from numpy.typing import NDArray
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

from stylejax.config import ConfigError
from stylejax.retrieval.composition import METHODS, Method
from stylejax.retrieval.query import Query
from stylejax.serving.limits import TURNS, Limits, Refused

FIELDS = ("photo", "like", "words", "without", "method", "weight", "category", "top")
FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")
CHARSETS = ("utf-8", "utf8")  # a client that may choose one may choose a decoder that fails


@dataclass(frozen=True)
class SearchForm:
    """What a search asks for."""

    photo: bytes | None  # None = no photo
    like: str  # item id; empty = none
    words: tuple[str, ...]  # a turn each
    without: str
    method: Method
    weight: float | None  # None = as it is by default
    category: str
    top: int

    def query(self, image: UInt8[NDArray, "size size 3"] | None) -> Query:
        """The query, with its photo decoded.

        Raises:
          Refused: 422 when there is nothing to search for, or fields exclude each other.
        """
        try:
            return Query(
                image,
                self.like,
                self.words,
                self.without,
                self.method,
                self.weight,
                category=self.category,
                top=self.top,
            )
        except ConfigError as error:
            raise Refused(422, str(error)) from error


async def read_form(request: Request, limits: Limits, top: int) -> SearchForm:
    """Reads and checks the form of a request.

    Args:
      request: its body is not read yet.
      limits: of words and listings.
      top: listings where the form does not say.

    Raises:
      Refused: 415 for another kind of body or charset, 422 for a field that is unknown, given
        twice, of another kind, no text, blank or out of range.
    """
    # As Starlette reads it, so that both see the same charset.
    named, options = parse_options_header(request.headers.get("content-type", ""))
    kind, charset = named.decode("latin-1"), options.get(b"charset", b"utf-8").decode("latin-1")
    if kind not in FORMS:
        raise Refused(415, f"the body has to be a form, {FORMS[0]}; it is {kind or 'of no type'!r}")
    if charset.lower() not in CHARSETS:
        raise Refused(415, f"the form has to be in utf-8; its charset is {charset[:40]!r}")
    async with request.form(max_files=len(FIELDS), max_fields=2 * len(FIELDS) + TURNS) as form:
        return await _checked(form, limits, top)


async def _checked(form: FormData, limits: Limits, top: int) -> SearchForm:
    for name in dict.fromkeys(form):
        if name not in FIELDS:
            raise Refused(422, f"no field {name!r}; there are {', '.join(FIELDS)}")
        values, most = form.getlist(name), TURNS if name == "words" else 1
        if len(values) > most:
            times = "once" if most == 1 else f"{most} times"
            raise Refused(422, f"{name} is given more than {times}")
        if any(isinstance(value, UploadFile) != (name == "photo") for value in values):
            kind = "a file" if name == "photo" else "text"
            raise Refused(422, f"{name} has to be {kind}")
        if not all(_is_text(value) for value in values):
            raise Refused(422, f"{name} is no text: it has half a character, a lone surrogate")
    photo = form.get("photo")
    file = await photo.read() if isinstance(photo, UploadFile) else None
    if isinstance(photo, UploadFile) and not file and not photo.filename:
        file = None  # a browser sends a file field that nobody filled in like this
    if form.get("like") == "":
        raise Refused(422, "like is empty: give the item_id of a listing, or leave it out")
    method = str(form.get("method", "sum"))
    if method not in METHODS:
        raise Refused(422, f"there is no method {method!r}; use {' or '.join(METHODS)}")
    return SearchForm(
        file,
        str(form.get("like", "")),
        tuple(_said(form, "words", limits)),
        "".join(_said(form, "without", limits)),
        cast(Method, method),
        _weight(form),
        str(form.get("category", "")).strip(),
        _wanted(form, limits, top),
    )


def _is_text(value: str | UploadFile) -> bool:
    """Whether a field can be written as UTF-8, unless it is a file; no tokenizer reads the rest."""
    try:
        if isinstance(value, str):
            value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _said(form: FormData, name: str, limits: Limits) -> list[str]:
    """The texts of a field."""
    texts = [str(value).strip() for value in form.getlist(name)]
    for text in texts:
        if not text:
            raise Refused(422, f"{name}: blank, which says nothing; leave the field out")
        if len(text) > limits.words:
            raise Refused(
                422, f"{name}: {len(text)} characters are too many; {limits.words} are allowed"
            )
    return texts


def _weight(form: FormData) -> float | None:
    if "weight" not in form:
        return None
    text = str(form["weight"])
    if not re.fullmatch(r"[0-9]{1,30}(\.[0-9]{1,30})?([eE][-+]?[0-9]{1,3})?", text):
        raise Refused(422, f"weight has to be a number; it is {text[:40]!r}")
    return float(text)


def _wanted(form: FormData, limits: Limits, top: int) -> int:
    text = str(form.get("top", top))
    if not re.fullmatch("[0-9]{1,9}", text) or not 1 <= int(text) <= limits.top:
        raise Refused(422, f"top has to be a number from 1 to {limits.top}; it is {text[:40]!r}")
    return int(text)
