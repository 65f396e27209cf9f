"""Tests of what makes a plan in stylejax/planning, on the test machine's virtual devices."""

import dataclasses
from functools import cache
from typing import Any

import jax
import pytest
import tiny

from stylejax.batch import flat_pixels
from stylejax.config import Config, ConfigError
from stylejax.cost.chips import CHIPS, Chip, chip_of
from stylejax.cost.work import Work, products_of, total_flops
from stylejax.planning import (
    compiled,
    devices,
    largest,
    largest_batch,
    make_plan,
    plan,
    plan_devices,
)
from stylejax.planning.collectives import Collective
from stylejax.training.mesh import make_mesh, place
from stylejax.training.program import batch_shapes
from stylejax.training.step import make_train_step

VOCAB = 32
QUICK = {"matching": ("m-m",), "distinctiveness": (), "consistency": ()}  # to compile


def config(**sections: Any) -> Config:
    return tiny.config("", "", **sections)


@pytest.fixture(scope="module")
def planned() -> plan.Plan:
    return make_plan(config(mesh={"data": 2, "fsdp": 4}), VOCAB, jax.devices())


def test_bytes_are_those_of_the_arrays(planned: plan.Plan) -> None:
    options = config(mesh={"data": 2, "fsdp": 4})
    mesh = make_mesh(2, 4)
    state = make_train_step(options, VOCAB, mesh)[0]()
    batch = place(mesh, flat_pixels(tiny.pair_batch(options.training.batch_size)))

    def here(tree: Any) -> int:
        return sum(x.addressable_shards[0].data.nbytes for x in jax.tree.leaves(tree))

    memory = planned.memory
    assert memory.parameters == here(state.parameters)
    assert memory.optimizer == here(state.optimizer)
    assert memory.average == here(state.average)
    assert memory.remembered == 0
    assert memory.batch == memory.waiting == here(batch)
    assert planned.parameters == sum(x.size for x in state.parameters.values())
    known = memory.parameters + memory.optimizer + memory.batch + memory.waiting
    assert memory.needed > known + memory.temporary
    assert 0 < memory.loss <= memory.temporary


def test_devices_that_divide_the_weights_send_them(planned: plan.Plan) -> None:
    assert planned.devices == 8
    assert planned.collectives["all-gather"].count > 0
    assert planned.collectives["collective-permute"].count > 0  # the ring of the loss


def test_a_device_of_unknown_speed_has_no_estimate(planned: plan.Plan) -> None:
    assert planned.chip is None
    assert planned.memory.limit is None
    assert planned.memory.fits
    assert planned.step_seconds() is planned.least_seconds() is planned.utilisation(1.0) is None
    with pytest.raises(ConfigError, match="cpu devices do not tell their memory"):
        largest_batch(config(), VOCAB, jax.devices(), planned)


def test_what_is_computed_again_is_told_apart() -> None:
    """Parts encode a batch once more, and layers that keep nothing once more than that."""

    def planned(parts: int, remat: str) -> plan.Plan:
        options = config(
            loss=QUICK,
            training={"micro_batches": parts},
            encoder={"remat": remat},
            mesh={"data": 1},
        )
        return make_plan(options, VOCAB, jax.devices())

    plans = [planned(1, "none"), planned(2, "none"), planned(2, "layers")]
    once, twice, thrice = (total_flops(list(p.products)) for p in plans)
    assert [p.model_flops for p in plans] == [once] * 3
    loss = total_flops(list(plans[0].products), "contrastive_loss")
    forward = (once - loss) / 3
    assert 0.8 * forward < twice - once < 1.3 * forward
    assert 0.2 * forward < thrice - twice < 1.3 * forward
    assert plans[0].loss_share() == pytest.approx(loss / once)
    assert 0 < plans[0].loss_share() < 1


def by_hand(**changes: Any) -> plan.Plan:
    chip = Chip("toy", memory=100.0, flops=10.0, bandwidth=2.0, links=5.0)
    work = (
        Work(flops=400.0, bytes=8.0, passes=1, scope="/encoder"),  # 400 / (2 * 10) s
        Work(flops=20.0, bytes=80.0, passes=1, scope="/encoder"),  # 80 / (2 * 2) s
        Work(flops=10.0, bytes=4.0, passes=6, scope="/contrastive_loss"),  # 6 * 10 / (2 * 10) s
    )
    memory = plan.Memory(1, 0, 2, 0, 1, 1, 5, 1, needed=99, limit=100)
    made = plan.Plan(
        kind="toy",
        mesh={"data": 2, "fsdp": 1, "tensor": 1},
        pairs=8,
        parts=1,
        parameters=1,
        memory=memory,
        products=work,
        model_flops=300.0,
        collectives={"all-reduce": Collective(1, 50.0), "all-gather": Collective(2, 25.0)},
        chip=chip,
        compile_seconds=0.0,
    )
    return dataclasses.replace(made, **changes)


def test_the_estimate_is_the_longer_one_of_computing_and_sending() -> None:
    made = by_hand()
    assert made.compute_seconds() == 20 + 20 + 3
    assert made.message_seconds() == (2 * 50 + 25) / 5
    assert made.step_seconds() == 43
    assert made.least_seconds() == (400 + 20 + 60) / 20
    assert made.utilisation(43) == pytest.approx(300 / (43 * 2 * 10))
    assert made.loss_share() == pytest.approx(10 / 430)
    slow = by_hand(collectives={"all-reduce": Collective(1, 500.0)})
    assert slow.step_seconds() == 200
    assert by_hand(collectives=None).step_seconds() is None


