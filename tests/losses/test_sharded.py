"""Tests of stylejax/losses/sharded.py: one device and eight."""

import jax
import jax.numpy as jnp
import loss_reference as reference
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec

from stylejax.config import LossConfig
from stylejax.losses import contrastive_loss_unit, sharded_loss_unit
from stylejax.training.mesh import by_row, make_mesh

ROWS = 16
GROUPS = np.array([0, 1, 2, 0, 3, 4, 1, 5, 6, 7, 8, 2, 9, 9, 10, 11], np.int32)


def side(seed: int) -> dict[str, np.ndarray]:
    return {v: reference.vectors(ROWS, seed=10 * seed + n) for n, v in enumerate("mti")}


def presence() -> dict[str, np.ndarray]:
    return {view: np.arange(ROWS) % 7 != n for n, view in enumerate("mti")}


OPTIONS = {
    "the paper's": LossConfig(matching=("m-m", "t-m"), consistency_tolerance=0.001),
    "softmax": LossConfig(form="softmax", matching=("m-m", "t-m"), duplicates="positive"),
    "softmax, cold": LossConfig(form="softmax", consistency=()),
    "sigmoid": LossConfig(form="sigmoid", matching=("m-m", "i-t")),
    "pooled": LossConfig(form="softmax", matching=("i-t",), pooled=True),
}


@pytest.mark.parametrize("grouped", [True, False])
@pytest.mark.parametrize("name", OPTIONS)
def test_eight_devices_give_the_loss_and_the_gradients_of_one(name: str, grouped: bool) -> None:
    options, groups = OPTIONS[name], jnp.asarray(GROUPS) if grouped else None
    scale = 100.0 if name == "softmax, cold" else 9.0
    rows = jax.tree.map(jnp.asarray, (side(1), side(2), presence(), presence(), groups))

    def total(unit, left, right, there, thither, groups, scale, bias):
        return unit(
            left,
            right,
            options,
            left_present=there,
            right_present=thither,
            left_groups=groups,
            right_groups=groups,
            scale=scale,
            bias=bias,
        )

    def made(unit, rows):
        def loss(left, right, scale, bias):
            return total(unit, left, right, *rows[2:], scale, bias)

        step = jax.value_and_grad(loss, argnums=(0, 1, 2, 3), has_aux=True)
        return jax.jit(step)(*rows[:2], jnp.float32(scale), jnp.float32(-2.0))

    mesh = make_mesh(8)

    def sharded(*arguments, **options):
        return sharded_loss_unit(mesh, *arguments, **options)

    one = made(contrastive_loss_unit, rows)
    eight = made(sharded, jax.device_put(rows, by_row(mesh)))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5), one, eight)
    assert all(np.abs(x).max() > 0 for x in jax.tree.leaves(one[1][:2]) if x.any())


def test_a_mesh_of_two_axes_is_one_ring() -> None:
    mesh = jax.make_mesh((2, 4), ("host", "chip"), axis_types=(jax.sharding.AxisType.Auto,) * 2)
    rows = jax.tree.map(jnp.asarray, (side(1), side(2)))
    there = jax.tree.map(jnp.asarray, presence())
    given = {"left_present": there, "right_present": there}
    expected = contrastive_loss_unit(*rows, LossConfig(), **given)
    divided = NamedSharding(mesh, PartitionSpec(("host", "chip")))
    rows, given = jax.device_put((rows, given), divided)
    found = jax.jit(lambda rows, given: sharded_loss_unit(mesh, *rows, LossConfig(), **given))
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), expected, found(rows, given)
    )


def test_one_device_needs_no_ring() -> None:
    rows = jax.tree.map(jnp.asarray, (side(1), side(2)))
    there = jax.tree.map(jnp.asarray, presence())
    given = {"left_present": there, "right_present": there}
    found = sharded_loss_unit(make_mesh(1), *rows, LossConfig(), **given)
    expected = contrastive_loss_unit(*rows, LossConfig(), **given)
    assert found[0] == expected[0]
