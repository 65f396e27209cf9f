"""Claim: the four views of a pair cost at most 0.65 of what they cost with masks.

The loss unit of the reference system reads four views: left picture and title together, left title
alone, left picture alone, right picture and title. With masks each is a pass of all tokens through
all layers. Here the towers run once a side, a single view has its own tokens only, and the last
layer computes the one token that is read; also measured: masks with such a last layer. Forward and
backward of the sum of the vectors; all forms have the same weights, and their vectors agree.

    python benchmarks/views.py
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.support.machine import machine
from benchmarks.support.random_listings import random_listings
from stylejax.batch import Products
from stylejax.config import (
    Config,
    EncoderConfig,
    ImageTowerConfig,
    PictureConfig,
    TextConfig,
    TextTowerConfig,
    TransformerConfig,
)
from stylejax.encoder import ProductEncoder, encoder_factory

MOST = 0.65
ROWS, VOCABULARY, SIDE, PATCH, LENGTH = 32, 1000, 112, 16, 32
# Layers over pictures, over titles, over both.
DEPTHS = {"single stream": (0, 0, 6), "towers and fusion": (4, 4, 2)}


def main() -> None:
    """Prints a line for each depth; ends 1 where the promise is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=int, default=384, help="of every layer")
    parser.add_argument("--rounds", type=int, default=7, help="times that each is measured")
    parser.add_argument("--out", default="runs/views.json", help="results as JSON")
    args = parser.parse_args()
    results = {
        name: compare(settings(depths, args.width), args.rounds) for name, depths in DEPTHS.items()
    }
    missed = [name for name, found in results.items() if found["ratio"] > MOST]
    for name, found in results.items():
        print(
            f"{name:<18} masked {1e3 * found['masked']:6.0f} ms, "
            f"dropped {1e3 * found['dropped']:6.0f} ms, x {found['ratio']:.2f}; "
            f"of masks whose last layer computes one token: x {found['ratio of one']:.2f}"
        )
    record = machine("jax", "flax") | {"results": results, "missed": missed}
    print(f"{record['date']}, {record['processor']}, {record['cores']} cores")
    Path(args.out).parent.mkdir(parents=True, exist_ok=True)
    Path(args.out).write_text(json.dumps(record, indent=1))
    if missed:
        sys.exit(f"missed: {', '.join(missed)}")


def settings(depths: tuple[int, int, int], width: int) -> Config:
    """An encoder of the reference system's kind, small enough for two cores."""
    layers: dict[str, Any] = {"width": width, "heads": width // 64, "hidden": 4 * width}
    image, text, fusion = depths
    return Config(
        picture=PictureConfig(size=SIDE, stored_size=SIDE),
        text=TextConfig(max_tokens=LENGTH),
        encoder=EncoderConfig(
            dim=256,
            image=ImageTowerConfig(depth=image, patch=PATCH, **layers),
            text=TextTowerConfig(depth=text, **layers),
            fusion=TransformerConfig(depth=fusion, **layers),
        ),
    )


def masked(encoder: ProductEncoder, products: Products, view: str, read: int | None) -> jax.Array:
    """One view with all tokens there, those of the other modality attended to by none."""
    image = encoder.image(products.image)
    text, present = encoder.text(products.tokens)
    seen = jnp.full(image.shape[:2], view != "t")
    tokens, counted = encoder.fusion.join((image, seen), (text, present & (view != "i")))
    vectors = encoder.fusion.head(encoder.fusion.layers(tokens, counted, read=read)[:, 0])
    return vectors / jnp.linalg.norm(vectors, axis=-1, keepdims=True)


def compare(config: Config, rounds: int) -> dict[str, Any]:
    """Median seconds of the forms, measured in turns."""
    init, bind = encoder_factory(config, VOCABULARY)
    parameters = jax.jit(init)(jax.random.key(0))
    left, right = (
        jax.tree.map(jnp.asarray, random_listings(ROWS, SIDE, LENGTH, VOCABULARY, seed=seed))
        for seed in (0, 1)
    )

    def dropped(encoder: ProductEncoder) -> dict[str, jax.Array]:
        views = encoder(left, ("m", "t", "i"))
        return views | {"right": encoder(right, ("m",))["m"]}

    def with_masks(encoder: ProductEncoder, read: int | None = None) -> dict[str, jax.Array]:
        views = {view: masked(encoder, left, view, read) for view in ("m", "t", "i")}
        return views | {"right": masked(encoder, right, "m", read)}

    def step(form: Callable) -> Callable:
        def total(parameters: Any) -> tuple[jax.Array, Any]:
            vectors = form(bind(parameters))
            return sum((x[:, 0].sum() for x in vectors.values()), jnp.zeros(())), vectors

        return jax.jit(jax.value_and_grad(total, has_aux=True))

    steps = {
        "masked": step(with_masks),
        "one": step(functools.partial(with_masks, read=1)),
        "dropped": step(dropped),
    }
    made = {name: jax.block_until_ready(run(parameters)) for name, run in steps.items()}
    for view, x in made["dropped"][0][1].items():
        for form in ("masked", "one"):
            np.testing.assert_allclose(x, made[form][0][1][view], atol=1e-5, err_msg=view)
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, run in steps.items():
            start = time.perf_counter()
            jax.block_until_ready(run(parameters))
            seconds[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    ratios = {"ratio": medians["dropped"] / medians["masked"]}
    ratios |= {"ratio of one": medians["dropped"] / medians["one"]}
    return medians | ratios | {"runs": seconds}


if __name__ == "__main__":
    main()
