"""Chromium of the system's packages, driven by Selenium; it is never fetched."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
DRIVERS = ("chromedriver", "chromium.chromedriver")
WIDE, PHONE = (1280, 900), (390, 844)
# Without a display, a sandbox that containers do not allow, or a word to anybody.
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)


def missing() -> str:
    """What there is not, and how it is had; empty = nothing."""
    wanted = {"browser": BROWSERS, "driver": DRIVERS}
    lacks = [what for what, names in wanted.items() if not any(map(shutil.which, names))]
    if not lacks:
        return ""
    return f"no {' and no '.join(lacks)} here; on Debian: apt-get install chromium chromium-driver"


def _found(names: tuple[str, ...]) -> str:
    return next(path for path in map(shutil.which, names) if path)


@contextmanager
def chromium(size: tuple[int, int] = WIDE) -> Iterator[Chrome]:
    """A fresh browser whose page is of some size, in pixels; its log is kept."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = ChromeOptions()
        options.binary_location = _found(BROWSERS)
        for word in (*QUIET, f"--user-data-dir={profile}"):
            options.add_argument(word)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        driver = Chrome(options, Service(_found(DRIVERS)))
        try:
            metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1}
            mobile = {"mobile": size[0] < 600}
            driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics | mobile)
            driver.set_page_load_timeout(60)
            yield driver
        finally:
            driver.quit()


def opened(chrome: Chrome, address: str) -> Chrome:
    """The page of a server of 32 listings, as a visit begins."""
    chrome.get("about:blank")
    chrome.get_log("browser")
    chrome.get(address)
    until(chrome, lambda: "32 listings" in text(chrome, "about"))
    return chrome


def until(page: Chrome, true: Callable[[], Any]) -> None:
    WebDriverWait(page, 20).until(lambda _: true())


def text(page: Chrome, name: str) -> str:
    return page.find_element(By.ID, name).text


def said(page: Chrome, start: str) -> None:
    until(page, lambda: text(page, "status").startswith(start))


def names(page: Chrome) -> list[str]:
    """All at once: between two looks the list may be another."""
    script = "return [...document.querySelectorAll('#results .name')].map(e => e.textContent)"
    return page.execute_script(script)


def search(page: Chrome, words: str) -> None:
    field = page.find_element(By.ID, "words")
    field.clear()
    field.send_keys(words)
    page.find_element(By.ID, "go").click()
