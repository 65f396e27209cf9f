"""Tests of stylejax/training/sharding.py: weights divided over devices, and training with them."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import jax
import numpy as np
import pytest
import tiny
from jax.sharding import PartitionSpec

from stylejax.config import Config, ConfigError, MeshConfig, ShardingRule, WeightRule
from stylejax.training.checkpoint import Checkpoints
from stylejax.training.mesh import make_mesh, place
from stylejax.training.sharding import weight_spec
from stylejax.training.step import TrainState, make_train_step

VOCAB, STEPS = 32, 20
MESHES = {"data": (8, 1, 1), "fsdp": (1, 8, 1), "both": (2, 4, 1), "tensor": (2, 2, 2)}
RULES = (ShardingRule("text/tokens/.*", ("fsdp", "tensor")),)
Q, UP, DOWN = (f"text/layers/layers/{name}/kernel" for name in ("qkv", "mlp/up", "mlp/down"))


def config(**mesh) -> Config:
    options = tiny.config(
        "",
        "",
        encoder={"fusion": {"depth": 2, "width": 16, "heads": 2, "hidden": 32}},
        loss={
            "form": "softmax",
            "matching": ("m-m", "t-m"),
            "distinctiveness": (),
            "consistency": (),
        },
        training={"steps": STEPS, "warmup_steps": 2, "learning_rate": 3e-3, "ema": 0.5},
    )
    return replace(options, mesh=MeshConfig(**{"rules": RULES} | mesh))


@cache
def trained(name: str) -> tuple[list[float], TrainState]:
    """The curve and the last state, where it lies."""
    data, fsdp, tensor = MESHES.get(name, (1, 1, 1))
    mesh = make_mesh(data, fsdp, tensor)
    create, step = make_train_step(config(data=data, fsdp=fsdp, tensor=tensor), VOCAB, mesh)
    state, losses, batch = create(), [], place(mesh, tiny.pair_batch(8))
    for _ in range(STEPS):
        state, metrics = step(state, batch)
        losses.append(float(metrics["loss"]))
    return losses, state


@pytest.mark.parametrize("name", MESHES)
def test_every_mesh_trains_like_one_device(name: str) -> None:
    (one, _), (several, state) = trained("one"), trained(name)
    assert one[-1] < 0.9 * one[0]
    np.testing.assert_allclose(several, one, rtol=1e-3)
    for x in jax.tree.leaves(state):
        assert len(x.sharding.device_set) == 8


@pytest.mark.parametrize(
    ("name", "weights", "shares"),
    [
        ("fsdp", ("fusion/layers/layers/mlp/up/kernel", "text/tokens/embedding"), 8),
        ("both", ("fusion/layers/layers/mlp/down/kernel", "text/tokens/embedding"), 4),
        ("tensor", ("fusion/layers/layers/qkv/kernel", "text/tokens/embedding"), 4),
    ],
)
def test_a_device_holds_its_share_of_weights_and_optimizer(
    name: str, weights: tuple[str, ...], shares: int
) -> None:
    """Read from the arrays: after the step they are where they were born."""
    _, state = trained(name)
    arrays = jax.tree_util.tree_flatten_with_path(state)[0]
    for weight in weights:
        own = [x for path, x in arrays if weight in jax.tree_util.keystr(path)]
        assert len(own) == 4  # the weight, its average, and two moments of AdamW
        for x in own:
            for shard in x.addressable_shards:
                assert shard.data.nbytes * shares == x.nbytes


def test_less_memory_a_device_the_more_devices_divide_it() -> None:
    def held(state: TrainState) -> int:
        return sum(x.addressable_shards[0].data.nbytes for x in jax.tree.leaves(state))

    whole, four, eight = (held(trained(name)[1]) for name in ("data", "both", "fsdp"))
    assert eight < four < 0.75 * whole


def test_muon_frozen_weights_and_remembered_vectors_are_divided_too() -> None:
    def curve(data: int, fsdp: int, tensor: int) -> list[float]:
        options = tiny.changed(
            config(data=data, fsdp=fsdp, tensor=tensor),
            {
                "training": {"optimizer": "muon", "rules": (WeightRule("text/", rate=0.0),)},
                "loss": {"memory": 2, "matching": ("m-m",)},
            },
        )
        mesh = make_mesh(data, fsdp, tensor)
        create, step = make_train_step(options, VOCAB, mesh)
        state, batch = create(), place(mesh, tiny.pair_batch(8))
        before = jax.device_get(state.parameters)
        losses = []
        for _ in range(6):
            state, metrics = step(state, batch)
            losses.append(float(metrics["loss"]))
        for name, x in jax.device_get(state.parameters).items():
            assert np.array_equal(x, before[name]) == name.startswith("text/"), name
        held = sum(x.addressable_shards[0].data.nbytes for x in jax.tree.leaves(state))
        whole = sum(x.nbytes for x in jax.tree.leaves(state))
        assert held == whole if mesh.size == 1 else held < 0.8 * whole
        assert all(
            x.addressable_shards[0].data.size * mesh.size == x.size
            for x in jax.tree.leaves(state.memory)
            if x.ndim > 2
        )
        return losses

    one = curve(1, 1, 1)
    assert one[-1] < one[0]
    np.testing.assert_allclose(curve(2, 2, 2), one, rtol=2e-3)


def test_a_checkpoint_goes_to_another_mesh(tmp_path: Path) -> None:
    _, state = trained("tensor")
    options = config(data=2, fsdp=2, tensor=2)
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(state, options, "{}", VOCAB)
    checkpoints.close()
    for shape in ((1, 8, 1), (1, 1, 1)):
        create, step = make_train_step(config(), VOCAB, mesh := make_mesh(*shape))
        checkpoints = Checkpoints(tmp_path)
        there = checkpoints.restore(create(), config())
        checkpoints.close()
        for a, b in zip(jax.tree.leaves(there), jax.tree.leaves(state), strict=True):
            np.testing.assert_array_equal(a, b)
        _, metrics = step(there, place(mesh, tiny.pair_batch(8)))
        assert float(metrics["loss"]) == pytest.approx(trained("tensor")[0][-1], rel=0.1)


@pytest.mark.parametrize(
    ("name", "shape", "spec"),
    [
        (Q, (2, 16, 48), (None, "fsdp", "tensor")),
        (DOWN, (2, 32, 16), (None, "tensor", "fsdp")),
        (UP, (2, 15, 32), (None, None, "tensor")),  # 15 does not divide by 4
        (UP, (2, 16384, 33), (None, "fsdp", None)),
        (UP, (2, 15, 33), ()),
        ("text/tokens/embedding", (1000, 64), ("fsdp", None)),
        ("text/tokens/embedding", (999, 64), (None, "fsdp")),
        ("text/layers/layers/mlp_norm/scale", (4, 8192), (None, "fsdp")),  # not the layers
        ("text/layers/layers/mlp_norm/scale", (4, 384), ()),  # small
        ("loss/log_scale", (), ()),
    ],
)
def test_weights_are_divided_by_default(name: str, shape: tuple, spec: tuple) -> None:
    assert weight_spec(name, shape, make_mesh(1, 4, 2)) == PartitionSpec(*spec)


def test_a_rule_of_the_config_comes_first() -> None:
    rules = (ShardingRule("text/layers/.*", ("tensor", "")), ShardingRule(".*"))
    mesh = make_mesh(1, 4, 2)
    assert weight_spec(Q, (2, 16, 48), mesh, rules) == PartitionSpec(None, "tensor", None)
    assert weight_spec("image/positions", (64, 64, 64), mesh, rules) == PartitionSpec(*[None] * 3)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (ShardingRule(".*embedding", ("tensor",)), r"\(30, 15\), whose 15 .* mesh\.tensor 2"),
        (ShardingRule(".*", ("fsdp", "", "tensor")), r"3 dimensions, but .*embedding .*\(30, 15\)"),
    ],
)
def test_rules_that_do_not_fit_are_refused(rule: ShardingRule, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        weight_spec("text/tokens/embedding", (30, 15), make_mesh(1, 4, 2), (rule,))


def test_a_rule_for_no_weight_is_refused() -> None:
    options = config(rules=(ShardingRule("txt/.*", ("fsdp",)),))
    with pytest.raises(ConfigError, match=r"no weight's name begins with 'txt/\.\*'.*text/tokens"):
        make_train_step(options, VOCAB, make_mesh(1))


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        (lambda: MeshConfig(fsdp=0), r"mesh\.fsdp is 0; use 1 or more"),
        (lambda: MeshConfig(data=-1), r"mesh\.data is -1"),
        (lambda: ShardingRule("("), r"pattern '\(' is no expression"),
        (lambda: ShardingRule(".*", ("data",)), r'axis "data" of \'\.\*\''),
        (lambda: ShardingRule(".*", ("fsdp", "fsdp")), r"names an axis twice"),
    ],
)
def test_mistakes_in_the_mesh_are_refused(mistake: Callable, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        mistake()
