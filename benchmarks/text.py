"""Question: what would length buckets or packing of texts save? It decides whether to have them.

Tokens of the recipe's own listings, cut to `text.max_tokens`. A batch that is padded only to its
own longest text is the most that buckets over whole batches could gain without sorting; a batch
of texts of the mean length is more than perfect packing could gain. Each is a training step with
as many tokens a text, compiled and timed; pictures are noise of the recipe's size.

    python benchmarks/text.py --config configs/quickstart.py
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from benchmarks.support.machine import machine
from stylejax.config import Config, load_config


def main() -> None:
    """Prints the lengths and the steps' times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", default="configs/quickstart.py", help="recipe")
    parser.add_argument("--steps", type=int, default=8, help="steps that are timed of each length")
    parser.add_argument("--rounds", type=int, default=3, help="times that each is measured")
    parser.add_argument("--out", default="runs/text.json", help="results as JSON")
    args = parser.parse_args()
    config = load_config(args.config)
    lengths, vocabulary = text_lengths(config)
    batch = 2 * config.training.batch_size
    random = np.random.default_rng(0)
    longest = statistics.mean(int(random.choice(lengths, batch).max()) for _ in range(200))
    full, mean = config.text.max_tokens, float(lengths.mean())
    print(
        f"{len(lengths):,} texts: {mean:.1f} tokens of {full} on average, "
        f"{1 - mean / full:.0%} padding; the longest of a batch has {longest:.1f}"
    )
    sizes = {
        "all padded to text.max_tokens": full,
        "padded to the batch's longest": math.ceil(longest),
        "of the mean length": max(2, round(mean)),
    }
    steps = {name: TimedStep(config, vocabulary, tokens) for name, tokens in sizes.items()}
    times: dict[str, list[float]] = {name: [] for name in sizes}
    for _ in range(args.rounds):
        for name, step in steps.items():
            times[name].append(step.seconds(args.steps))
    medians = {name: statistics.median(values) for name, values in times.items()}
    base = next(iter(medians.values()))
    for name, value in medians.items():
        print(f"  {name:<32} {sizes[name]:3} tokens  {1e3 * value:7.1f} ms  x {value / base:.3f}")
    about = machine("jax", "flax")
    out = Path(args.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    result: dict[str, Any] = {"mean": mean, "longest": longest, "tokens": sizes, "seconds": medians}
    out.write_text(json.dumps({"machine": about, "results": result}, indent=1) + "\n")
    print(f"\n{about}\nwritten to {out}")


def text_lengths(config: Config) -> tuple[np.ndarray, int]:
    """Tokens of each text of the train split, [CLS] included, and the vocabulary's size."""
    from input_pipeline.catalogue import load_catalogue
    from input_pipeline.listing_text import listing_texts
    from input_pipeline.sources import locate
    from input_pipeline.tokens import train_tokenizer

    sources = locate(config)
    catalogue = load_catalogue(config.data, sources.catalogue, sources.images)
    whole = listing_texts(catalogue, config.text)
    texts = [whole[row] for row in catalogue.rows(config.data.train_split)]
    tokenizer = train_tokenizer(texts, config.text)
    lengths = (tokenizer(texts) != 0).sum(axis=1)
    return lengths[lengths > 0], tokenizer.vocab_size


class TimedStep:
    """The recipe's training step with texts of some length."""

    def __init__(self, config: Config, vocabulary: int, tokens: int):
        import jax

        from stylejax.batch import PairBatch, Products
        from stylejax.training.mesh import make_mesh, place
        from stylejax.training.step import make_train_step

        config = dataclasses.replace(
            config, text=dataclasses.replace(config.text, max_tokens=tokens)
        )
        random, rows = np.random.default_rng(0), config.training.batch_size
        side = config.picture.encoded_size

        def side_of_pairs() -> Products:
            return Products(
                random.integers(0, 256, (rows, side, side, 3)).astype(np.uint8),
                np.ones(rows, bool),
                random.integers(3, vocabulary, (rows, tokens)).astype(np.int32),
            )

        groups = np.arange(rows, dtype=np.int32)
        mesh = make_mesh(1)
        create, self._step = make_train_step(config, vocabulary, mesh)
        columns = (groups, groups, groups, groups + rows, np.ones(rows, np.float32))
        self._batch = place(mesh, PairBatch(side_of_pairs(), side_of_pairs(), *columns))
        self._state, _ = self._step(create(), self._batch)
        jax.block_until_ready(self._state)

    def seconds(self, steps: int) -> float:
        """Seconds a step."""
        import jax

        started = time.perf_counter()
        for _ in range(steps):
            self._state, _ = self._step(self._state, self._batch)
        jax.block_until_ready(self._state)
        return (time.perf_counter() - started) / steps


if __name__ == "__main__":
    main()
