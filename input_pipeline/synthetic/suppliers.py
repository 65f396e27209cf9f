"""Suppliers: each has a photo studio and a way of writing titles, kept over all its listings."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from input_pipeline.synthetic.canvas import Colour
from stylejax.config import SyntheticConfig

Backdrop = Literal["white", "pastel", "gradient", "table", "room", "marble"]
Case = Literal["lower", "title", "upper noun", "as typed"]
_PASTELS: tuple[Colour, ...] = (
    (228, 236, 244), (244, 230, 226), (232, 240, 226), (240, 236, 220), (226, 222, 240),
    (206, 216, 222), (214, 200, 186), (188, 202, 194),
)  # fmt: skip
_SALES_WORDS = (
    "hot sale", "2026 new", "wholesale", "factory price", "free shipping", "high quality",
    "best seller", "custom logo", "oem", "in stock", "new arrival", "cheap price", "premium",
    "fast delivery", "top quality", "manufacturer",
)  # fmt: skip


@dataclass(frozen=True)
class Supplier:
    """One seller's habits."""

    name: str
    backdrop: Backdrop
    backdrop_colour: Colour
    aspect: tuple[int, int]  # width : height of its photos
    watermark: str | None  # text laid over its photos
    quality: int  # JPEG quality, 1 to 95
    warmth: float  # colour cast of its lamps: above 0 is warm
    case: Case
    noun_last: float  # probability that a title ends in the noun instead of starting with it
    sales_words: tuple[str, ...]  # what it pads titles with; empty for most


def sample_suppliers(options: SyntheticConfig) -> list[Supplier]:
    """Draw all suppliers; a longer list starts with the same ones."""
    return [_sample(options, number) for number in range(options.suppliers)]


def _sample(options: SyntheticConfig, number: int) -> Supplier:
    rng = np.random.default_rng([options.seed, 2, number])
    name = f"S{number:02d}"
    backdrops: tuple[Backdrop, ...] = ("white", "pastel", "gradient", "table", "room", "marble")
    cases: tuple[Case, ...] = ("lower", "title", "upper noun", "as typed")
    padded = rng.random() < options.keyword_stuffing
    words = rng.choice(_SALES_WORDS, size=int(rng.integers(2, 5)), replace=False)
    return Supplier(
        name=name,
        backdrop=backdrops[rng.choice(6, p=[0.3, 0.18, 0.16, 0.13, 0.13, 0.1])],
        backdrop_colour=_PASTELS[rng.integers(len(_PASTELS))],
        aspect=((1, 1), (1, 1), (3, 4), (4, 3))[rng.integers(4)],
        watermark=f"{name}-shop" if rng.random() < 0.4 else None,
        quality=int(rng.integers(45, 93)),
        warmth=float(rng.normal(0, 0.045)),
        case=cases[rng.integers(4)],
        noun_last=float(rng.uniform(0.1, 0.9)),
        sales_words=tuple(words.tolist()) if padded else (),
    )
