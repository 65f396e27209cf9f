"""The training loop: batches in, checkpoints and metrics out."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import cast

import jax
from jax.sharding import Mesh

from stylejax.batch import PairBatch
from stylejax.config import Config, ConfigError, to_json
from stylejax.encoder import Parameters
from stylejax.progress import progress
from stylejax.training.bad_steps import BadSteps
from stylejax.training.checkpoint import Checkpoints
from stylejax.training.compiled import note_compiled
from stylejax.training.environment import note_environment
from stylejax.training.feed import Feed, Pending
from stylejax.training.hosts import first_host, preempted, wait_for_hosts
from stylejax.training.meter import Meter, judgement, summary
from stylejax.training.profile import ProfileWindow
from stylejax.training.program import Program, model_flops, peak_flops
from stylejax.training.record import Record, read_marks, require_board
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
    overriding: bool = False,
    data: Mapping[str, str] | None = None,
    stop: StopRequest | None = None,
    item_ids: Sequence[str] | None = None,
    profile: str = "",
) -> TrainState:
    """Trains from scratch or from the newest checkpoint to `config.training.steps`.

    While a step runs, the next batch is put onto the devices. The first host writes the record, the
    settings and what is printed; all of them take part in checkpoints.

    Args:
      config: the run.
      batches: first step to endless batches of this host, see `input_pipeline.pairs`.
      tokenizer: JSON definition of the tokenizer, kept in every checkpoint.
      vocab_size: number of token ids.
      mesh: devices.
      evaluate: encoder weights to named numbers, called every `evaluate_every` steps and at the
        end.
      resume: go on from the newest checkpoint.
      overriding: go on although settings or data are not those of the checkpoint; what differs is
        told.
      data: digests of what is trained on, see `stylejax.training.digest`; a run is not resumed on
        anything else.
      stop: asked after every step; on a request that step is saved, and nothing more is done.
      item_ids: of the listings, by the numbers that batches have for them: what names those of a
        batch that went wrong.
      profile: steps to record with JAX's profiler, such as ``20:25``; "" = none.

    Returns:
      The final state.

    Raises:
      ConfigError: when a checkpoint is there and `resume` is false, its config differs, or
        `training.best` or `profile` name what is not there.
      NotSaved: when a checkpoint cannot be written.
      FloatingPointError: when a step went wrong and `training.bad_steps` is "stop", see `BadSteps`.
      DataTimeout: when no batch came for `training.data_timeout` seconds.
      Stopped: when `stop` asked for it.
    """
    # ---- The state: fresh, pretrained, or of a checkpoint
    options, run_dir = config.training, Path(config.run_dir)
    require_can_begin(config, evaluate, profile)
    window = ProfileWindow(profile, run_dir)
    checkpoints = Checkpoints(run_dir, options.keep, options.keep_every, options.best)
    create, step = make_train_step(config, vocab_size, mesh)
    state = create()
    if resume:
        state = checkpoints.restore(state, config, data, overriding=overriding)
    else:
        require_not_trained(run_dir, checkpoints.latest())
        state = start_pretrained(state, config)
    start = int(state.step)
    window.require_ahead(start)
    # A stop at a step that was to be judged left that out: it is made up for.
    due = evaluate and start and _is_due(start, options.evaluate_every, last=start == options.steps)
    before = read_marks(run_dir).items()
    measured: dict[str, Mapping[str, float]] = {str(at): x for at, x in before if at <= start}
    wait_for_hosts("state")

    # ---- The folder: what the run is known by, and what it writes on the way
    if first_host():
        (run_dir / "config.json").write_text(to_json(config), encoding="utf-8")
        (run_dir / "tokenizer.json").write_text(tokenizer, encoding="utf-8")
        note_environment(run_dir, mesh, start, sys.argv)
    record = Record(run_dir, start_step=start, writing=first_host(), config=config)
    bad_steps = BadSteps(run_dir, options, item_ids, start=start)
    stop = stop or StopRequest()
    program, peak = Program(step), peak_flops(mesh)
    flops: dict[tuple, float] = {}  # of a step, by the shape of its batch

    # ---- The steps
    with (
        contextlib.closing(checkpoints),
        contextlib.closing(record),
        contextlib.closing(window),
        progress("train", "steps", start=start, shown=first_host()) as advance,
        contextlib.closing(Feed(batches(start), mesh, options.data_timeout)) as feed,
    ):
        if evaluate and due and str(start) not in measured:
            measured[str(start)] = evaluate(exported(state))
            record.write(start, measured[str(start)])
        metrics: Mapping[str, jax.Array] = {}
        note, meter = "compiling the first step", Meter(feed.waited, peak)
        advance(start, options.steps, note)
        for done in range(start + 1, options.steps + 1):
            last = done == options.steps
            batch = feed.next(cast(Pending | None, metrics.get("loss")), last=last)
            window.before(done)
            with jax.profiler.StepTraceAnnotation("training step", step_num=done):
                state, metrics = program(state, batch)
            window.after(done, metrics)
            bad_steps.note(done, metrics, batch)
            if program.fresh:
                jax.block_until_ready(metrics["loss"])
                if program.needs and first_host():
                    print(program.needs, file=sys.stderr, flush=True)
                if peak:
                    flops[program.shape] = model_flops(config, vocab_size, mesh, batch)
                note_compiled(run_dir)
                meter.restart()
            else:
                meter.count(len(batch.weight), flops.get(program.shape, 0.0))
            stop.can_save, asked = True, stop.signal
            if preempted(done):
                asked = signal.SIGTERM
            if done == 1 or last or done % options.log_every == 0:
                bad_steps.check()
                values = finite(metrics) | meter.read()
                if bad_steps.skipped:
                    values["skipped"] = float(bad_steps.skipped)
                record.write(done, values)
                note = summary(values, bad_steps.skipped)
            advance(done, options.steps, note)
            judging = not asked and _is_due(done, options.evaluate_every, last=last)
            saving = asked or _is_due(done, options.save_every, last=last)
            save = partial(
                checkpoints.save,
                *(state, config, tokenizer, vocab_size, data),
                measured=measured if evaluate else None,
            )
            if saving or judging:
                bad_steps.check()
                note_compiled(run_dir)
            # The best one keeps its marks; else what is safe is safe before it is judged.
            if saving and not (judging and options.best):
                save()
            if evaluate and judging:
                with _saved_all_the_same(save if options.best else None):
                    marks = measured[str(done)] = evaluate(exported(state))
                record.write(done, marks)
                if first_host():
                    print(judgement(done, marks), file=sys.stderr, flush=True)
                meter.restart()
                if options.best:
                    save(marks)
            if asked:
                raise Stopped(asked, done, options.steps)
    if stop.signal:  # it came while the last step was judged
        raise Stopped(stop.signal, options.steps, options.steps)
    return state


def _is_due(done: int, every: int, *, last: bool) -> bool:
    """Whether something is done after a step that is done every so many, and after the last."""
    return last or (every > 0 and done % every == 0)


@contextlib.contextmanager
def _saved_all_the_same(save: Callable[[], None] | None) -> Iterator[None]:
    """Saves a step whose evaluation fails, without marks."""
    try:
        yield
    except Exception:
        if save is not None:
            save()
        raise


def require_can_begin(config: Config, evaluate: Evaluate | None, profile: str) -> None:
    """Checks what a training asks for beside data and devices, before anything is touched.

    Raises:
      ConfigError: when `training.best` is given and nothing is evaluated, or nothing before the
        last step, `training.wandb` but Weights & Biases is not installed, or `profile` is no window
        of steps of the run.
    """
    options = config.training
    if options.best and options.evaluate_every == 0:
        raise ConfigError(
            f'training.best is "{options.best}", but training.evaluate_every is 0: the last step '
            "alone would be judged, and there is nothing to choose from. Set "
            '--training.evaluate-every, or leave --training.best ""'
        )
    if options.best and evaluate is None:
        raise ConfigError(
            f'training.best is "{options.best}", but nothing is evaluated: name the column of true '
            'products (--data.columns.group), or leave --training.best ""'
        )
    require_board(config)
    window = ProfileWindow(profile, Path(config.run_dir))
    if window.last > options.steps:
        raise ConfigError(
            f"--profile {profile} goes beyond the last step, {options.steps}; name earlier ones"
        )


def finite(metrics: Mapping[str, jax.Array]) -> dict[str, float]:
    """The metrics that are numbers: a step that was left out may have others."""
    values = {name: float(value) for name, value in metrics.items() if name != "bad"}
    return {name: value for name, value in values.items() if abs(value) < float("inf")}
