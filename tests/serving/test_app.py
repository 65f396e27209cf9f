"""Tests of stylejax/serving/app.py, form.py and pages.py: the API as a client meets it."""

import asyncio
import html
import io
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import served
from fastapi.testclient import TestClient
from httpx2 import Client
from PIL import Image
from starlette.datastructures import FormData

from stylejax.serving.form import _checked
from stylejax.serving.limits import Limits, Refused
from stylejax.serving.pages import FOLDER


@pytest.fixture(scope="module")
def client(data_root: Path) -> Iterator[Client]:
    """Over a real connection: test clients decode addresses in their own way."""
    with served.running(served.app(data_root)) as address, Client(base_url=address) as client:
        yield client


def items(response: Any) -> list[str]:
    assert response.status_code == 200, response.text
    results = response.json()["results"]
    assert [result["rank"] for result in results] == list(range(1, len(results) + 1))
    return [result["item_id"] for result in results]


def refusal(response: Any, status: int) -> str:
    """The reason of a refusal, which is one sentence and nothing of the server's insides."""
    assert response.status_code == status, response.text
    assert set(response.json()) == {"detail"}
    reason = response.json()["detail"]
    assert not re.search(r"Traceback|File \"|\.py|stylejax/|/tmp", reason), reason
    return reason


# ---- What is found


def test_a_photo_words_or_both(client: Client, data_root: Path) -> None:
    photo = {"photo": ("mug.jpg", served.photo(data_root), "image/jpeg")}
    by_photo = client.post("/api/search", files=photo, data={"top": 4})
    assert by_photo.json()["made_of"] == ["photo"]
    assert set(items(by_photo)) <= {"L00", "L01", "L02", "L03", "L05"}  # L05 has no title
    by_words = client.post("/api/search", data={"words": " bolt m6 ", "top": "4"})
    assert by_words.json()["made_of"] == ["words"]
    assert {"L20", "L21", "L22", "L23"} == set(items(by_words))
    asked = {"words": "red mug", "top": 4, "method": "joint"}
    read = client.post("/api/search", files=photo, data=asked)
    assert items(read)[0] == "L00"
    assert read.json()["results"][0]["score"] == pytest.approx(1.0, abs=1e-3)
    both = client.post("/api/search", files=photo, data={"words": "red mug", "top": 4})
    assert both.json()["made_of"] == ["photo", "words"]
    assert items(both)[0] == "L00"
    first = both.json()["results"][0]
    # The listing is photo + words, at right angles here; the query photo + half of the words.
    assert first["score"] == pytest.approx(1.5 / 2.5**0.5, abs=1e-3)
    told = {name: first[name] for name in ("title", "category", "picture")}
    assert told == {"title": "red mug", "category": "Home > Mugs", "picture": "/picture/L00"}


def test_a_category_and_more_like_this(client: Client) -> None:
    inside = items(client.post("/api/search", data={"words": "red mug", "category": "Tools"}))
    assert len(inside) == 12
    assert min(inside) == "../../etc/a b?#%2f"
    similar = items(client.get("/api/similar/L00", params={"top": 3}))
    assert similar == items(client.get("/api/similar/L00"))[:3]
    assert "L00" not in similar
    assert set(similar) == {"L01", "L02", "L03"}
    blank = client.post("/api/search", data={"words": "red mug", "category": "  "})
    assert items(blank) == items(client.post("/api/search", data={"words": "red mug"}))
    few = client.get("/api/similar/L00", params={"category": "Tools > Hammers"})
    assert len(items(few)) == 4


