"""The state of the page is one question, which the history keeps: nothing of it is lost."""

from collections.abc import Iterator
from pathlib import Path

import browser
import pytest
import served
from browser import names, said, search, text, until
from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

WHY = browser.missing()
pytestmark = pytest.mark.skipif(bool(WHY), reason=WHY or "there is a browser")

# The page's requests wait in `held` until they are let go.
HOLD = """
const real = window.fetch;
window.held = [];
window.fetch = (...asked) => new Promise((done) => held.push(async () => {
  const answer = await real(...asked);
  done(answer);
  await answer.clone().text();
}));
"""
LET_GO = "Promise.all(held.map((go) => go())).then(() => setTimeout(arguments[0], 50));"
REFUSE = """
window.real = window.fetch;
const [detail, status] = arguments;
window.fetch = async () => new Response(JSON.stringify({ detail }), { status });
"""
HANG_UP = """
window.real = window.fetch;
window.fetch = async () => { throw new TypeError("Failed to fetch"); };
"""
MEND = "window.fetch = window.real"
# Six keys at once: a busy machine would let the slider rest between them.
MOVE = """
const slider = document.getElementById("weight");
for (let key = 0; key < 6; key++) {
  slider.stepUp();
  slider.dispatchEvent(new Event("input"));
}
"""
SEARCHES = "return performance.getEntriesByType('resource').filter(e => e.name.endsWith('/search'))"


@pytest.fixture(scope="module")
def address(data_root: Path) -> Iterator[str]:
    with served.running(served.app(data_root)) as address:
        yield address


@pytest.fixture(scope="module")
def chrome() -> Iterator[Chrome]:
    with browser.chromium() as chrome:
        yield chrome


@pytest.fixture
def page(chrome: Chrome, address: str) -> Chrome:
    return browser.opened(chrome, address)


def choose(page: Chrome, root: Path, item: str) -> None:
    page.find_element(By.ID, "photo").send_keys(str(root / f"images/{item}.jpg"))


def more(page: Chrome, words: str) -> None:
    """Like the first listing found for words."""
    search(page, words)
    said(page, "20 listings by words")
    page.find_element(By.CSS_SELECTOR, "#results .more").send_keys(Keys.ENTER)
    said(page, "20 listings like")


def then(page: Chrome, *turns: str) -> None:
    for turn in turns:
        page.find_element(By.ID, "then").send_keys(turn, Keys.ENTER)
        until(page, lambda turn=turn: chips(page)[-1:] == [f"{turn} ×"])
        said(page, "20 listings")


def chips(page: Chrome) -> list[str]:
    script = "return [...document.querySelectorAll('#turns button')].map(e => e.textContent)"
    return page.execute_script(script)


def take_back(page: Chrome, turn: int) -> None:
    page.find_elements(By.CSS_SELECTOR, "#turns button")[turn].send_keys(Keys.ENTER)


def value(page: Chrome, name: str) -> str:
    return page.find_element(By.ID, name).get_property("value")


def shown(page: Chrome, name: str) -> bool:
    return page.find_element(By.ID, name).is_displayed()


def focused(page: Chrome) -> str:
    return page.switch_to.active_element.get_attribute("id") or page.switch_to.active_element.text


def test_after_a_reload_no_photo_is_taken_for_another(page: Chrome, data_root: Path) -> None:
    choose(page, data_root, "L00")
    said(page, "20 listings by photo,")
    page.refresh()
    said(page, "Photos are not kept")
    assert not shown(page, "preview")
    choose(page, data_root, "L12")
    said(page, "20 listings by photo,")
    second = names(page)
    page.back()
    said(page, "Photos are not kept")
    assert names(page) == []
    assert not shown(page, "preview")
    page.forward()
    said(page, "20 listings by photo,")
    assert names(page) == second
    assert shown(page, "preview")


def test_a_photo_that_is_lost_is_not_asked_for_again(page: Chrome, data_root: Path) -> None:
    choose(page, data_root, "L00")
    said(page, "20 listings by photo,")
    page.refresh()
    said(page, "Photos are not kept")
    search(page, "bolt")
    said(page, "20 listings by words,")


