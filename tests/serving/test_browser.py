"""The page in Chromium: a photo, words, what is found, more like this, and back."""

import json
from collections.abc import Iterator
from pathlib import Path

import browser
import pytest
import served
from browser import names, said, search, text, until
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

WHY = browser.missing()
pytestmark = pytest.mark.skipif(bool(WHY), reason=WHY or "there is a browser")


@pytest.fixture(scope="module")
def address(data_root: Path) -> Iterator[str]:
    with served.running(served.app(data_root, upload_mib=0.05)) as address:
        yield address


@pytest.fixture(scope="module", params=[browser.WIDE, browser.PHONE], ids=["wide", "phone"])
def chrome(request: pytest.FixtureRequest) -> Iterator[Chrome]:
    with browser.chromium(request.param) as chrome:
        yield chrome


@pytest.fixture
def page(chrome: Chrome, address: str) -> Chrome:
    return browser.opened(chrome, address)


def test_a_photo_and_words(page: Chrome, data_root: Path) -> None:
    assert text(page, "note") == "Everything here is simulated."
    page.find_element(By.ID, "photo").send_keys(str(data_root / "images/L00.jpg"))
    said(page, "20 listings by photo,")
    assert page.find_element(By.ID, "preview").is_displayed()
    search(page, "red mug")
    said(page, "20 listings by photo and words,")
    assert names(page)[0] == "red mug"
    first = page.find_element(By.CSS_SELECTOR, "#results li")
    assert first.find_element(By.CLASS_NAME, "score").text == "0.949"
    assert first.find_element(By.CLASS_NAME, "path").text == "Home > Mugs"
    image = first.find_element(By.TAG_NAME, "img")
    until(page, lambda: image.get_property("naturalWidth") == 24)
    page.find_element(By.ID, "remove").click()
    assert not page.find_element(By.ID, "preview").is_displayed()
    said(page, "20 listings by words,")
    search(page, "bolt m6")
    until(page, lambda: "bolt m6" in names(page)[0])
    assert [entry for entry in page.get_log("browser") if entry["level"] == "SEVERE"] == []


def test_more_like_this_and_back(page: Chrome) -> None:
    search(page, "black plate")
    said(page, "20 listings by words")
    before = names(page)
    page.find_element(By.CSS_SELECTOR, "#results .more").click()
    said(page, "20 listings like “")
    assert names(page) != before
    page.back()
    said(page, "20 listings by words")
    assert names(page) == before


def test_more_like_this_but(page: Chrome) -> None:
    """A listing, changed turn by turn; a turn is taken back; what is not wanted."""
    search(page, "black plate")
    said(page, "20 listings by words")
    page.find_element(By.CSS_SELECTOR, "#results .more").click()
    said(page, "20 listings like “black plate”,")
    assert text(page, "product") == "More like “black plate”"
    preview = page.find_element(By.ID, "preview")
    until(page, lambda: preview.get_property("naturalWidth") == 24)
    like = names(page)
    for turn in ("bolt", "m6"):
        page.find_element(By.ID, "then").send_keys(turn)
        page.find_element(By.ID, "add").click()
        until(page, lambda turn=turn: f"{turn} ×" in text(page, "turns"))
    said(page, "20 listings like “black plate” and words,")
    both = names(page)
    assert sum("bolt" in name for name in both) > sum("bolt" in name for name in like)
    page.find_elements(By.CSS_SELECTOR, "#turns button")[1].click()
    until(page, lambda: text(page, "turns") == "bolt ×")
    said(page, "20 listings like")
    assert names(page) != both
    page.back()
    until(page, lambda: text(page, "turns").split("\n") == ["bolt ×", "m6 ×"])
    said(page, "20 listings like")
    assert names(page) == both
    page.find_element(By.ID, "weight").send_keys(Keys.ARROW_RIGHT)
    until(page, lambda: text(page, "share") == "0.75" and names(page) != both)
    page.find_element(By.ID, "without").send_keys("bolt")
    page.find_element(By.ID, "go").click()
    said(page, "20 listings like “black plate” and words without “bolt”")


def test_a_category(page: Chrome) -> None:
    choice = Select(page.find_element(By.ID, "category"))
    assert [option.text.strip() for option in choice.options][:3] == [
        "All categories",
        "Home (20)",
        "Mugs (12)",
    ]
    search(page, "red mug")
    said(page, "20 listings by words,")
    choice.select_by_value("Tools > Hammers")
    said(page, "4 listings by words in Tools > Hammers")
    # One has a script for a title, one an id that would be a path.
    assert served.SCRIPT in names(page)
    images = page.find_elements(By.CSS_SELECTOR, "#results img")
    until(page, lambda: all(image.get_property("naturalWidth") == 24 for image in images))
    assert page.title == "stylejax: same-style search"
    page.find_element(By.CSS_SELECTOR, "#results .more").click()
    said(page, "3 listings like “")
    page.back()
    said(page, "4 listings by words")
    assert [entry for entry in page.get_log("browser") if entry["level"] == "SEVERE"] == []


def test_what_is_wrong_is_said_on_the_page(page: Chrome, tmp_path: Path) -> None:
    page.find_element(By.ID, "go").click()
    said(page, "Give a photo, words, or both.")
    (tmp_path / "text.jpg").write_bytes(b"no picture")
    page.find_element(By.ID, "photo").send_keys(str(tmp_path / "text.jpg"))
    said(page, "The photo is no JPEG")
    (tmp_path / "large.jpg").write_bytes(bytes(60_000))
    page.find_element(By.ID, "photo").send_keys(str(tmp_path / "large.jpg"))
    said(page, "This photo is larger than 0.05 MiB")
    assert "wrong" in page.find_element(By.ID, "status").get_attribute("class")


def test_it_asks_nobody_else(page: Chrome, address: str) -> None:
    script = "return JSON.stringify(performance.getEntriesByType('resource').map(e => e.name))"
    loaded = json.loads(page.execute_script(script))
    assert len(loaded) >= 4
    assert all(name.startswith(address) for name in loaded)
    assert page.execute_script("return document.documentElement.scrollWidth <= innerWidth")


def test_the_page_of_the_api(page: Chrome, address: str) -> None:
    page.get(f"{address}/docs")
    assert "POST /api/search" in page.find_element(By.TAG_NAME, "main").text
    assert page.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    assert page.get_log("browser") == []
