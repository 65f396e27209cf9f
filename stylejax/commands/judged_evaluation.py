"""``stylejax evaluate --judgements``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from stylejax.commands.opened import Run
from stylejax.commands.outputs import output_file
from stylejax.config import ConfigError

if TYPE_CHECKING:
    from stylejax.retrieval.vectors import VectorSet


def run_judged(opened: Run, args: argparse.Namespace) -> None:
    """Judges an export by a file of judgements of its listings, or of searches by words."""
    for flag in ("queries", "gallery", "sample", "ann"):
        if getattr(args, flag):
            raise ConfigError(f"--{flag} is for evaluation by products; leave out --judgements")
    from input_pipeline.judgements import parse_grades, read_judgements
    from stylejax.commands.evaluate import write
    from stylejax.retrieval.evaluation.breakdowns import shows
    from stylejax.retrieval.evaluation.evaluate import DIRECTIONS
    from stylejax.retrieval.evaluation.judged import evaluate_judged, judged_rows
    from stylejax.retrieval.evaluation.provenance import provenance
    from stylejax.retrieval.evaluation.table import print_directions, print_pairs
    from stylejax.retrieval.stored_vectors import StoredVectors

    path = Path(args.judgements)
    if not path.exists():
        raise ConfigError(f"no file {path}; name one with --judgements")
    out = output_file(Path(args.out) if args.out else opened.folder / "judged.json", "--out")
    given = read_judgements(path, parse_grades(args.grades))
    folder, manifest = opened.export(args.vectors)
    found = StoredVectors(folder)
    if given.by_listing:
        asking = found
        catalogue = opened.catalogue(args)
        row_of = {item: row for row, item in enumerate(catalogue.item_id)}
        levels = (("category", opened.config.evaluation.category_level), ("industry", 1))
        rows = [row_of.get(item, -1) for item in found.item_id]
        breakdowns = {
            name: [catalogue.category(row, level) if row >= 0 else "" for row in rows]
            for name, level in levels
        }
        if breakdowns["industry"] == breakdowns["category"]:
            del breakdowns["industry"]
        breakdowns["shows"] = shows(found)
    else:
        asking = encoded_words(opened, list(dict.fromkeys(given.query)), found.dim)
        breakdowns = {"query": seen_in_log(opened, asking.item_id)}
    judged = judged_rows(given.query, given.item_id, given.gain, asking, found)
    for what, count in [*given.findings, *judged.lost]:
        print(f"! judgements {what}: {count:,}")
    result = evaluate_judged(asking, found, judged, DIRECTIONS, breakdowns)
    metrics = result.metrics
    metrics["protocol"] = {
        "judgements": path.name,
        "by": "listing" if given.by_listing else "words",
    }
    metrics["vectors"] = provenance(manifest, folder, opened.folder / "vectors")
    if not result.queries.num_rows:
        raise ConfigError(
            f"{path} calls nothing right that was exported in a view that finds it: nothing can be "
            "judged"
        )
    write(result, out)
    for title, values in (
        (f"among the {metrics['gallery']:,} judged listings", metrics),
        (f"among all {len(found):,} listings", metrics["with_distractors"]),
    ):
        name = f"{path.name}, {title}  (i = photo, t = title, m = both)"
        print_directions(name, values, graded=metrics["graded"])
    print_pairs(metrics["pairs"])
    for value, found_by in metrics["breakdowns"].get("query", {}).items():
        told = ", ".join(f"{d} {x['recall@1']:.3f}" for d, x in found_by.items())
        count = max(x["queries"] for x in found_by.values())
        print(f"words {value} in the click log: R@1 {told}  ({count:,} queries)")
    print(f"metrics    {out}")


def encoded_words(opened: Run, words: list[str], dim: int) -> VectorSet:
    """Words encoded as titles by the checkpoint that stands for the run, cut to `dim` numbers."""
    import numpy as np

    from input_pipeline.listing_text import composed
    from input_pipeline.listings import products
    from stylejax.retrieval.vectors import VectorSet, collect, prefix

    encoder, config = opened.encoder, opened.encoder.config
    size, look, step = config.picture.read_size, config.picture, config.evaluation.batch_size
    shown = (look.per_listing,) if look.per_listing > 1 else ()

    def batches():
        for start in range(0, len(words), step):
            some = words[start : start + step]
            tokens = opened.tokenizer([composed(config.text, title=title) for title in some])
            image = np.zeros((len(some), *shown, size, size, 3), np.uint8)
            absent = np.zeros((len(some), *shown), bool)
            yield np.arange(start, start + len(some)), products(image, absent, tokens, step)

    whole = collect(encoder.encode(batches(), "t"), words)
    return VectorSet(words, {"t": prefix(whole.vectors["t"], dim)}, whole.present)


def seen_in_log(opened: Run, words: list[str]) -> list[str]:
    """Whether a shopper of the run's click log searched for the same words; "" = no log is here."""
    from input_pipeline.mining.searched import searched
    from input_pipeline.sources import locate

    try:
        log = locate(opened.config).log()
    except ConfigError:  # it need not be where the run is judged
        return [""] * len(words)
    seen = searched(opened.config.data, opened.config.mining, log, words)
    return ["seen" if word in seen else "unseen" for word in words]
