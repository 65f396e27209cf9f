"""Claim: a photo and words find what neither finds alone, best by the default composition.

The built-in catalogue (simulated) knows which products differ in one attribute alone. The photo of
a listing of one, and the other's value as words ("teal", "500 ml"), search the index of the whole
catalogue: is a listing of that other product among the first ten? Every composition gets the same
queries; the baselines are the photo alone and the words alone. Twice: with the photo alone, as a
shopper uploads it, and with the listing's title, as "more like this, but ..." knows it. Then what
it gives to say what is not wanted, and two changes in two turns.

The products with an even number chose the weights of `stylejax.retrieval.composition`, as
``--choose`` shows; the tables in docs/search.md are of those with an odd one.

    make demo && python benchmarks/composed.py
    python benchmarks/composed.py --choose
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import numpy as np

from benchmarks.support.attribute_changes import (
    PER_PRODUCT,
    Change,
    TwoChanges,
    double_changes,
    single_changes,
)
from benchmarks.support.machine import machine
from input_pipeline.listing_text import composed
from input_pipeline.listings import products
from input_pipeline.pictures import read_picture
from stylejax.commands.opened import Run
from stylejax.retrieval.composition import METHODS, Method, Parts, compose
from stylejax.retrieval.evaluation.significance import bootstrap_interval, paired_test
from stylejax.retrieval.query import Query
from stylejax.retrieval.vectors import read_vectors

BATCH, FIRST = 128, 10
Asked = tuple[int, Change | TwoChanges]  # row of the listing that asks, and what it asks for
DEFAULT: Method = "sum"


class Shop:
    """The demo's run: its encoder, catalogue and the vectors that are searched."""

    def __init__(self, folder: Path, half: int):
        self.run, self.half = Run(folder), half
        columns = self.run.config.data.columns
        args = argparse.Namespace(catalog="", images="", columns=columns)
        self.catalogue = self.run.catalogue(args, with_truth=True)
        exported = read_vectors(folder / "vectors")
        row_of = {item: row for row, item in enumerate(self.catalogue.item_id)}
        self.rows = np.array([row_of[item] for item in exported.item_id])
        self.gallery = exported.vectors["m"]
        self.product = np.array([self.catalogue.product(int(row)) for row in self.rows])

    def encode(self, rows: Sequence[int] | None, texts: Sequence[str], view: str) -> np.ndarray:
        """Photos of rows read with texts, or texts alone, as unit vectors `[n, d]`."""
        config = self.run.encoder.config
        size = config.picture.read_size

        def batches() -> Iterator:
            for start in range(0, len(texts), BATCH):
                some = texts[start : start + BATCH]
                image = np.zeros((len(some), size, size, 3), np.uint8)
                there = np.full(len(some), rows is not None)
                for n, row in enumerate([] if rows is None else rows[start : start + BATCH]):
                    path = self.catalogue.images / self.catalogue.image[row]
                    image[n] = read_picture(path, size)
                tokens = self.run.tokenizer([composed(config.text, title=t) for t in some])
                yield np.arange(start, start + len(some)), products(image, there, tokens, BATCH)

        found = self.run.encoder.encode(batches(), view)
        return np.concatenate([vectors[view] for _, vectors, _ in found])

    def found(self, queries: np.ndarray, asked: Sequence[Asked]) -> np.ndarray:
        """Whether each query's target product is among the first ten, itself left out."""
        hits = []
        for start in range(0, len(asked), 512):
            scores = queries[start : start + 512] @ self.gallery.T
            for score, (row, change) in zip(scores, asked[start : start + 512], strict=True):
                score[self.rows == row] = -np.inf
                first = np.argpartition(-score, FIRST)[:FIRST]
                hits.append(change.target in self.product[first])
        return np.array(hits, np.float64)

    def asked(self, changes: Sequence[Change] | Sequence[TwoChanges]) -> list[Asked]:
        """The changes asked for by listings with a photo, of one half of the products."""
        listings: dict[str, list[int]] = {}
        for row, image in enumerate(self.catalogue.image):
            if image:
                listings.setdefault(self.catalogue.product(row), []).append(row)
        return [
            (row, change)
            for change in changes
            if int(change.source[1:]) % 2 == self.half
            for row in listings.get(change.source, [])[:PER_PRODUCT]
        ]


