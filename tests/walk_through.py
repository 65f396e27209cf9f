"""Walks through the page on a trained run, in Chromium, and writes what it shows as pictures.

make screenshots, or: python tests/walk_through.py --run runs/demo
"""

from __future__ import annotations

import argparse
import io
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import browser
from PIL import Image
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select, WebDriverWait

QUALITY = 80  # of the WebP files


def main() -> None:
    """Writes the pictures; ends 2 where there is no browser."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", required=True, help="folder of a trained and indexed run")
    parser.add_argument(
        "--words",
        nargs="+",
        default=["orange fish mug", "teal", "pink", "450 ml"],
        help="what is asked, what changes its photo, then what changes a listing, turn by turn",
    )
    parser.add_argument("--out", default="docs/screenshots", help="folder to write")
    args = parser.parse_args()
    if why := browser.missing():
        print(f"error: {why}", file=sys.stderr)
        raise SystemExit(2)
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    with server(args.run) as address:
        for name, size in (("wide", browser.WIDE), ("phone", browser.PHONE)):
            with browser.chromium(size) as page:
                walk(page, address, args.words, out, name)


@contextmanager
def server(run: str) -> Iterator[str]:
    """`stylejax serve` on a free port; yields its address."""
    words = ["-c", "from stylejax.cli import main; main()", "serve", "--run", run, "--port", "0"]
    process = subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        ready = re.match(r"ready +(http://\S+) ", process.stdout.readline())
        if ready is None:
            raise SystemExit(f"the server ended with {process.wait()}")
        yield ready[1]
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


def walk(page: Chrome, address: str, words: Sequence[str], out: Path, name: str) -> None:
    """Words, the photo of what they find changed by words, a listing changed in turns, the API."""
    first, changed, *turns = words

    def shoot(what: str) -> None:
        wait_for_pictures(page)
        shot = Image.open(io.BytesIO(page.get_screenshot_as_png())).convert("RGB")
        path = out / f"{name}-{what}.webp"
        shot.save(path, quality=QUALITY, method=6)
        print(f"{path}  {path.stat().st_size / 1000:,.0f} kB")

    def said(start: str) -> None:
        status = page.find_element(By.ID, "status")
        WebDriverWait(page, 60).until(lambda _: start in status.text)

    def chips() -> WebElement:
        return page.find_element(By.ID, "turns")

    page.get(address)
    WebDriverWait(page, 60).until(lambda _: "listings" in page.find_element(By.ID, "about").text)
    shoot("start")
    field, go = page.find_element(By.ID, "words"), page.find_element(By.ID, "go")
    field.send_keys(first)
    go.click()
    said("by words")
    shoot("words")
    # The picture of the first that has one is the photo of the next question.
    picture = page.find_element(By.CSS_SELECTOR, "#results img:not([hidden])")
    photo = out / "photo.jpg"
    photo.write_bytes(fetched(page, picture.get_attribute("src") or ""))
    field.clear()
    page.find_element(By.ID, "photo").send_keys(str(photo.resolve()))
    said("by photo")
    field.send_keys(changed)
    go.click()
    said("by photo and words")
    # What the photo shows is wanted otherwise: the words count more.
    page.find_element(By.ID, "weight").send_keys(Keys.ARROW_RIGHT * 4)
    asked = "return history.state.weight"
    WebDriverWait(page, 60).until(lambda _: page.execute_script(asked) == 1.5)
    said("best first")
    shoot("photo-and-words")
    category = Select(page.find_element(By.ID, "category"))
    category.select_by_index(min(2, len(category.options) - 1))
    said(" in ")
    shoot("category")
    category.select_by_index(0)
    said("best first")
    page.find_elements(By.CSS_SELECTOR, "#results .more")[1].click()
    said("like")
    for turn in turns:
        page.find_element(By.ID, "then").send_keys(turn)
        page.find_element(By.ID, "add").click()
        WebDriverWait(page, 60).until(lambda _, turn=turn: f"{turn} ×" in chips().text)
        said("best first")
    shoot("more-like-this-but")
    photo.unlink()
    page.get(f"{address}/docs")
    shoot("api")
    severe = [entry for entry in page.get_log("browser") if entry["level"] == "SEVERE"]
    if severe:
        raise SystemExit(f"the browser complains: {severe}")


def wait_for_pictures(page: Chrome) -> None:
    """Until those in sight are there."""
    loading = (
        "return [...document.images].filter(i => i.src && !i.hidden && !i.complete && "
        "i.getBoundingClientRect().top < innerHeight).length"
    )
    WebDriverWait(page, 60).until(lambda _: page.execute_script(loading) == 0)
    time.sleep(0.3)  # the browser paints them


def fetched(page: Chrome, address: str) -> bytes:
    """A file of the server, as the browser gets it."""
    script = (
        "const done = arguments[1]; fetch(arguments[0]).then(r => r.arrayBuffer())"
        ".then(b => done([...new Uint8Array(b)]))"
    )
    return bytes(page.execute_async_script(script, address))


if __name__ == "__main__":
    main()
