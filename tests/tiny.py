"""A data set of 8 products with 4 listings each, a recipe for it, and random batches."""

import csv
import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from stylejax.batch import NO_TOKEN, PairBatch, Products
from stylejax.config import (
    Config,
    DataConfig,
    EncoderConfig,
    EvaluationConfig,
    ImageTowerConfig,
    LossConfig,
    MiningConfig,
    PictureConfig,
    TextConfig,
    TextTowerConfig,
    TrainingConfig,
    TransformerConfig,
    from_json,
    to_json,
)

LAYERS = {"width": 16, "heads": 2, "hidden": 32}  # of every transformer stack

# Name, colour and category of each product.
PRODUCTS = (
    ("red mug", (220, 30, 30), "Home > Mugs"),
    ("green mug", (30, 180, 40), "Home > Mugs"),
    ("blue mug", (30, 60, 220), "Home > Mugs"),
    ("yellow plate", (230, 220, 40), "Home > Plates"),
    ("black plate", (20, 20, 20), "Home > Plates"),
    ("bolt m6", (130, 130, 140), "Tools > Bolts"),
    ("bolt m8", (170, 150, 120), "Tools > Bolts"),
    ("pink hammer", (240, 120, 190), "Tools > Hammers"),
)
LISTINGS = 4  # a product; the last one belongs to split val
UNTITLED, UNPICTURED = "L05", "L10"  # listings that lack a modality
CATALOGUE_FIELDS = ("item_id", "title", "image", "category_path", "split", "group")
CLICK_FIELDS = ("query", "item_id", "clicked", "relevance")


def catalogue_rows() -> list[dict[str, str]]:
    rows = []
    for product, (name, _, category) in enumerate(PRODUCTS):
        for copy in range(LISTINGS):
            item = f"L{product * LISTINGS + copy:02d}"
            words = ("", "cheap ", "new ", "12 pcs ")[copy]
            rows.append(
                {
                    "item_id": item,
                    "title": "" if item == UNTITLED else f"{words}{name}",
                    "image": "" if item == UNPICTURED else f"images/{item}.jpg",
                    "category_path": category,
                    "split": "val" if copy == LISTINGS - 1 else "train",
                    "group": f"P{product}",
                }
            )
    return rows


def click_rows() -> list[dict[str, str]]:
    """Two queries a product that lead to its listings, and one shown but irrelevant stranger."""
    rows = []
    for product, (name, _, _) in enumerate(PRODUCTS):
        own = [product * LISTINGS + copy for copy in range(LISTINGS)]
        stranger = (own[0] + LISTINGS) % (len(PRODUCTS) * LISTINGS)
        for query in (name, f"buy {name}", f"{name} for sale"):
            shown = [(item, "1", "0.9") for item in own] + [(stranger, "1", "0.2")]
            for item, clicked, relevance in shown:
                values = (query, f"L{item:02d}", clicked, relevance)
                rows.append(dict(zip(CLICK_FIELDS, values, strict=True)))
    return rows


def write_csv(
    path: Path, rows: list[dict[str, str]], fields: tuple[str, ...] | None = None
) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fields or tuple(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_data(root: Path) -> Path:
    """Writes ``catalogue.csv``, ``clicks.csv`` and ``images/``; returns the root."""
    rng = np.random.default_rng(0)
    (root / "images").mkdir(parents=True)
    rows = catalogue_rows()
    for number, row in enumerate(rows):
        if row["image"]:
            colour = np.array(PRODUCTS[number // LISTINGS][1])
            noise = rng.normal(0, 8, (24, 24, 3))
            square = np.full((24, 24, 3), 255.0)
            square[3:-3, 3:-3] = colour
            pixels = np.clip(square + noise, 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(root / row["image"], quality=95)
    write_csv(root / "catalogue.csv", rows, CATALOGUE_FIELDS)
    write_csv(root / "clicks.csv", click_rows(), CLICK_FIELDS)
    return root


def paper_loss(**options: Any) -> LossConfig:
    """The loss unit in the paper's form, but for what `options` say."""
    return LossConfig(**({"form": "hinge", "pooled": False} | options))


def config(root: Path | str, run_dir: Path | str, **sections: dict[str, Any]) -> Config:
    """A recipe that trains in seconds; `sections` change single fields, e.g. ``text={...}``,
    also of what lies deeper: ``encoder={"image": {"depth": 1}}``."""
    base = Config(
        run_dir=str(run_dir),
        data=DataConfig(
            name="tiny", root=str(root), catalogue="catalogue.csv", clicks="clicks.csv"
        ),
        mining=MiningConfig(),
        text=TextConfig(vocab_size=96, max_tokens=8),
        picture=PictureConfig(size=16, stored_size=20),
        encoder=EncoderConfig(
            dim=8,
            image=ImageTowerConfig(**LAYERS, patch=8),
            text=TextTowerConfig(**LAYERS),
            fusion=TransformerConfig(depth=1, **LAYERS),
        ),
        loss=paper_loss(consistency_k=3),
        training=TrainingConfig(
            batch_size=8,
            steps=6,
            warmup_steps=1,
            save_every=3,
            keep=2,
            evaluate_every=0,
            log_every=1,
            learning_rate=3e-3,
        ),
        evaluation=EvaluationConfig(query_split="val", gallery_split="train", batch_size=16),
    )
    return changed(base, sections)


def changed(settings: Any, fields: dict[str, Any]) -> Any:
    """A dataclass with some fields replaced, those of dataclasses in it by dictionaries."""
    deep = {
        name: changed(getattr(settings, name), value) if isinstance(value, dict) else value
        for name, value in fields.items()
    }
    return dataclasses.replace(settings, **deep)


def write_recipe(path: Path, config: Config) -> Path:
    """A recipe file for the command line."""
    path.write_text(
        f"from stylejax.config import from_json\n\nconfig = from_json({to_json(config)!r})\n"
    )
    return path


def run_config(run_dir: Path) -> Config:
    """The config a run kept."""
    return from_json((run_dir / "config.json").read_text())


def mine_run(config: Config) -> None:
    """Writes the pairs of a run."""
    from input_pipeline.catalogue import load_catalogue
    from input_pipeline.mining import mine, write_pairs
    from input_pipeline.sources import locate

    sources = locate(config)
    catalogue = load_catalogue(config.data, sources.catalogue, sources.images)
    write_pairs(mine(config.data, config.mining, catalogue, sources.clicks), Path(config.run_dir))


def products(
    rows: int, *, seed: int = 0, size: int = 16, length: int = 8, vocab: int = 32
) -> Products:
    """Random listings with titles of different lengths, every modality present."""
    rng = np.random.default_rng(seed)
    tokens = rng.integers(3, vocab, (rows, length)).astype(np.int32)
    tokens[:, 0] = 2
    lengths = rng.integers(2, length + 1, rows)
    tokens[np.arange(length)[None, :] >= lengths[:, None]] = NO_TOKEN
    image = rng.integers(0, 256, (rows, size, size, 3)).astype(np.uint8)
    return Products(image, np.ones(rows, bool), tokens)


def pair_batch(rows: int, *, seed: int = 0, groups: np.ndarray | None = None) -> PairBatch:
    """Random pairs; row i is a group of its own unless `groups` says otherwise."""
    groups = np.arange(rows, dtype=np.int32) if groups is None else groups.astype(np.int32)
    return PairBatch(
        products(rows, seed=2 * seed),
        products(rows, seed=2 * seed + 1),
        groups,
        groups,
        np.arange(rows, dtype=np.int32),
        np.arange(rows, dtype=np.int32) + rows,
        np.ones(rows, np.float32),
    )
