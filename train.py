"""The training job: a recipe in, checkpoints and metrics out.

    python train.py --config configs/grocery.py --training.steps 500

Any setting of the recipe can be given as --section.field VALUE; --help lists them all.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from input_pipeline.pairs_file import require_pairs
from stylejax.cli import reported, verb_parser
from stylejax.commands.recipe import parse_recipe
from stylejax.config import VIEWS, Config
from stylejax.training.lock import only_training
from stylejax.training.run_folder import (
    newest_step,
    require_not_trained,
    require_same_config,
    require_step,
    saved_config,
)
from stylejax.training.stop import StopRequest, stop_on_signals

if TYPE_CHECKING:
    import numpy as np
    from jax.sharding import Mesh

    from input_pipeline.listings import ListingPictures
    from input_pipeline.sources import Sources
    from input_pipeline.tokens import TitleTokenizer
    from input_pipeline.training_data import TrainingData
    from stylejax.batch import PairBatch
    from stylejax.encoder import Parameters

# What of an earlier run a restart removes -> what it is called.
RESULTS = {
    "checkpoints": "checkpoints",
    "tensorboard": "",
    "vectors": "vectors",
    "index": "index",
    "metrics.json": "metrics",
    "report.html": "report",
}


def main(parser: argparse.ArgumentParser, argv: list[str]) -> None:
    """Reads the command line and runs the job; raises ConfigError for what the user can mend."""
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--resume", action="store_true", help="go on from the newest checkpoint")
    choice.add_argument(
        "--restart", action="store_true", help="drop an earlier run and its results"
    )
    config, flags = parse_recipe(parser, argv)
    run(config, resume=flags.resume, restart=flags.restart)


def run(config: Config, *, resume: bool = False, restart: bool = False) -> None:
    """Trains, evaluates on the way, and leaves the run's folder ready for export.

    Raises:
      ConfigError: for what the user can mend; what the folder alone tells, at once.
      Stopped: when a signal ended it early, with a checkpoint of the step that it came to.
    """
    run_dir = Path(config.run_dir)
    for pairs in (run_dir / "pairs.parquet", *(more.pairs for more in config.sampling.further)):
        require_pairs(Path(pairs))
    with only_training(run_dir), stop_on_signals() as stop:
        step = newest_step(run_dir)
        if resume:
            step = require_step(run_dir, step)
            if saved := saved_config(run_dir, step):
                require_same_config(saved, config, run_dir)
            if step >= config.training.steps and saved:
                print(f"already finished: {step:,} steps in {run_dir}")
                return
        elif not restart:
            require_not_trained(run_dir, step)
        _train(config, stop, resume=resume, restart=restart)


def _train(config: Config, stop: StopRequest, *, resume: bool, restart: bool) -> None:
    """The job in a folder that is ready for it."""
    import jax
    import pyarrow as pa

    from input_pipeline.listings import ListingPictures
    from input_pipeline.pairs import pair_batches
    from input_pipeline.pictures import Pictures, write_quarantine
    from input_pipeline.tokens import TitleTokenizer, pretrained_tokenizer, train_tokenizer
    from input_pipeline.training_data import pair_source, read_training_data
    from stylejax.training.checkpoint import Checkpoints
    from stylejax.training.compiled import keep_compiled
    from stylejax.training.digest import data_digest
    from stylejax.training.loop import train
    from stylejax.training.mesh import make_mesh, require_divisible

    run_dir = Path(config.run_dir)
    # ---- Data: texts, photos and pairs of listings that are read without the truth
    data_sets = read_training_data(config)
    if resume:
        tokenizer = TitleTokenizer(Checkpoints(run_dir).tokenizer(), config.text.max_tokens)
    else:
        texts = [text for data in data_sets for text in data.train_texts()]
        pretrained = config.text.tokenizer
        tokenizer = (
            pretrained_tokenizer(config.text) if pretrained else train_tokenizer(texts, config.text)
        )
    pair_sources = [pair_source(data, tokenizer, config) for data in data_sets]

    def batches(start_step: int) -> Iterator[PairBatch]:
        host, hosts = jax.process_index(), jax.process_count()
        return pair_batches(pair_sources, config, start_step=start_step, host=host, hosts=hosts)

    # ---- Train
    keep_compiled(run_dir)
    mesh = make_mesh(config.mesh.data, config.mesh.fsdp, config.mesh.tensor)
    parts = config.training.micro_batches
    require_divisible(config.training.batch_size, mesh, "training.batch_size", parts=parts)
    require_divisible(config.evaluation.batch_size, mesh, "evaluation.batch_size")
    own, catalogue = data_sets[0], data_sets[0].catalogue
    photos = own.photos
    shown = Pictures(
        photos.items, photos.images, catalogue.images, config.picture.read_size, cache_mib=0
    )
    listed = ListingPictures(photos, shown, config.picture.per_listing)
    evaluate = retrieval_evaluation(
        config, own.sources, tokenizer, pair_sources[0].tokens, listed, mesh
    )
    if restart:
        remove_results(run_dir)
    if not resume and Checkpoints(run_dir).latest() is None:
        # Of a run that is dropped, or left no checkpoint: this one names what it meets itself.
        (run_dir / "quarantine.csv").unlink(missing_ok=True)
    try:
        train(
            config,
            batches,
            tokenizer.definition,
            tokenizer.vocab_size,
            mesh,
            evaluate=evaluate,
            resume=resume,
            stop=stop,
            item_ids=[x for data in data_sets for x in data.catalogue.item_id],
            data=data_digest(
                pa.concat_tables(data.pairs for data in data_sets),
                listing_columns(data_sets),
            ),
        )
    finally:
        unreadable = dict(shown.quarantine)
        for source in pair_sources:
            unreadable |= source.pictures.quarantine
        if unreadable:
            path = write_quarantine(unreadable, run_dir / "quarantine.csv")
            print(f"{len(unreadable)} pictures could not be read; named in {path}", file=sys.stderr)


def remove_results(run_dir: Path) -> None:
    """Removes what an earlier run made, and says what."""
    there = [name for name in RESULTS if (run_dir / name).exists()]
    told = [RESULTS[name] for name in there if RESULTS[name]]
    if newest_step(run_dir) is None and "checkpoints" in told:
        told.remove("checkpoints")  # the folder is empty
    if told:
        *first, last = told
        listed = f"{', '.join(first)} and {last}" if first else last
        print(f"removing the earlier run's {listed} from {run_dir}", file=sys.stderr, flush=True)
    for name in there:
        path = run_dir / name
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink()


def listing_columns(data_sets: Sequence[TrainingData]) -> dict[str, list[str]]:
    """All that training reads of the listings, one data set after the other."""
    return {
        "item_id": [x for data in data_sets for x in data.catalogue.item_id],
        "text": [x for data in data_sets for x in data.texts],
        "category_path": [x for data in data_sets for x in data.catalogue.category_path],
        "split": [x for data in data_sets for x in data.catalogue.split],
        "photo_item": [x for data in data_sets for x in data.photos.items],
        "photo": [x for data in data_sets for x in data.photos.images],
    }


def retrieval_evaluation(
    config: Config,
    sources: Sources,
    tokenizer: TitleTokenizer,
    tokens: np.ndarray,
    pictures: ListingPictures,
    mesh: Mesh,
) -> Callable[[Parameters], dict[str, float]] | None:
    """Encoder weights to retrieval metrics: the one reader of the truth, None if there is none.

    Raises:
      ConfigError: when no listing searches or none is found.
    """
    import numpy as np

    from input_pipeline.catalogue import has_truth, load_catalogue
    from input_pipeline.listings import product_batches
    from stylejax.encoder import encoder_factory
    from stylejax.encoder.inference import encode_all, make_encode
    from stylejax.retrieval.evaluation import evaluate_splits, split_rows
    from stylejax.retrieval.vectors import collect
    from stylejax.training.mesh import by_row, replicated

    if not has_truth(config.data, sources.catalogue):
        if name := config.data.columns.group:
            print(
                f"not evaluated: {sources.catalogue} has no column {name!r} of true products "
                "(--data.columns.group)",
                file=sys.stderr,
            )
        return None
    catalogue = load_catalogue(config.data, sources.catalogue, sources.images, with_truth=True)
    options = config.evaluation
    labels = catalogue.labels(options.category_level)
    rows = np.union1d(*split_rows(catalogue.split, options.query_split, options.gallery_split))
    _, bind = encoder_factory(config, tokenizer.vocab_size)
    encode = make_encode(bind, VIEWS, config.picture, by_row(mesh), replicated(mesh))

    def evaluate(parameters: Parameters) -> dict[str, float]:
        listings = product_batches(rows, pictures, tokens, options.batch_size)
        result = evaluate_splits(
            collect(encode_all(encode, parameters, listings), catalogue.item_id),
            labels,
            options.query_split,
            options.gallery_split,
            directions=("m-m", "i-i", "t-t"),
        )
        return {
            f"retrieval/{direction}/{name}": values[name]
            for direction, values in result["directions"].items()
            for name in ("recall@1", "map@r")
            if name in values
        }

    return evaluate


if __name__ == "__main__":
    reported(lambda: main(verb_parser("train", "python train.py"), sys.argv[1:]))
