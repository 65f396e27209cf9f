"""Chromium of the system's packages, driven by Selenium; it is never fetched."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

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