def main() -> None:
    """Prints the tables; ends 1 where another way is not surely behind the default."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", default="runs/demo", help="a run on the built-in catalogue")
    parser.add_argument("--choose", action="store_true", help="compare weights, and nothing else")
    parser.add_argument("--out", default="runs/composed.json", help="results as JSON")
    args = parser.parse_args()
    shop = Shop(Path(args.run), half=0 if args.choose else 1)
    options = shop.run.config.data.synthetic
    if args.choose:
        choose(shop, shop.asked(single_changes(options)))
        return
    one = {
        titled: compositions(shop, shop.asked(single_changes(options)), titled)
        for titled in (False, True)
    }
    two = turns(shop, shop.asked(double_changes(options)))
    results = {"photo alone": one[False], "with its title": one[True], "two turns": two}
    for title, rows in results.items():
        print(f"\n{title}\n| | R@10 | 95 % | seen | told | p |\n|---|---|---|---|---|---|")
        for name, row in rows.items():
            cells = [f"{row[key]:.3f}" if key in row else "" for key in ("seen", "told")]
            cells.append(f"{row['p against the default']:.4f}")
            ends = f"{row['low']:.3f}-{row['high']:.3f}"
            print(f"| {name} | {row['R@10']:.3f} | {ends} | {' | '.join(cells)} |")
    record = machine("jax", "flax", "numpy")
    print(f"\n{record['date']}, {record['processor']}, {record['cores']} cores")
    Path(args.out).parent.mkdir(parents=True, exist_ok=True)
    Path(args.out).write_text(json.dumps(record | {"results": results}, indent=1))
    for title in ("photo alone", "with its title"):
        best = results[title][DEFAULT]
        for name in ("baseline: no words", "baseline: words alone", "joint"):
            row = results[title][name]
            if row["R@10"] >= best["R@10"] or row["p against the default"] > 0.05:
                sys.exit(f"missed: {title}: {name!r} is not surely behind {DEFAULT!r}")


def compositions(shop: Shop, asked: Sequence[Asked], titled: bool) -> dict[str, dict[str, float]]:
    """R@10 of every way to put photo and words together."""
    rows = [row for row, _ in asked]
    new = [change.new for _, change in asked if isinstance(change, Change)]
    old = [change.old for _, change in asked if isinstance(change, Change)]
    title = [shop.catalogue.title[row] if titled else "" for row in rows]
    own, joint = shop.encode(rows, title, "m"), shop.encode(rows, new, "m")
    said, unwanted = shop.encode(None, new, "t"), shop.encode(None, old, "t")
    both = [Parts(o, r, s) for o, r, s in zip(own, joint, said, strict=True)]
    kept = shop.encode(rows, [f"{n} {t}" for n, t in zip(new, title, strict=True)], "m")
    ways: dict[str, list[np.ndarray]] = {
        "baseline: no words": [compose(Parts(o)) for o in own],
        "baseline: words alone": [compose(Parts(words=s)) for s in said],
        **{method: [compose(parts, method) for parts in both] for method in METHODS},
        **({"joint, the title kept": list(kept)} if titled else {}),
        f"{DEFAULT}, without the old value": [
            compose(replace(parts, without=u), DEFAULT)
            for parts, u in zip(both, unwanted, strict=True)
        ],
    }
    hits = {name: shop.found(np.stack(queries), asked) for name, queries in ways.items()}
    seen = np.array([change.seen for _, change in asked if isinstance(change, Change)])
    return summary(hits, asked, {"seen": seen, "told": ~seen})


def choose(shop: Shop, asked: Sequence[Asked]) -> None:
    """Prints R@10 by the weight of words, and by that of what is not wanted."""
    rows = [row for row, _ in asked]
    new = shop.encode(None, [change.new for _, change in asked if isinstance(change, Change)], "t")
    old = shop.encode(None, [change.old for _, change in asked if isinstance(change, Change)], "t")
    titles = [shop.catalogue.title[row] for row in rows]
    products = {
        "photo alone": shop.encode(rows, [""] * len(rows), "m"),
        "with its title": shop.encode(rows, titles, "m"),
    }
    for title, own in products.items():
        parts = [Parts(o, words=n) for o, n in zip(own, new, strict=True)]
        for weight in (0.25, 0.35, 0.5, 0.6, 0.75, 1.0):
            queries = np.stack([compose(part, weight=weight) for part in parts])
            print(f"{title}, words {weight}: {shop.found(queries, asked).mean():.3f}")
        composed = np.stack([compose(part) for part in parts])
        for off in (0.1, 0.2, 0.3, 0.4, 0.5, 0.7):
            hits = shop.found(unit(composed - off * old), asked)
            print(f"{title}, without {off}: {hits.mean():.3f}")


def unit(x: np.ndarray) -> np.ndarray:
    """Rows of length 1."""
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def turns(shop: Shop, asked: Sequence[Asked]) -> dict[str, dict[str, float]]:
    """R@10 of two changes: said in two turns, as one, and only the last of them."""
    rows = [row for row, _ in asked]
    changes = [change for _, change in asked if isinstance(change, TwoChanges)]
    own = shop.encode(rows, [shop.catalogue.title[row] for row in rows], "m")
    last = shop.encode(None, [c.second for c in changes], "t")
    both = shop.encode(None, [Query(said=(c.first, c.second)).words for c in changes], "t")
    ways = {
        "baseline: no words": [compose(Parts(o)) for o in own],
        "the last turn alone": [compose(Parts(o, words=w)) for o, w in zip(own, last, strict=True)],
        "both as one turn": [compose(Parts(o, words=w)) for o, w in zip(own, both, strict=True)],
        "two turns": [compose(Parts(o, words=w, turns=2)) for o, w in zip(own, both, strict=True)],
    }
    hits = {name: shop.found(np.stack(queries), asked) for name, queries in ways.items()}
    return summary(hits, asked, {})


def summary(
    hits: Mapping[str, np.ndarray], asked: Sequence[Asked], parts: Mapping[str, np.ndarray]
) -> dict[str, dict[str, float]]:
    """R@10 with its interval by target product, of some queries too, and p against the default."""
    product = np.unique([change.target for _, change in asked], return_inverse=True)[1]
    best = hits.get(DEFAULT, hits.get("two turns"))
    rows = {}
    for name, hit in hits.items():
        low, high = bootstrap_interval(hit[:, None], product)
        rows[name] = {
            "R@10": float(hit.mean()),
            "low": float(low[0]),
            "high": float(high[0]),
            "queries": len(hit),
            "p against the default": float(paired_test((best - hit)[:, None], product)[0]),
            **{part: float(hit[chosen].mean()) for part, chosen in parts.items()},
        }
    return rows


if __name__ == "__main__":
    main()
