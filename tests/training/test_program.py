"""Tests of stylejax/training/program.py."""

from typing import Any

import jax
import pytest
import tiny
from jax.sharding import Mesh

from stylejax.batch import flat_pixels
from stylejax.config import Config
from stylejax.training import program
from stylejax.training.mesh import make_mesh, place
from stylejax.training.program import Program, model_flops, peak_flops
from stylejax.training.step import make_train_step

VOCAB = 32
MATCHING = {"matching": ("m-m",), "distinctiveness": (), "consistency": ()}  # quick to compile


def config(**sections: Any) -> Config:
    return tiny.config("", "", loss=MATCHING, **sections)


def test_it_compiles_for_another_shape_and_else_never() -> None:
    mesh = make_mesh(2)
    create, step = make_train_step(config(), VOCAB, mesh)
    run, state = Program(step), create()
    small, large = (place(mesh, flat_pixels(tiny.pair_batch(rows))) for rows in (8, 16))
    seen = []
    for batch in (small, small, large, small):
        state, metrics = run(state, batch)
        seen.append(run.fresh)
    assert seen == [True, False, True, False]
    assert int(state.step) == 4
    assert float(metrics["loss"]) > 0


def test_memory_is_that_of_the_arrays() -> None:
    mesh = make_mesh(2)
    create, step = make_train_step(config(), VOCAB, mesh)
    run, state = Program(step), create()
    batch = place(mesh, flat_pixels(tiny.pair_batch(8)))
    held, waits = (
        sum(x.addressable_shards[0].data.nbytes for x in jax.tree.leaves(tree))
        for tree in (state, batch)
    )
    run(state, batch)
    assert run.needs is not None
    assert held <= run.needs.state < 1.5 * held
    assert run.needs.waiting == waits
    assert run.needs.temporary > 0
    assert str(run.needs).startswith("memory ")


def test_what_is_computed_again_is_no_work_of_the_model() -> None:
    mesh = make_mesh(1)
    batch = program.batch_shapes(config())
    parts = config(training={"micro_batches": 2}, encoder={"remat": "layers"})
    assert model_flops(parts, VOCAB, mesh, batch) == model_flops(config(), VOCAB, mesh, batch)


def test_the_devices_peak_is_that_of_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    mesh: Mesh = make_mesh(4)
    assert peak_flops(mesh) is None
    chip = program.chip_of("TPU v5 lite")
    monkeypatch.setattr(program, "chip_of", lambda kind: chip)
    assert peak_flops(mesh) == 4 * 197e12
