"""The training loop: batches in, checkpoints and metrics out."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

import jax
from jax.sharding import Mesh

from stylejax.batch import PairBatch
from stylejax.config import Config, to_json
from stylejax.encoder import Parameters
from stylejax.progress import progress
from stylejax.training.bad_steps import BadSteps
from stylejax.training.checkpoint import Checkpoints
from stylejax.training.compiled import note_compiled
from stylejax.training.feed import Feed, Pending
from stylejax.training.record import Record
from stylejax.training.run_folder import require_not_trained
from stylejax.training.start import start_pretrained
from stylejax.training.step import TrainState, exported, make_train_step
from stylejax.training.stop import Stopped, StopRequest

Evaluate = Callable[[Parameters], Mapping[str, float]]


def train(
    config: Config,
    batches: Callable[[int], Iterator[PairBatch]],
    tokenizer: str,
    vocab_size: int,
    mesh: Mesh,
    *,
    evaluate: Evaluate | None = None,
    resume: bool = False,
    data: Mapping[str, str] | None = None,
    stop: StopRequest | None = None,
    item_ids: Sequence[str] | None = None,
) -> TrainState:
    """Trains from scratch or from the newest checkpoint to `config.training.steps`.

    While a step runs, the next batch is put onto the devices. The share of the time that the
    devices had nothing to do for want of data is recorded as `data_wait`.

    Args:
      config: the run.
      batches: first step to endless batches of this host, see `input_pipeline.pairs`.
      tokenizer: JSON definition of the tokenizer, kept in every checkpoint.
      vocab_size: number of token ids.
      mesh: devices.
      evaluate: encoder weights to named numbers, called every `evaluate_every` steps and at the
        end.
      resume: go on from the newest checkpoint.
      data: digests of what is trained on, see `stylejax.training.digest`; a run is not resumed on
        anything else.
      stop: asked after every step; on a request that step is saved, and nothing more is done.
      item_ids: of the listings, by the numbers that batches have for them: what names those of a
        batch that went wrong.

    Returns:
      The final state.

    Raises:
      ConfigError: when a checkpoint is there and `resume` is false, or its config differs.
      FloatingPointError: when a step went wrong and `training.bad_steps` is "stop", see `BadSteps`.
      DataTimeout: when no batch came for `training.data_timeout` seconds.
      Stopped: when `stop` asked for it.
    """
    options = config.training
    checkpoints = Checkpoints(config.run_dir, options.keep, options.keep_every)
    create, step = make_train_step(config, vocab_size, mesh)
    state = create()
    if resume:
        state = checkpoints.restore(state, config, data)
    else:
        require_not_trained(config.run_dir, checkpoints.latest())
        state = start_pretrained(state, config)
    stop = stop or StopRequest()
    run_dir, start = Path(config.run_dir), int(state.step)
    (run_dir / "config.json").write_text(to_json(config), encoding="utf-8")
    (run_dir / "tokenizer.json").write_text(tokenizer, encoding="utf-8")
    record = Record(run_dir, start_step=start)
    bad_steps = BadSteps(run_dir, options, item_ids, start=start)
    with (
        contextlib.closing(checkpoints),
        contextlib.closing(record),
        progress("train", "steps", start=start) as advance,
        contextlib.closing(Feed(batches(start), mesh, options.data_timeout)) as feed,
    ):
        metrics: Mapping[str, jax.Array] = {}
        note = "compiling the first step"
        advance(start, options.steps, note)
        for done in range(start + 1, options.steps + 1):
            last = done == options.steps
            batch = feed.next(cast(Pending | None, metrics.get("loss")), last=last)
            state, metrics = step(state, batch)
            bad_steps.note(done, metrics, batch)
            stop.can_save, asked = True, stop.signal
            saving = last or asked or done % options.save_every == 0
            if done == start + 1 or saving:
                note_compiled(run_dir)
            if done == 1 or last or done % options.log_every == 0:
                bad_steps.check()
                values = finite(metrics) | {"data_wait": (waited := feed.waited())}
                if bad_steps.skipped:
                    values["skipped"] = float(bad_steps.skipped)
                record.write(done, values)
                note = f"loss {values.get('loss', float('nan')):.4f}  data wait {waited:.1%}"
                note += f"  {bad_steps.skipped} skipped" if bad_steps.skipped else ""
            advance(done, options.steps, note)
            if saving:
                bad_steps.check()
                checkpoints.save(state, config, tokenizer, vocab_size, data)
            if asked:
                raise Stopped(asked, done, options.steps)
            if evaluate and (
                last or (options.evaluate_every and done % options.evaluate_every == 0)
            ):
                record.write(done, evaluate(exported(state)))
                feed.waited()  # judging is no part of the steps' time
    if stop.signal:  # it came while the last step was judged
        raise Stopped(stop.signal, options.steps, options.steps)
    return state


def finite(metrics: Mapping[str, jax.Array]) -> dict[str, float]:
    """The metrics that are numbers: a step that was left out may have others."""
    values = {name: float(value) for name, value in metrics.items() if name != "bad"}
    return {name: value for name, value in values.items() if abs(value) < float("inf")}