def test_one_field_changes_nothing_of_the_others(page: Chrome, data_root: Path) -> None:
    more(page, "black plate")
    then(page, "bolt", "m6")
    page.find_element(By.ID, "weight").send_keys(Keys.ARROW_RIGHT * 4)
    assert text(page, "share") == "1.5"
    page.find_element(By.ID, "without").send_keys("gift", Keys.ENTER)
    said(page, "20 listings like “black plate” and words without “gift”,")
    search(page, "red")
    Select(page.find_element(By.ID, "category")).select_by_value("Home")
    said(page, "19 listings like “black plate” and words without “gift” in Home,")
    assert chips(page) == ["bolt ×", "m6 ×"]
    assert value(page, "words") == "red"
    choose(page, data_root, "L12")
    said(page, "20 listings by photo and words without “gift” in Home,")
    assert chips(page) == ["bolt ×", "m6 ×"]
    assert (value(page, "words"), text(page, "share")) == ("red", "1.5")


def test_more_like_this_is_a_new_start(page: Chrome) -> None:
    more(page, "black plate")
    then(page, "mug")
    search(page, "red")
    page.find_element(By.ID, "weight").send_keys(Keys.ARROW_RIGHT)
    said(page, "20 listings like “black plate” and words,")
    page.find_element(By.ID, "without").send_keys("gift", Keys.TAB)  # leaving the field asks
    said(page, "20 listings like “black plate” and words without “gift”,")
    page.find_elements(By.CSS_SELECTOR, "#results .more")[1].click()
    until(page, lambda: text(page, "status").endswith("listing.") and chips(page) == [])
    assert (value(page, "words"), value(page, "without")) == ("", "")
    then(page, "mug")
    assert text(page, "share") == "0.75"


def test_the_words_of_the_form_are_no_turn(page: Chrome) -> None:
    """They are in their field alone, and what was said then stays when they change."""
    search(page, "black plate")
    said(page, "20 listings by words,")
    assert chips(page) == []
    then(page, "cheap")
    assert names(page)[0] == "cheap black plate"
    search(page, "red mug")
    until(page, lambda: names(page)[0] == "cheap red mug")
    assert chips(page) == ["cheap ×"]


def test_a_turn_is_taken_back_from_within_a_field(page: Chrome) -> None:
    """Leaving the field asks; the button that is pressed at that moment is still there."""
    more(page, "black plate")
    then(page, "bolt", "m6")
    page.find_element(By.ID, "without").send_keys("gift")
    first = page.find_element(By.CSS_SELECTOR, "#turns button")
    ActionChains(page).click_and_hold(first).pause(0.1).release().perform()
    until(page, lambda: chips(page) == ["m6 ×"])
    said(page, "20 listings like “black plate” and words without “gift”,")


def test_what_is_taken_back_stays_away(page: Chrome) -> None:
    more(page, "black plate")
    then(page, "mug")
    page.find_element(By.ID, "remove").click()
    said(page, "20 listings by words,")
    assert "mug" in names(page)[0]
    take_back(page, 0)
    until(page, lambda: names(page) == [] and text(page, "status") == "")
    assert not shown(page, "change")
    Select(page.find_element(By.ID, "category")).select_by_value("Home")
    page.find_element(By.ID, "go").click()
    said(page, "Give a photo, words, or both.")
    assert names(page) == []
    page.back()
    said(page, "20 listings by words,")
    assert chips(page) == ["mug ×"]
    page.back()
    said(page, "20 listings like “black plate” and words,")


def test_a_photo_that_is_removed_stays_away(page: Chrome, data_root: Path) -> None:
    choose(page, data_root, "L00")
    said(page, "20 listings by photo,")
    page.find_element(By.ID, "remove").click()
    until(page, lambda: names(page) == [])
    assert not shown(page, "preview")
    assert shown(page, "invitation")
    Select(page.find_element(By.ID, "category")).select_by_value("Home")
    assert (names(page), text(page, "status")) == ([], "")
    page.back()
    said(page, "20 listings by photo,")
    assert shown(page, "preview")


def test_a_late_answer_is_dropped(page: Chrome) -> None:
    page.execute_script(HOLD)
    search(page, "red mug")
    said(page, "Searching")
    page.back()
    until(page, lambda: text(page, "status") == "")
    page.execute_async_script(LET_GO)
    assert (names(page), text(page, "status"), value(page, "words")) == ([], "", "")
    assert page.find_element(By.ID, "results").get_attribute("aria-busy") == "false"


