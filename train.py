"""The training job: a recipe in, checkpoints and metrics out.

    python train.py --config configs/grocery.py --training.steps 500

Any setting of the recipe can be given as --section.field VALUE; --help lists them all.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from stylejax.cli import reported
from stylejax.commands.recipe import parse_recipe
from stylejax.config import VIEWS, Config, to_json


def main(parser: argparse.ArgumentParser, argv: list[str]) -> None:
    """Reads the command line and runs the job; raises ConfigError for what the user can mend."""
    parser.add_argument("--resume", action="store_true", help="go on from the newest checkpoint")
    parser.add_argument("--restart", action="store_true", help="drop an earlier run's checkpoints")
    config, flags = parse_recipe(parser, argv)
    run(config, resume=flags.resume, restart=flags.restart)


def run(config: Config, *, resume: bool = False, restart: bool = False) -> None:
    """Trains, evaluates on the way, and leaves the run's folder ready for export."""
    import jax
    import numpy as np

    from input_pipeline.catalogue import has_truth, load_catalogue
    from input_pipeline.listings import product_batches
    from input_pipeline.mining import read_pairs
    from input_pipeline.pairs import pair_batches, pair_graph
    from input_pipeline.pictures import Pictures, write_quarantine
    from input_pipeline.sources import locate
    from input_pipeline.tokens import TitleTokenizer, train_tokenizer
    from stylejax.encoder import encoder_factory
    from stylejax.encoder.inference import encode_all, make_encode
    from stylejax.retrieval.evaluation import evaluate_splits
    from stylejax.retrieval.vectors import collect
    from stylejax.training.checkpoint import Checkpoints
    from stylejax.training.loop import train
    from stylejax.training.mesh import by_row, make_mesh, replicated

    run_dir = Path(config.run_dir)
    run_dir.mkdir(parents=True, exist_ok=True)
    if restart:
        for name in ("checkpoints", "tensorboard"):
            shutil.rmtree(run_dir / name, ignore_errors=True)

    # ---- Data: listings without the truth, pairs, tokens, pictures
    sources = locate(config)
    catalogue = load_catalogue(config.data, sources.catalogue, sources.images)
    train_rows = catalogue.rows(config.data.train_split)
    graph = pair_graph(catalogue, read_pairs(run_dir / "pairs.parquet"), config.data.train_split)
    if resume:
        tokenizer = TitleTokenizer(Checkpoints(run_dir).tokenizer(), config.text.max_tokens)
    else:
        tokenizer = train_tokenizer((catalogue.title[row] for row in train_rows), config.text)
    tokens = tokenizer(catalogue.title)
    (run_dir / "tokenizer.json").write_text(tokenizer.definition, encoding="utf-8")
    (run_dir / "config.json").write_text(to_json(config), encoding="utf-8")
    picture, cache = config.picture, config.picture.cache_mib // 2
    stored = Pictures(
        catalogue.item_id, catalogue.image, sources.images, picture.stored_size, cache
    )
    shown = Pictures(catalogue.item_id, catalogue.image, sources.images, picture.size, cache)

    def batches(start_step: int):
        return pair_batches(
            graph,
            stored,
            tokens,
            config,
            start_step=start_step,
            host=jax.process_index(),
            hosts=jax.process_count(),
        )

    # ---- Retrieval evaluation on the way: the only reader of the truth, and only if there is one
    mesh = make_mesh(config.training.devices)
    judge = None
    if has_truth(config.data, sources.catalogue):
        judged = load_catalogue(config.data, sources.catalogue, sources.images, with_truth=True)
        labels = judged.labels(config.evaluation.category_level)
        splits = {config.evaluation.query_split, config.evaluation.gallery_split}
        rows = np.sort(np.concatenate([judged.rows(split) for split in splits]))
        _, bind = encoder_factory(config, tokenizer.vocab_size)
        encode = make_encode(bind, VIEWS, by_row(mesh), replicated(mesh))

        def judge(parameters):
            listings = product_batches(rows, shown, tokens, config.evaluation.batch_size)
            vectors = collect(encode_all(encode, parameters, listings), catalogue.item_id)
            result = evaluate_splits(
                vectors,
                labels,
                config.evaluation.query_split,
                config.evaluation.gallery_split,
                directions=("m-m", "i-i", "t-t"),
            )
            return {
                f"retrieval/{direction}/{name}": values[name]
                for direction, values in result["directions"].items()
                for name in ("recall@1", "map@r")
                if name in values
            }

    # ---- Train
    train(
        config,
        batches,
        tokenizer.definition,
        tokenizer.vocab_size,
        mesh,
        evaluate=judge,
        resume=resume,
    )
    unreadable = {**stored.quarantine, **shown.quarantine}
    if unreadable:
        path = write_quarantine(unreadable, run_dir / "quarantine.csv")
        print(f"{len(unreadable)} pictures could not be read; named in {path}", file=sys.stderr)


if __name__ == "__main__":
    reported(lambda: main(argparse.ArgumentParser(prog="train.py"), sys.argv[1:]))
