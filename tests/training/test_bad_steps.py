"""Tests of stylejax/training/bad_steps.py; the loop's tests show what becomes of a run."""

from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
import tiny

from stylejax.config import ConfigError, TrainingConfig
from stylejax.training.bad_steps import FILE, BadSteps, is_bad, next_usual, read_bad_batches
from stylejax.training.mesh import make_mesh, place

OPTIONS = TrainingConfig(spike=3.0, warmup_steps=2, steps=9)


@pytest.mark.parametrize(
    ("loss", "norm", "usual", "step", "expected"),
    [
        (1.0, 1.0, 1.0, 5, False),
        (np.nan, 1.0, 1.0, 5, True),
        (1.0, np.inf, 1.0, 5, True),
        (np.nan, 1.0, None, 0, True),
        (3.1, 1.0, 1.0, 5, True),
        (2.9, 1.0, 1.0, 5, False),
        (3.1, 1.0, 1.0, 1, False),  # the rate has not warmed up
        (3.1, 1.0, 0.0, 5, False),  # what is usual is not known yet
        (99.0, 1.0, None, 5, False),  # nobody looks for spikes
    ],
)
def test_what_a_bad_step_is(loss, norm, usual, step, expected: bool) -> None:
    usual = None if usual is None else jnp.float32(usual)
    found = is_bad(OPTIONS, jnp.float32(loss), jnp.float32(norm), usual, jnp.int32(step))
    assert bool(found) == expected


def test_the_usual_is_a_running_mean_from_the_first_loss_on() -> None:
    first = next_usual(jnp.float32(0), jnp.float32(5))
    assert float(first) == 5
    assert float(next_usual(first, jnp.float32(10))) == pytest.approx(0.98 * 5 + 0.02 * 10)
    assert next_usual(None, jnp.float32(5)) is None


def note(bad: BadSteps, step: int, loss: float) -> None:
    batch = place(make_mesh(4), tiny.pair_batch(8))
    metrics = {"bad": jnp.float32(loss > 3), "loss": jnp.float32(loss)}
    bad.note(step, metrics, batch)


def test_batches_are_named_in_order_and_undone_ones_go(tmp_path: Path) -> None:
    options = TrainingConfig(bad_steps="skip", spike=3.0)
    bad = BadSteps(tmp_path, options, None, start=0)
    for step, loss in ((1, 1.0), (2, 9.0), (3, 1.0), (4, 8.0)):
        note(bad, step, loss)
    bad.check()
    assert bad.skipped == 2
    lines = read_bad_batches(tmp_path)
    assert [(line["step"], line["loss"]) for line in lines] == [(2, 9.0), (4, 8.0)]
    assert lines[0]["pairs"] == [[n, n + 8] for n in range(8)]
    with (tmp_path / FILE).open("a") as file:
        file.write('{"step": 5, "lo')  # killed while it wrote
    assert BadSteps(tmp_path, options, None, start=3).skipped == 1
    assert [line["step"] for line in read_bad_batches(tmp_path)] == [2]
    BadSteps(tmp_path, options, None, start=0)
    assert not (tmp_path / FILE).exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"spike": 0.9}, r"training.spike is 0.9; use more than 1"),
        ({"keep_every": 150}, r"keep_every 150 is no multiple of training.save_every 100"),
        ({"data_timeout": -1.0}, r"training.data_timeout is -1.0; use 0 or more"),
    ],
)
def test_settings_that_cannot_be_are_refused(change: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TrainingConfig(**change)