def test_more_like_this_but(client: Client) -> None:
    """A listing in a photo's place, changed turn by turn, and what is not wanted."""
    like = items(client.post("/api/search", data={"like": "L00", "top": 20}))
    assert like == items(client.get("/api/similar/L00"))

    def asked(made_of: list[str], **form: Any) -> float:
        """How well a bolt fits what is asked."""
        form |= {"like": "L00", "category": "Tools > Bolts"}
        found = client.post("/api/search", data=form)
        assert found.json()["made_of"] == made_of
        (score,) = [r["score"] for r in found.json()["results"] if r["item_id"] == "L20"]
        return score

    said = asked(["listing", "words"], words="bolt m6")
    assert said > asked(["listing"])
    assert asked(["listing", "words"], words=["bolt", "m6"]) > said  # what is said twice
    assert asked(["listing", "words"], words="bolt m6", weight="1.5") > said
    without = asked(["listing", "words", "without"], words="bolt m6", without="m6")
    assert without < said
    assert "L00" not in items(client.post("/api/search", data={"like": "L00", "words": "mug"}))


def test_an_item_id_is_never_a_path(client: Client, data_root: Path) -> None:
    odd = quote(served.ODD, safe="")
    assert len(items(client.get(f"/api/similar/{odd}"))) == 20
    asked = {"words": "pink hammer", "category": "Tools > Hammers"}
    results = client.post("/api/search", data=asked).json()["results"]
    (address,) = [one["picture"] for one in results if one["item_id"] == served.ODD]
    shown = client.get(address)
    assert shown.headers["content-type"] == "image/jpeg"
    assert Image.open(io.BytesIO(shown.content)).size == (24, 24)


def test_categories_and_health(client: Client) -> None:
    categories = client.get("/api/categories").json()
    assert categories[1] == {"path": "Home > Mugs", "listings": 12}
    health = client.get("/api/health").json()
    assert (health["listings"], health["view"], health["run"], health["step"]) == (
        32,
        "m",
        "run",
        5,
    )
    assert health["note"] == "Everything here is simulated."
    assert (health["upload_bytes"], health["words"], health["top"]) == (10 * 2**20, 500, 20)
    assert (health["turns"], health["weight"], health["most_weight"]) == (8, 0.5, 4.0)


def test_a_title_is_text_wherever_it_goes(client: Client) -> None:
    asked = {"words": "pink hammer", "category": "Tools > Hammers"}
    results = client.post("/api/search", data=asked).json()["results"]
    (title,) = [one["title"] for one in results if one["item_id"] == "L30"]
    assert title == served.SCRIPT


# ---- What is refused


@pytest.mark.parametrize(
    ("form", "status", "reason"),
    [
        ({"top": "3"}, 422, "nothing to search for"),
        ({"words": "   "}, 422, "words: blank"),
        ({"words": ["mug", " "]}, 422, "words: blank"),
        ({"words": "mug", "without": " "}, 422, "without: blank"),
        ({"without": "mug"}, 422, "nothing to search for"),
        ({"words": "mug", "like": ""}, 422, "like is empty"),
        ({"words": "mug", "like": "nobody"}, 404, "no listing 'nobody' in the index"),
        ({"words": "mug", "method": "joint"}, 422, "reads a photo with words"),
        ({"words": "mug", "method": "add"}, 422, "no method 'add'; use sum or joint"),
        ({"words": "mug", "weight": "much"}, 422, "a number; it is 'much'"),
        ({"words": "mug", "weight": "nan"}, 422, "weight has to be a number"),
        ({"words": "mug", "weight": "1e-999"}, 422, "weight of words is 0.0"),
        ({"words": "mug", "weight": "4.1"}, 422, "above 0, up to 4"),
        ({"words": "mug", "without": "x" * 501}, 422, "without: 501 characters"),
        ({"words": "x" * 501}, 422, "501 characters"),
        ({"words": "mug", "top": "0"}, 422, "from 1 to 20"),
        ({"words": "mug", "top": "21"}, 422, "from 1 to 20"),
        ({"words": "mug", "top": "many"}, 422, "from 1 to 20; it is 'many'"),
        ({"words": "mug", "top": "٣"}, 422, "from 1 to 20"),
        ({"words": ["mug"] * 9}, 422, "words is given more than 8 times"),
        ({"words": "mug", "top": ["3", "4"]}, 422, "top is given more than once"),
        ({"words": "mug", "photo": "mug.jpg"}, 422, "photo has to be a file"),
        ({"words": "mug", "colour": "red"}, 422, "no field 'colour'; there are photo, like, words"),
        ({"words": ["mug", "кружка"]}, 404, "no word of 'кружка' is known"),
        ({"words": "mug", "without": "кружка"}, 404, "no word of 'кружка' is known"),
        ({"words": "mug", "category": "Garden"}, 404, "no listing in category 'Garden'"),
    ],
)
def test_a_form_that_is_wrong(
    client: Client, form: dict[str, Any], status: int, reason: str
) -> None:
    assert reason in refusal(client.post("/api/search", data=form), status)


