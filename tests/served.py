"""A server over the tiny catalogue, with an encoder that can be worked out by hand."""

import csv
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import uvicorn

from input_pipeline.pictures import file_bytes, read_picture
from stylejax.batch import NO_TOKEN, Products
from stylejax.labels import Card
from stylejax.origin import Origin
from stylejax.retrieval.index.index import Index
from stylejax.retrieval.index.part import Part
from stylejax.retrieval.search import Searcher
from stylejax.serving.app import Served, create_app
from stylejax.serving.limits import Limits

ORIGIN = Origin("run", 5, "ab12", "ff00")
SIDE, WORDS, DIM = 16, 12, 32
SCRIPT = "<script>document.title='owned'</script><img src=x onerror=alert(1)>"
ODD = "../../etc/a b?#%2f"  # an item id that would be a path if anybody took it for one


def token(word: str) -> int:
    """The same in every process, unlike `hash`."""
    return sum(ord(letter) * 31**place for place, letter in enumerate(word.lower())) % (DIM - 3)


class Reader:
    """Pictures of 16 pixels, and a number for each word."""

    def picture(self, file: bytes) -> np.ndarray:
        return read_picture(file, SIDE)

    def knows(self, words: str) -> bool:
        return any(word.isascii() for word in words.split())

    def products(
        self, images: Sequence[np.ndarray | None], words: Sequence[str], rows: int
    ) -> Products:
        pixels, there = np.zeros((rows, SIDE, SIDE, 3), np.uint8), np.zeros(rows, bool)
        tokens = np.full((rows, WORDS), NO_TOKEN, np.int32)
        for row, (image, text) in enumerate(zip(images, words, strict=True)):
            if image is not None:
                pixels[row], there[row] = image, True
            numbers = [token(word) for word in text.split()[:WORDS]]
            tokens[row, : len(numbers)] = numbers
        return Products(pixels, there, tokens)


class Encoder:
    """Colour of the middle and a bag of words, each of length 1, added up: views m, t and i."""

    origin = ORIGIN

    def __init__(self, before: Callable[[], None] = lambda: None) -> None:
        """Calls `before` each batch, which may wait or fail."""
        self.before = before
        self.shapes: list[tuple[str, int]] = []  # view and rows of each batch

    def encode(
        self, batches: Iterable[tuple[np.ndarray, Products]], views: Iterable[str]
    ) -> Iterator:
        self.before()
        (view,) = views
        for rows, products in batches:
            self.shapes.append((view, len(products.tokens)))
            vectors = np.stack([vector(products, row, view) for row in range(len(rows))])
            yield rows, {view: vectors}, {view: np.ones(len(rows), bool)}


def vector(products: Products, row: int, view: str = "m") -> np.ndarray:
    total = np.zeros(DIM, np.float32)
    if view != "t" and products.has_image[row]:
        colour = products.image[row, 4:-4, 4:-4].astype(np.float32).mean((0, 1)) / 127.5 - 1
        total[:3] += colour / np.linalg.norm(colour)
    if view != "i" and (products.tokens[row] != NO_TOKEN).any():
        bag = np.bincount(products.tokens[row][products.tokens[row] >= 0], minlength=DIM - 3)
        total[3:] += bag / np.linalg.norm(bag)
    return total / max(float(np.linalg.norm(total)), 1e-6)


def cards(root: Path) -> dict[str, Card]:
    """The listings of the tiny catalogue; one has a script for a title, one a path for an id."""
    with (root / "catalogue.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    found = {}
    for row in rows:
        item = ODD if row["item_id"] == "L31" else row["item_id"]
        title = SCRIPT if item == "L30" else row["title"]
        image = root / row["image"] if row["image"] else None
        found[item] = Card(item, title, row["category_path"], image)
    return found


def searcher(
    root: Path, *, encoder: Encoder | None = None, reader: Reader | None = None, **options: Any
) -> Searcher:
    plain = Reader()
    listings = list(cards(root).values())
    images = [card.image and plain.picture(card.image.read_bytes()) for card in listings]
    products = plain.products(images, [card.title for card in listings], len(listings))
    vectors = np.stack([vector(products, row) for row in range(len(listings))])
    items, paths = [card.item_id for card in listings], [card.category for card in listings]
    # Two parts, as a large index has.
    parts = [Part(items[:9], paths[:9], vectors[:9]), Part(items[9:], paths[9:], vectors[9:])]
    index = Index(parts, "m", origin=ORIGIN)
    options = {"batch": 8, "most": 20} | options
    return Searcher(encoder or Encoder(), index, reader or plain, **options)


def app(root: Path, *, rate: float = 0, **options: Any) -> Any:
    """The application; `options` are of `Limits`, `create_app` and `searcher`."""
    of_app = {name: options.pop(name) for name in ("wait", "hosts") if name in options}
    of_search = {name: options.pop(name) for name in ("encoder", "reader") if name in options}
    limits = Limits(**({"rate": rate, "top": 20} | options))
    shown = cards(root)
    made = searcher(root, most=limits.top, **of_search)
    note = "Everything here is simulated."
    served = Served(made, shown.__getitem__, file_bytes, "run", 5, note)
    return create_app(served, limits, **of_app)


@contextmanager
def running(application: Any) -> Iterator[str]:
    """Answers on a free port of this machine; yields the address."""
    config = uvicorn.Config(application, port=0, http="h11", log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


def photo(root: Path, item: str = "L00") -> bytes:
    """The file of a listing's picture."""
    return (root / f"images/{item}.jpg").read_bytes()
