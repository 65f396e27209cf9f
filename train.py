"""The training job: a recipe in, checkpoints and metrics out.

    python train.py --config configs/grocery.py --training.steps 500

Any setting of the recipe can be given as --section.field VALUE; --help lists them all.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from input_pipeline.pairs_file import require_pairs
from stylejax.cli import reported, verb_parser
from stylejax.commands.recipe import parse_recipe, vocabulary
from stylejax.commands.training_evaluation import retrieval_evaluation
from stylejax.config import Config, ConfigError
from stylejax.training.launch import join_hosts, several_hosts
from stylejax.training.lock import only_training
from stylejax.training.run_folder import (
    newest_step,
    require_not_trained,
    require_nothing_overridden,
    require_same_config,
    require_step,
    saved_config,
    waits_for_marks,
)
from stylejax.training.stop import StopRequest, stop_on_signals

if TYPE_CHECKING:
    from input_pipeline.training_data import TrainingData
    from stylejax.batch import PairBatch

# What of an earlier run a restart removes -> what it is called.
RESULTS = {
    "checkpoints": "checkpoints",
    "unreadable": "",
    "tensorboard": "",
    "wandb": "",
    "wandb_run": "",
    "vectors": "vectors",
    "index": "index",
    "metrics.json": "metrics",
    "report.html": "report",
    "compare.html": "",
}


def main(parser: argparse.ArgumentParser, argv: list[str]) -> None:
    """Reads the command line and runs the job; raises ConfigError for what the user can mend."""
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--resume", action="store_true", help="go on from the newest checkpoint")
    choice.add_argument(
        "--restart", action="store_true", help="drop an earlier run and its results"
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="print settings, shapes and numbers of weights; write nothing",
    )
    parser.add_argument(
        "--profile",
        default="",
        metavar="FIRST:LAST",
        help="steps to record for TensorBoard and Perfetto, such as 20:25",
    )
    parser.add_argument(
        "--override",
        action="store_true",
        help="with --resume: go on although settings or data are not those of the checkpoint",
    )
    config, flags = parse_recipe(parser, argv)
    if flags.override and not flags.resume:
        parser.error("--override goes with --resume")
    if flags.dry_run:
        from input_pipeline.sources import require_located
        from stylejax.training.describe import describe

        for data in (config.data, *(more.data for more in config.sampling.further)):
            require_located(replace(config, data=data))
        print("\n".join(describe(config, vocabulary(config))))
        return
    going_on = GoingOn(resume=flags.resume, restart=flags.restart, overriding=flags.override)
    run(config, going_on, profile=flags.profile)


@dataclass(frozen=True)
class GoingOn:
    """What becomes of an earlier run in the same folder."""

    resume: bool = False  # go on from its newest checkpoint
    restart: bool = False  # drop it and its results
    overriding: bool = False  # go on although settings or data are not those of the checkpoint


def run(config: Config, earlier: GoingOn = GoingOn(), *, profile: str = "") -> None:
    """Trains, evaluates on the way, and leaves the run's folder ready for export.

    Args:
      config: the run.
      earlier: what becomes of an earlier run; neither resumed nor restarted, it is an error.
      profile: steps to record with JAX's profiler, such as ``20:25``; "" = none.

    Raises:
      ConfigError: for what the user can mend; what the folder alone tells, at once.
      Stopped: when a signal ended it early, with a checkpoint of the step that it came to.
    """
    run_dir = Path(config.run_dir)
    several = several_hosts(config.mesh.hosts)
    first = not several or join_hosts(config.mesh.host_timeout)
    for pairs in (run_dir / "pairs.parquet", *(more.pairs for more in config.sampling.further)):
        require_pairs(Path(pairs))
    with contextlib.ExitStack() as held:
        refused = None
        try:
            held.enter_context(only_training(run_dir, first=first))
        except ConfigError as error:
            refused = error
        if several:
            from stylejax.training.hosts import all_hosts

            if not all_hosts(refused is None) and refused is None:
                raise ConfigError("the first host may not train here; see its message")
        if refused is not None:
            raise refused
        stop = held.enter_context(stop_on_signals(alone=not several))
        step = newest_step(run_dir)
        if earlier.resume:
            step = require_step(run_dir, step)
            saved = saved_config(run_dir, step)
            if saved and not earlier.overriding:
                require_same_config(saved, config, run_dir)
            done = step >= config.training.steps
            if saved and done and not waits_for_marks(run_dir, step):
                require_nothing_overridden(saved, config, step)
                print(f"already finished: {step:,} steps in {run_dir}")
                return
        elif not earlier.restart:
            require_not_trained(run_dir, step)
        _train(config, stop, earlier, profile)


def _train(config: Config, stop: StopRequest, earlier: GoingOn, profile: str) -> None:
    """The job in a folder that is ready for it."""
    import jax
    import pyarrow as pa
    from absl import logging

    from input_pipeline.listings import ListingPictures
    from input_pipeline.pairs import pair_batches
    from input_pipeline.pictures import Pictures, write_quarantine
    from input_pipeline.tokens import TitleTokenizer, pretrained_tokenizer, train_tokenizer
    from input_pipeline.training_data import pair_source, read_training_data
    from stylejax.training.compiled import keep_compiled
    from stylejax.training.digest import data_digest
    from stylejax.training.hosts import first_host, wait_for_hosts
    from stylejax.training.loop import require_can_begin, train
    from stylejax.training.mesh import mesh_of, require_divisible
    from stylejax.training.snapshot import kept_tokenizer

    # Orbax logs what it raises as well, hundreds of lines of it.
    logging.set_verbosity(logging.FATAL)
    run_dir = Path(config.run_dir)
    host, hosts = jax.process_index(), jax.process_count()
    # ---- Data: texts, photos and pairs of listings that are read without the truth
    data_sets = read_training_data(config)
    if earlier.resume:
        tokenizer = TitleTokenizer(kept_tokenizer(run_dir), config.text.max_tokens)
    else:
        texts = [text for data in data_sets for text in data.train_texts()]
        pretrained = config.text.tokenizer
        tokenizer = (
            pretrained_tokenizer(config.text) if pretrained else train_tokenizer(texts, config.text)
        )
    pair_sources = [pair_source(data, tokenizer, config) for data in data_sets]

    def batches(start_step: int) -> Iterator[PairBatch]:
        return pair_batches(pair_sources, config, start_step=start_step, host=host, hosts=hosts)

    # ---- Train
    keep_compiled(run_dir)
    mesh = mesh_of(config)
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
    quarantine = run_dir / ("quarantine.csv" if first_host() else f"quarantine-{host}.csv")
    require_can_begin(config, evaluate, profile)
    if first_host() and earlier.restart:
        remove_results(run_dir)
    wait_for_hosts("an earlier run is gone")
    if not earlier.resume and newest_step(run_dir) is None:
        # Of a run that is dropped, or left no checkpoint: this one names what it meets itself.
        quarantine.unlink(missing_ok=True)
    try:
        train(
            config,
            batches,
            tokenizer.definition,
            tokenizer.vocab_size,
            mesh,
            evaluate=evaluate,
            resume=earlier.resume,
            overriding=earlier.overriding,
            profile=profile,
            stop=stop,
            item_ids=[x for data in data_sets for x in data.catalogue.item_id],
            data=data_digest(
                pa.concat_tables(data.pairs for data in data_sets),
                listing_columns(data_sets),
                own.negatives,
            ),
        )
    finally:
        unreadable = dict(shown.quarantine)
        for source in pair_sources:
            unreadable |= source.pictures.quarantine
        if unreadable:
            path = write_quarantine(unreadable, quarantine)
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


if __name__ == "__main__":
    reported(lambda: main(verb_parser("train", "python train.py"), sys.argv[1:]))