@pytest.mark.parametrize(
    ("file", "status", "reason"),
    [
        (b"no picture", 415, "no JPEG"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415, "no JPEG"),
        (b"", 422, "empty"),
    ],
)
def test_a_photo_that_is_none(client: Client, file: bytes, status: int, reason: str) -> None:
    sent = client.post("/api/search", files={"photo": ("a.jpg", file, "image/jpeg")})
    assert reason in refusal(sent, status)


def test_a_file_field_that_nobody_filled_in_is_no_photo(client: Client) -> None:
    body = (
        b'--b\r\nContent-Disposition: form-data; name="photo"; filename=""\r\n\r\n\r\n'
        b'--b\r\nContent-Disposition: form-data; name="words"\r\n\r\nmug\r\n--b--\r\n'
    )
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    assert items(client.post("/api/search", content=body, headers=kind))


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("application/json", b"{}", 415),
        ("", b"", 415),
        ("multipart/form-data", b"", 400),
        ("multipart/form-data; boundary=b", b"--b\r\nbroken", 422),
        ("multipart/form-data; boundary=b", b"--c\r\n\r\nmug\r\n--c--", 400),
    ],
)
def test_a_body_that_is_no_form(client: Client, kind: str, body: bytes, status: int) -> None:
    sent = client.post("/api/search", content=body, headers={"Content-Type": kind})
    assert refusal(sent, status)


@pytest.mark.parametrize(
    "charset",
    ["utf-7", "unicode_escape", "undefined", "punycode", "latin-1", "utf-8-sig", "x" * 3000, '"'],
)
def test_a_form_is_utf_8(client: Client, charset: str) -> None:
    """Some decoders fail at nearly anything, and some make half a character of the words."""
    body = b'--b\r\nContent-Disposition: form-data; name="words"\r\n\r\n+2AA-\r\n--b--\r\n'
    kind = f"multipart/form-data; boundary=b; charset={charset}"
    sent = client.post("/api/search", content=body, headers={"Content-Type": kind})
    assert "has to be in utf-8" in refusal(sent, 415)
    for name in ("UTF-8", '"utf-8"', "utf8"):
        kind = f"Multipart/Form-Data ; boundary=b; charset={name}"
        assert items(client.post("/api/search", content=body, headers={"Content-Type": kind}))


def test_half_a_character_is_no_text() -> None:
    form = FormData([("words", "mug"), ("category", "\ud800")])
    with pytest.raises(Refused, match="category is no text") as refused:
        asyncio.run(_checked(form, Limits(), 5))
    assert refused.value.status == 422


def test_a_form_of_too_many_fields(client: Client) -> None:
    assert refusal(client.post("/api/search", data={f"f{n}": "x" for n in range(99)}), 400)
    files = [("photo", (f"{n}.jpg", b"x")) for n in range(9)]
    assert refusal(client.post("/api/search", files=files), 400)