@pytest.mark.parametrize(
    "said",
    [
        "RESOURCE_EXHAUSTED: XLA:TPU compile permanent error. Ran out of memory in memory "
        "space hbm. Used 50.50G of 15.75G hbm. Exceeded hbm capacity by 34.75G.",
        "RESOURCE_EXHAUSTED: Ran out of memory on HBM, the total memory required for HLO "
        "temporaries (50.50G) exceeds available HBM (15.75G).",
    ],
)
def test_a_program_that_is_too_large_tells_what_it_needs(said: str) -> None:
    class TooLarge:
        def compile(self):
            raise jax.errors.JaxRuntimeError(said)

    class Broken:
        def compile(self):
            raise jax.errors.JaxRuntimeError("INTERNAL: something else")

    found = compiled._compiled(TooLarge(), None, jax.devices()[0])
    assert found == (None, 50.5 * 2**30, 15.75 * 2**30)
    with pytest.raises(jax.errors.JaxRuntimeError, match="something else"):
        compiled._compiled(Broken(), None, jax.devices()[0])


def test_the_largest_batch_fits_and_a_larger_one_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of 8 pairs on 2 devices, which have room for a little more than 5 of them."""
    options = config(loss=QUICK, training={"batch_size": 16, "micro_batches": 2}, mesh={"data": 2})

    @cache
    def made(parts: int) -> plan.Plan:
        training = dataclasses.replace(options.training, batch_size=8 * parts, micro_batches=parts)
        return make_plan(dataclasses.replace(options, training=training), VOCAB, jax.devices())

    sizes = {parts: made(parts).memory.needed for parts in (2, 5, 6)}
    assert sizes[2] < sizes[5] < sizes[6]
    limit = (sizes[5] + sizes[6]) / 2

    def limited(config: Config, vocab_size: int, devices: Any) -> plan.Plan:
        found = made(config.training.micro_batches)
        assert found.pairs == config.training.batch_size
        return dataclasses.replace(found, memory=dataclasses.replace(found.memory, limit=limit))

    monkeypatch.setattr(largest, "make_plan", limited)
    tried = largest_batch(options, VOCAB, jax.devices(), limited(options, VOCAB, None))
    best = max((p for p in tried if p.memory.fits), key=lambda p: p.pairs)
    assert best.pairs == 8 * 5
    assert best.parts == 5


@pytest.mark.parametrize("first", [64, 4_096, 200_000])
@pytest.mark.parametrize("bend", [0.02, 1.0, 3.0])
def test_the_largest_batch_is_found_though_memory_bends(
    monkeypatch: pytest.MonkeyPatch, first: int, bend: float
) -> None:
    """Small batches tell little of large ones, whose pairs take `bend` times as much or less."""

    def needed(pairs: int) -> float:
        return 1e6 + 100 * min(pairs, 10_000) + 100 * bend * max(0, pairs - 10_000)

    def made(config: Config, vocab_size: int, devices: Any) -> plan.Plan:
        pairs = config.training.batch_size
        memory = plan.Memory(1, 0, 2, 0, 1, 1, 5, 1, needed=needed(pairs), limit=needed(80_000))
        return by_hand(pairs=pairs, memory=memory)

    options = config(training={"batch_size": first})
    monkeypatch.setattr(largest, "make_plan", made)
    tried = largest_batch(options, VOCAB, jax.devices(), made(options, VOCAB, None))
    best = max(p.pairs for p in tried if p.memory.fits)
    assert best <= 80_000
    assert needed(best) > 0.96 * needed(80_000)  # a little is left free on purpose
    assert len(tried) <= largest.TRIES


def test_a_chip_that_is_known_has_a_limit_and_a_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    toy = Chip("toy", memory=1e6, flops=1e12, bandwidth=1e12, links=1e12)
    monkeypatch.setattr(compiled, "chip_of", lambda kind: toy)
    made = make_plan(config(loss=QUICK, mesh={"data": 2}), VOCAB, jax.devices())
    assert made.memory.limit == 1e6
    assert made.step_seconds() > 0


def test_a_batch_that_does_not_divide_is_refused() -> None:
    with pytest.raises(ConfigError, match="12 cannot be divided over 8 devices"):
        make_plan(config(training={"batch_size": 12}), VOCAB, jax.devices())


def test_products_of_a_whole_step_are_counted() -> None:
    create, step = make_train_step(config(), VOCAB, make_mesh(1))
    traced: Any = step
    program = traced.trace(jax.eval_shape(create), batch_shapes(config())).jaxpr
    assert total_flops(products_of(program)) > 0


def test_chips_are_known_by_their_kind() -> None:
    assert chip_of("TPU v5 lite").name == "TPU v5e"
    assert chip_of("cpu") is None
    assert all(chip.memory > 10**10 and chip.flops > 10**14 for chip in CHIPS.values())


def test_without_a_topology_the_devices_are_those_that_are_here() -> None:
    assert plan_devices("") == jax.devices()


def test_without_the_tpu_compiler_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(devices.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"v5e:16x16 needs the TPU compiler.*stylejax\[tpu\]"):
        plan_devices("v5e:16x16")


def test_a_slice_that_no_one_knows_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from jax.experimental import topologies

    def unknown(**named: str) -> None:
        raise RuntimeError(f"no topology {named['topology_name']}\nmore")

    monkeypatch.setattr(devices.importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(topologies, "get_topology_desc", unknown)
    with pytest.raises(ConfigError, match=r"'v9z:1x1' is no TPU slice .*\(no topology v9z:1x1\)"):
        plan_devices("v9z:1x1")
