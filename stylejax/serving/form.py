"""The form of a search, read field by field, so that each mistake has its reason."""

from __future__ import annotations

import re
from dataclasses import dataclass

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

from stylejax.serving.limits import Limits, Refused

FIELDS = ("photo", "words", "category", "top")
FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")


@dataclass(frozen=True)
class SearchForm:
    """What a search asks for."""

    photo: bytes | None  # None = no photo
    words: str
    category: str
    top: int


async def read_form(request: Request, limits: Limits, top: int) -> SearchForm:
    """Reads and checks the form of a request.

    Args:
      request: its body is not read yet.
      limits: of words and listings.
      top: listings where the form does not say.

    Raises:
      Refused: 415 for another kind of body, 422 for a field that is unknown, given twice, of
        another kind or out of range, and when there is neither a photo nor words.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in FORMS:
        raise Refused(415, f"the body has to be a form, {FORMS[0]}; it is {kind or 'of no type'!r}")
    async with request.form(max_files=len(FIELDS), max_fields=2 * len(FIELDS)) as form:
        return await _checked(form, limits, top)


async def _checked(form: FormData, limits: Limits, top: int) -> SearchForm:
    for name in dict.fromkeys(form):
        if name not in FIELDS:
            raise Refused(422, f"no field {name!r}; there are {', '.join(FIELDS)}")
        if len(form.getlist(name)) > 1:
            raise Refused(422, f"{name} is given more than once")
        if isinstance(form[name], UploadFile) != (name == "photo"):
            kind = "a file" if name == "photo" else "text"
            raise Refused(422, f"{name} has to be {kind}")
    photo = form.get("photo")
    file = await photo.read() if isinstance(photo, UploadFile) else None
    if isinstance(photo, UploadFile) and not file and not photo.filename:
        file = None  # a browser sends a file field that nobody filled in like this
    words = str(form.get("words", "")).strip()
    if "words" in form and not words:
        raise Refused(422, "words are blank: nothing to search for; leave them out with a photo")
    if len(words) > limits.words:
        raise Refused(
            422, f"{len(words)} characters are too many words; {limits.words} are allowed"
        )
    if file is None and not words:
        raise Refused(422, "nothing to search for: give a photo, words, or both")
    return SearchForm(
        file, words, str(form.get("category", "")).strip(), _wanted(form, limits, top)
    )


def _wanted(form: FormData, limits: Limits, top: int) -> int:
    text = str(form.get("top", top))
    if not re.fullmatch("[0-9]{1,9}", text) or not 1 <= int(text) <= limits.top:
        raise Refused(422, f"top has to be a number from 1 to {limits.top}")
    return int(text)