@pytest.mark.parametrize(
    "address",
    [
        "/picture/nobody",
        "/picture/",
        "/picture/L10",  # has no picture
        "/picture/../../catalogue.csv",
        "/picture/..%2f..%2fcatalogue.csv",
        "/picture/%2e%2e/%2e%2e/etc/passwd",
        "/picture//etc/passwd",
        "/picture/images/L00.jpg",
        "/picture/L00%00.jpg",
        "/picture/%ff%fe",
        "/api/similar/nobody",
        "/api/similar/..%2f..%2fetc%2fpasswd",
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/page.js/../app.py",
        "/api.html.jinja",
        "/app.py",
        "/index.html",
        "/static/page.js",
        "/redoc",
    ],
)
def test_nothing_of_the_disk_has_an_address(client: Client, address: str) -> None:
    assert refusal(client.get(address), 404)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "HEAD", "ODD"])
def test_other_methods_are_refused(client: Client, method: str) -> None:
    for address in ("/", "/api/health", "/api/search", "/picture/L00"):
        answered = client.request(method, address)
        assert answered.status_code == 405
        assert answered.headers["allow"] == ("POST" if address == "/api/search" else "GET")


@pytest.mark.parametrize(("top", "reason"), [("0", "top"), ("21", "top"), ("x", "top")])
def test_query_parameters_are_checked(client: Client, top: str, reason: str) -> None:
    assert reason in refusal(client.get("/api/similar/L00", params={"top": top}), 422)


def test_a_failure_inside_is_an_answer_without_a_trace(
    data_root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise RuntimeError("secret of the server")

    app = served.app(data_root, encoder=served.Encoder(broken))
    caplog.set_level(logging.CRITICAL)
    with TestClient(app, raise_server_exceptions=False) as client:
        for _ in range(2):  # and it goes on
            failed = client.post("/api/search", data={"words": "mug"})
            assert "secret" not in refusal(failed, 500)
            assert "default-src 'none'" in failed.headers["content-security-policy"]
            assert failed.headers["cache-control"] == "no-store"
        assert items(client.get("/api/similar/L00"))


# ---- The page and its documentation


def test_the_page_loads_nothing_from_elsewhere(client: Client) -> None:
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    linked = re.findall(r"(?:src|href)=\"([^\"]+)\"", page.text)
    assert set(linked) == {"/page.css", "/page.js", "/icon.svg", "/docs"}
    assert all(client.get(address).status_code == 200 for address in linked)
    assert "<style" not in page.text
    assert not re.search(r"<script(?! src=)|\son\w+=|style=", page.text)
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]
    scripts = "".join(client.get(f"/{path.name}").text for path in FOLDER.glob("*.js"))
    assert set(re.findall(r'from "([^"]+)"', scripts)) == {"/shown.js"}
    unsafe = r"innerHTML|outerHTML|insertAdjacent|document\.write|eval|https?:"
    assert not re.search(unsafe, scripts)


def test_every_answer_has_the_headers_of_a_careful_server(client: Client) -> None:
    for address in ("/", "/api/health", "/picture/L00", "/nowhere", "/docs"):
        headers = client.get(address, headers={"Origin": "http://evil.example"}).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert not [name for name in headers if name.startswith("access-control")]


def test_the_api_is_documented_without_scripts(client: Client) -> None:
    document = client.get("/openapi.json").json()
    page = html.unescape(client.get("/docs").text)
    assert "<script" not in page
    assert set(document["paths"]) == {
        "/api/health",
        "/api/categories",
        "/api/search",
        "/api/similar/{item_id}",
        "/picture/{item_id}",
    }
    for path, methods in document["paths"].items():
        assert path in page
        for operation in methods.values():
            assert {"200", "400", "429", "500", "503"} <= set(operation["responses"])
            assert operation["description"] in page
    for name in (
        "upload_bytes",
        "milliseconds",
        "list of Result",
        "1 to 20, 20 unless told",
        "list of string",
        "; up to 8",
        "sum unless told",
    ):
        assert name in page


def test_lengths_that_are_not_asked_for(data_root: Path) -> None:
    with TestClient(served.app(data_root, top=30)) as client:
        assert len(items(client.post("/api/search", data={"words": "mug"}))) == 24
        assert len(items(client.get("/api/similar/L00", params={"top": 30}))) == 30