@pytest.mark.parametrize("status", [413, 429, 503])
def test_a_refusal_is_its_reason_alone(page: Chrome, status: int) -> None:
    more(page, "black plate")
    then(page, "mug")
    page.execute_script(REFUSE, "too much of something; try less", status)
    page.find_element(By.ID, "then").send_keys("red", Keys.ENTER)
    until(page, lambda: text(page, "status") == "Too much of something; try less.")
    assert "wrong" in page.find_element(By.ID, "status").get_attribute("class")
    assert names(page) == []
    page.execute_script(MEND)
    page.find_element(By.ID, "go").click()
    said(page, "20 listings like “black plate” and words,")
    assert chips(page) == ["mug ×", "red ×"]


def test_a_connection_that_breaks_loses_nothing(page: Chrome) -> None:
    page.execute_script(HANG_UP)
    search(page, "red mug")
    said(page, "The server does not answer; try again.")
    page.execute_script(MEND)
    page.find_element(By.ID, "go").click()
    said(page, "20 listings by words,")
    page.back()
    until(page, lambda: names(page) == [])  # it was one question


def test_the_slider_asks_once_and_makes_no_history(page: Chrome) -> None:
    more(page, "black plate")
    then(page, "mug")
    before = len(page.execute_script(SEARCHES))
    found = names(page)
    page.execute_script(MOVE)
    until(page, lambda: names(page) != found)
    assert text(page, "share") == "2"
    assert len(page.execute_script(SEARCHES)) == before + 1
    page.back()
    said(page, "20 listings like “black plate”,")
    page.forward()
    said(page, "20 listings like “black plate” and words,")
    assert text(page, "share") == "2"


def test_the_limits_are_the_servers(page: Chrome, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stylejax.serving.app.TURNS", 3)
    monkeypatch.setattr("stylejax.serving.app.SAID", 0.4)
    monkeypatch.setattr("stylejax.serving.app.MOST_SAID", 0.8)
    browser.opened(page, page.current_url)
    more(page, "black plate")
    then(page, "mug", "red")  # the words of the form would be the third
    assert not page.find_element(By.ID, "then").is_enabled()
    assert focused(page) == "red ×"
    assert text(page, "share") == "0.4"
    page.find_element(By.ID, "weight").send_keys(*[Keys.ARROW_RIGHT] * 9)
    assert text(page, "share") == "0.8"
    take_back(page, 0)
    until(page, lambda: page.find_element(By.ID, "then").is_enabled())


def test_the_focus_is_never_lost(page: Chrome) -> None:
    more(page, "black plate")
    assert focused(page) == "results"
    then(page, "mug", "red", "new")
    assert focused(page) == "then"
    take_back(page, 1)
    assert focused(page) == "new ×"
    take_back(page, 1)
    assert focused(page) == "mug ×"
    take_back(page, 0)
    assert focused(page) == "results"
    page.find_element(By.ID, "remove").send_keys(Keys.ENTER)
    assert focused(page) == "photo"


def test_a_screen_reader_is_told(page: Chrome, data_root: Path) -> None:
    results = page.find_element(By.ID, "results")
    assert results.accessible_name == "Listings found"
    photo = page.find_element(By.ID, "photo")
    assert photo.accessible_name.startswith("Drop a photo here")
    page.execute_script(HOLD)
    choose(page, data_root, "L00")
    assert results.get_attribute("aria-busy") == "true"
    page.execute_async_script(LET_GO)
    said(page, "20 listings by photo,")
    assert results.get_attribute("aria-busy") == "false"
    assert photo.accessible_name == "Another photo"


def test_a_photo_that_browsers_do_not_show_has_its_name(page: Chrome, tmp_path: Path) -> None:
    (tmp_path / "scan.tiff").write_bytes(b"no picture")
    page.find_element(By.ID, "photo").send_keys(str(tmp_path / "scan.tiff"))
    said(page, "The photo is no JPEG")
    until(page, lambda: text(page, "product") == "scan.tiff")
    assert not shown(page, "preview")
