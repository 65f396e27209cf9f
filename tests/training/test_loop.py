"""Tests of stylejax/training/loop.py."""

import gzip
import itertools
import json
import shutil
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np
import pytest
import tiny

from stylejax.batch import PairBatch, Products
from stylejax.config import Config, ConfigError, from_json
from stylejax.encoder import encoder_factory
from stylejax.training.bad_steps import read_bad_batches
from stylejax.training.checkpoint import Checkpoints
from stylejax.training.loop import train
from stylejax.training.mesh import make_mesh
from stylejax.training.meter import TIMED
from stylejax.training.record import read_record
from stylejax.training.run_folder import chosen_step, steps, waits_for_marks
from stylejax.training.snapshot import Snapshot
from stylejax.training.step import TrainState, make_train_step
from stylejax.training.stop import DataTimeout, Stopped, StopRequest

VOCAB = 32
MESH = make_mesh(1)
MATCHING = {"matching": ("m-m",), "distinctiveness": (), "consistency": ()}  # quick to compile


def config(run_dir: Path, loss=MATCHING, **training) -> Config:
    return tiny.config("", run_dir, training=training, loss=loss)


def batches(start: int) -> Iterator[PairBatch]:
    """Endless; batch n depends on n alone."""
    for number in itertools.count(start):
        yield tiny.pair_batch(8, seed=number)


class Stop(Exception):
    """The machine is taken away."""


def interrupted(after: int):
    """Batches that end with an error after so many steps."""

    def until(start: int) -> Iterator[PairBatch]:
        for number in range(start, after):
            yield tiny.pair_batch(8, seed=number)
        raise Stop

    return until


def run(options: Config, source=batches, **more) -> TrainState:
    return train(options, source, "{}", VOCAB, MESH, **more)


def timeless(folder: Path) -> list[dict[str, float]]:
    """The record without what depends on the machine's speed."""
    lines = read_record(folder)
    return [{name: x for name, x in line.items() if name not in TIMED} for line in lines]


def equal(a: TrainState, b: TrainState) -> bool:
    return all(jax.tree.leaves(jax.tree.map(np.array_equal, a, b)))


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TrainState]:
    """Six steps in one go. Read only."""
    folder = tmp_path_factory.mktemp("straight")
    return folder, run(config(folder, ema=0.9))


def test_a_run_leaves_config_tokenizer_record_and_checkpoints(
    straight: tuple[Path, TrainState],
) -> None:
    folder, state = straight
    assert int(state.step) == 6
    assert from_json((folder / "config.json").read_text()) == config(folder, ema=0.9)
    assert (folder / "tokenizer.json").read_text() == "{}"
    lines = read_record(folder)
    assert [line["step"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert all({"loss", "ppm/m-m", "gradient_norm"} <= set(line) for line in lines)
    assert "pairs_per_second" not in lines[0]  # it was compiled for
    assert all(0 <= line["data_wait"] <= 1 for line in lines[1:])
    assert all(line["pairs_per_second"] > 0 for line in lines[1:])
    assert not any("mfu" in line for line in lines)  # nobody knows what this device can do
    checkpoints = Checkpoints(folder, 2)
    assert checkpoints.latest() == 6
    assert {p.name for p in (folder / "checkpoints").iterdir() if p.name.isdigit()} == {"3", "6"}


@pytest.mark.parametrize("after", [3, 5])
def test_an_interrupted_run_goes_on_as_if_nothing_had_happened(
    straight: tuple[Path, TrainState], tmp_path: Path, after: int
) -> None:
    options = config(tmp_path, ema=0.9)
    with pytest.raises(Stop):
        run(options, interrupted(after))
    assert [line["step"] for line in read_record(tmp_path)] == list(range(1, after + 1))
    state = run(options, resume=True)  # from step 3 in both cases
    assert equal(state, straight[1])
    assert timeless(tmp_path) == timeless(straight[0])
    assert (tmp_path / "tokenizer.json").read_text() == (straight[0] / "tokenizer.json").read_text()


@pytest.mark.parametrize("at", [4, 6], ids=["on the way", "in the last step"])
def test_a_run_that_is_asked_to_stop_saves_its_step_and_goes_on_from_it(
    straight: tuple[Path, TrainState], tmp_path: Path, at: int
) -> None:
    options, request = config(tmp_path, ema=0.9, evaluate_every=0), StopRequest()

    def asking(start: int) -> Iterator[PairBatch]:
        for number, batch in enumerate(batches(start), start + 1):
            if number == at:
                assert request.can_save
                request.signal = signal.SIGTERM
            yield batch

    told = "stopped at step [34]; go on with --resume" if at < 6 else "stopped (at|after).* [56]"
    with pytest.raises(Stopped, match=told) as stopped:
        run(options, asking, stop=request, evaluate=lambda _: pytest.fail("time to go"))
    assert stopped.value.code == 0
    assert str(Checkpoints(tmp_path).latest()) in str(stopped.value)
    assert equal(run(options, resume=True), straight[1])
    assert timeless(tmp_path) == timeless(straight[0])


def test_a_request_while_the_last_step_is_judged_is_heard(tmp_path: Path) -> None:
    request = StopRequest()

    def judged(_) -> dict[str, float]:
        request.signal = signal.SIGINT
        return {"x": 1.0}

    with pytest.raises(Stopped, match="stopped after the last step, 6") as stopped:
        run(config(tmp_path), stop=request, evaluate=judged)
    assert stopped.value.code == 130
    assert read_record(tmp_path)[-1]["x"] == 1.0


def test_what_was_being_saved_when_a_run_broke_off_is_kept(tmp_path: Path) -> None:
    """Saving goes on beside training: an error in the next step must wait for it."""
    with pytest.raises(Stop):
        run(config(tmp_path, ema=0.9), interrupted(3))
    # Looked at on disk at once: the process may end here.
    assert (tmp_path / "checkpoints" / "3").is_dir()


def test_resuming_from_an_older_checkpoint_repeats_the_later_steps(
    straight: tuple[Path, TrainState], tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(straight[0], folder)
    shutil.rmtree(folder / "checkpoints" / "6")
    state = run(config(folder, ema=0.9), resume=True)
    assert equal(state, straight[1])
    assert timeless(folder) == timeless(straight[0])


def test_a_finished_run_has_nothing_left_to_do(
    straight: tuple[Path, TrainState], tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(straight[0], folder)
    state = run(config(folder, ema=0.9), resume=True)
    assert equal(state, straight[1])
    assert (folder / "metrics.jsonl").read_text() == (straight[0] / "metrics.jsonl").read_text()


def test_an_existing_run_is_not_overwritten(straight: tuple[Path, TrainState]) -> None:
    before = (straight[0] / "metrics.jsonl").read_text()
    with pytest.raises(ConfigError, match=r"already holds step 6; go on with --resume.*--restart"):
        run(config(straight[0], ema=0.9))
    assert (straight[0] / "metrics.jsonl").read_text() == before


def test_there_must_be_something_to_resume(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no checkpoint in"):
        run(config(tmp_path), resume=True)


def test_metrics_and_evaluations_come_when_they_are_due(tmp_path: Path) -> None:
    calls = []

    def evaluate(parameters) -> dict[str, float]:
        assert "fusion/head/kernel" in parameters
        calls.append(len(read_record(tmp_path)))
        return {"retrieval/m-m/recall@1": 0.5}

    run(config(tmp_path, log_every=4, evaluate_every=2, save_every=6), evaluate=evaluate)
    kinds = [(line["step"], "loss" in line) for line in read_record(tmp_path)]
    assert kinds == [(1, True), (2, False), (4, True), (4, False), (6, True), (6, False)]
    assert len(calls) == 3


def test_without_a_period_it_is_evaluated_once_at_the_end(tmp_path: Path) -> None:
    calls = []
    run(config(tmp_path, evaluate_every=0), evaluate=lambda _: calls.append(1) or {"x": 1.0})
    assert len(calls) == 1
    assert [line["step"] for line in read_record(tmp_path) if "x" in line] == [6]


# NaN cannot come in with bytes and ids: it comes out of a huge learning rate.
HUGE = {"learning_rate": 1e38, "clip_norm": 1e38, "warmup_steps": 0}


def test_a_loss_that_is_no_number_stops_the_run(tmp_path: Path) -> None:
    with pytest.raises(FloatingPointError, match=r"loss is nan at step \d.*learning_rate"):
        run(config(tmp_path, **HUGE))


def test_weights_that_are_no_numbers_are_never_saved(tmp_path: Path) -> None:
    """The loss is looked at when it is logged; a checkpoint may be due before that."""
    options = config(tmp_path, log_every=6, save_every=1, keep=1, **HUGE)
    with pytest.raises(FloatingPointError):
        run(options)
    if Checkpoints(tmp_path).latest() is not None:
        fresh = make_train_step(options, VOCAB, MESH)[0]()
        weights = Checkpoints(tmp_path).restore(fresh, options).parameters
        assert all(np.isfinite(x).all() for x in weights.values())


def unlucky(at: int):
    """Pairs of a listing with itself, but in one batch each with its neighbour."""

    def source(start: int) -> Iterator[PairBatch]:
        for number, batch in enumerate(batches(start), start + 1):
            turns = int(number == at)
            turned = Products(*(np.roll(x, turns, axis=0) for x in batch.left))
            yield batch._replace(right=turned)

    return source


SPIKY = {"spike": 5.0, "warmup_steps": 1, "log_every": 2}
SOFTMAX = MATCHING | {"form": "softmax", "scale": 30.0}


def test_a_spike_stops_the_run_and_names_its_listings(tmp_path: Path) -> None:
    options = config(tmp_path, loss=SOFTMAX, **SPIKY)
    ids = [f"item-{n}" for n in range(1000)]
    with pytest.raises(FloatingPointError, match=r"at step 5, whose listings are in .*--training"):
        run(options, unlucky(5), item_ids=ids)
    (line,) = read_bad_batches(tmp_path)
    batch = tiny.pair_batch(8, seed=4)
    assert line["step"] == 5
    assert line["pairs"] == [
        [f"item-{a}", f"item-{b}"] for a, b in zip(batch.left_item, batch.right_item, strict=True)
    ]
    # The checkpoint before it is whole, and the run goes on without that batch.
    state = run(config(tmp_path, loss=SOFTMAX, **SPIKY, bad_steps="skip"), unlucky(5), resume=True)
    assert int(state.step) == 6
    assert [line["step"] for line in read_bad_batches(tmp_path)] == [5]
    assert [line.get("skipped") for line in read_record(tmp_path)][-1] == 1.0


def test_a_step_that_is_left_out_changes_nothing_but_the_place_in_the_data(tmp_path: Path) -> None:
    options = config(tmp_path, loss=SOFTMAX, **SPIKY, bad_steps="skip", ema=0.9)
    create, step = make_train_step(options, VOCAB, MESH)
    state = create()
    for number, batch in zip(range(1, 6), unlucky(5)(0), strict=False):
        before = jax.device_get(state)
        state, metrics = step(state, batch)
        assert float(metrics["bad"]) == (number == 5)
    after = jax.device_get(state)
    assert int(after.step) == 5
    assert equal(after._replace(step=before.step), before)


def test_what_always_goes_wrong_is_not_skipped_for_ever(tmp_path: Path) -> None:
    options = config(tmp_path, bad_steps="skip", steps=40, **HUGE)
    with pytest.raises(FloatingPointError, match="20 steps one after the other were left out"):
        run(options)
    assert all(np.isfinite(list(line.values())).all() for line in read_record(tmp_path))
    assert read_bad_batches(tmp_path)[-1]["loss"] == "nan"


def test_a_source_that_hangs_ends_the_run(tmp_path: Path) -> None:
    free = threading.Event()

    def hanging(start: int) -> Iterator[PairBatch]:
        for number, batch in enumerate(batches(start), start + 1):
            if number == 5:
                free.wait(60)
            yield batch

    with pytest.raises(DataTimeout, match=r"no batch came for 2 s .*--resume"):
        run(config(tmp_path, data_timeout=2.0), hanging)
    free.set()
    assert Checkpoints(tmp_path).latest() == 3


def test_the_best_checkpoint_is_kept_and_stands_for_the_run(tmp_path: Path) -> None:
    marks = iter([0.1, 0.7, 0.7, 0.3, 0.2, 0.6])
    name = "retrieval/m-m/recall@1"
    options = config(tmp_path, evaluate_every=1, save_every=6, keep=1, best=name, ema=0.9)
    states = []

    def judged(weights) -> dict[str, float]:
        states.append(jax.device_get(weights))
        return {name: next(marks), "retrieval/i-i/recall@1": 0.5}

    run(options, evaluate=judged)
    assert steps(tmp_path) == [3, 6]  # of equal ones the later, and the newest
    chosen = Snapshot(tmp_path)
    assert chosen.step == chosen_step(tmp_path) == 3
    init, _ = encoder_factory(options, VOCAB)
    weights = chosen.encoder(jax.eval_shape(init, jax.random.key(0)), MESH)
    assert all(np.array_equal(x, states[2][key]) for key, x in weights.items())
    # A run that goes on does so from the newest.
    longer = config(tmp_path, evaluate_every=1, save_every=6, keep=1, best=name, ema=0.9, steps=7)
    assert int(run(longer, resume=True, overriding=True, evaluate=lambda _: {name: 0.9}).step) == 7
    assert chosen_step(tmp_path) == 7


def test_a_best_that_nobody_measures_is_refused(tmp_path: Path) -> None:
    options = config(tmp_path, best="retrieval/m-m/recall@1", evaluate_every=1)
    with pytest.raises(ConfigError, match="but nothing is evaluated"):
        run(options)


def test_a_step_whose_evaluation_fails_is_saved_all_the_same(tmp_path: Path) -> None:
    def broken(_) -> dict[str, float]:
        raise OSError("the truth is gone")

    for best in ("", "retrieval/m-m/recall@1"):
        folder = tmp_path / (best[:3] or "plain")
        with pytest.raises(OSError, match="the truth is gone"):
            run(config(folder, best=best, evaluate_every=3, save_every=3), evaluate=broken)
        assert steps(folder) == [3]


def test_an_evaluation_that_a_stop_left_out_is_made_up_for(tmp_path: Path) -> None:
    request, name = StopRequest(), "retrieval/m-m/recall@1"
    options = config(tmp_path, evaluate_every=2)

    def asking(start: int) -> Iterator[PairBatch]:
        for number, batch in enumerate(batches(start), start + 1):
            if number == 5:  # made while step 4 is not yet done
                request.signal = signal.SIGTERM
            yield batch

    with pytest.raises(Stopped):
        run(options, asking, stop=request, evaluate=lambda _: {name: 0.5})
    stopped = steps(tmp_path)[-1]
    run(options, resume=True, evaluate=lambda _: {name: 0.5})
    judged = [line["step"] for line in read_record(tmp_path) if name in line]
    assert stopped in (3, 4, 5)
    assert judged == [2, 4, 6]


@pytest.mark.parametrize("best", ["", "retrieval/m-m/recall@1"])
def test_the_last_evaluation_is_made_up_for_too(tmp_path: Path, best: str) -> None:
    """The process died after the last step was saved and before it was judged."""
    name = "retrieval/m-m/recall@1"
    options = config(tmp_path, evaluate_every=3, save_every=3, best=best)

    def dies(weights) -> dict[str, float]:
        calls.append(0)
        if len(calls) == 2:
            raise OSError("died")
        return {name: 0.5}

    calls: list[int] = []
    with pytest.raises(OSError, match="died"):
        run(options, evaluate=dies)
    assert steps(tmp_path)[-1] == 6
    assert waits_for_marks(tmp_path, 6)
    run(options, resume=True, evaluate=lambda _: {name: 0.9})
    marks = {line["step"]: line[name] for line in read_record(tmp_path) if name in line}
    assert marks == {3: 0.5, 6: 0.9}
    assert not waits_for_marks(tmp_path, 6)
    assert chosen_step(tmp_path) == 6


def test_a_checkpoint_knows_what_was_measured_so_far(tmp_path: Path) -> None:
    name = "retrieval/m-m/recall@1"
    marks = iter([0.2, 0.8, 0.4])
    run(config(tmp_path, evaluate_every=2, save_every=3), evaluate=lambda _: {name: next(marks)})
    kept = {
        step: json.loads((tmp_path / f"checkpoints/{step}/_CHECKPOINT_METADATA").read_text())[
            "custom_metadata"
        ]["measured"]
        for step in (3, 6)
    }
    assert kept == {3: {"2": {name: 0.2}}, 6: {"2": {name: 0.2}, "4": {name: 0.8}}}
    run(config(tmp_path / "unjudged", save_every=3))
    assert not waits_for_marks(tmp_path / "unjudged", 6)


def test_nothing_is_compiled_or_moved_unnoticed_after_the_first_step(tmp_path: Path) -> None:
    """Batches go to the devices where the feed puts them; no other number does by itself."""
    compiled, at_step = [], []
    judge = jax.jit(lambda weights: sum(x.sum() for x in weights.values()))

    def listener(name: str, seconds: float, **_: object) -> None:
        if "compile" in name and "backend" in name:
            compiled.append(name)

    def counting(start: int) -> Iterator[PairBatch]:
        for batch in batches(start):
            at_step.append(len(compiled))
            if len(at_step) == 4:
                jax.config.update("jax_transfer_guard_host_to_device", "disallow")
            yield batch

    jax.monitoring.register_event_duration_secs_listener(listener)
    try:
        options = config(tmp_path, steps=12, save_every=1, evaluate_every=1)
        run(options, counting, evaluate=lambda weights: {"mark": float(judge(weights))})
        with pytest.raises(Exception, match="Disallowed host-to-device"):
            jax.jit(lambda x: x + 1)(np.ones(3))  # the guard is on
    finally:
        jax.config.update("jax_transfer_guard_host_to_device", "allow")
    assert compiled
    # The feed is a batch ahead: the fourth is asked for once a step, a save and an evaluation are
    # compiled.
    assert at_step[3] == at_step[-1]


def test_a_batch_that_grows_is_compiled_for_and_trained_on(tmp_path: Path) -> None:
    def growing(start: int) -> Iterator[PairBatch]:
        for number in itertools.count(start):
            yield tiny.pair_batch(8 if number < 3 else 16, seed=number)

    options = config(tmp_path, later_batch_sizes=(16,), later_batch_starts=(0.5,))
    assert int(run(options, growing).step) == 6
    speeds = [line.get("pairs_per_second") for line in read_record(tmp_path)]
    assert [speed is None for speed in speeds] == [True, False, False, True, False, False]


def test_a_window_of_steps_is_profiled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(config(tmp_path), profile="2:3")
    (trace,) = tmp_path.glob("tensorboard/plugins/profile/*/perfetto_trace.json.gz")
    assert f"steps 2 to 3: {trace}" in capsys.readouterr().out
    with gzip.open(trace, "rt") as file:
        names = [event.get("name", "") for event in json.load(file)["traceEvents"]]
    assert sum(name == "training step" for name in names) == 2
    for wrong in ("2", "3:2", "0:1", "a:b"):
        with pytest.raises(ConfigError, match=f"--profile {wrong} is no window"):
            run(config(tmp_path / "wrong"), profile=wrong)
    with pytest.raises(ConfigError, match="--profile 2:6 begins before step 7, where this run"):
        run(config(tmp_path, steps=7), resume=True, overriding=True, profile="2:6")
    with pytest.raises(ConfigError, match="--profile 5:7 goes beyond the last step, 6"):
        run(config(tmp_path / "wrong"), profile="5:7")


def test_the_record_is_json_lines(straight: tuple[Path, TrainState]) -> None:
    for line in (straight[0] / "metrics.jsonl").read_text().splitlines():
        assert all(isinstance(value, int | float) for value in json.loads(line).values())
