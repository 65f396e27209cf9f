"""Tests of stylejax/losses/sharded.py: one device and eight."""

from functools import partial

import jax
import jax.numpy as jnp
import loss_reference as reference
import numpy as np
import pytest
from jax.extend.core import Jaxpr, Var, jaxprs_in_params
from jax.sharding import NamedSharding, PartitionSpec
from tiny import paper_loss

from stylejax.losses import (
    contrastive_loss_unit,
    locality_consistency,
    product_matching,
    sharded_loss_unit,
    sigmoid_contrastive,
    softmax_contrastive,
)
from stylejax.training.mesh import by_row, make_mesh

ROWS = 16
GROUPS = np.array([0, 1, 2, 0, 3, 4, 1, 5, 6, 7, 8, 2, 9, 9, 10, 11], np.int32)


def side(seed: int) -> dict[str, np.ndarray]:
    return {v: reference.vectors(ROWS, seed=10 * seed + n) for n, v in enumerate("mti")}


def presence() -> dict[str, np.ndarray]:
    return {view: np.arange(ROWS) % 7 != n for n, view in enumerate("mti")}


OPTIONS = {
    "the paper's": paper_loss(matching=("m-m", "t-m"), consistency_tolerance=0.001),
    "softmax": paper_loss(form="softmax", matching=("m-m", "t-m"), duplicates="positive"),
    "softmax, cold": paper_loss(form="softmax", consistency=()),
    "sigmoid": paper_loss(form="sigmoid", matching=("m-m", "i-t")),
    "pooled": paper_loss(form="softmax", matching=("i-t",), pooled=True),
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


LOSSES = {
    "hinge": product_matching,
    "softmax": partial(softmax_contrastive, scale=9.0),
    "sigmoid": partial(sigmoid_contrastive, scale=9.0, bias=-2.0),
    "consistency": partial(locality_consistency, tolerance=0.001, k=5),
}


@pytest.mark.parametrize("name", LOSSES)
def test_several_tiles_on_every_device_give_the_whole(name: str) -> None:
    """8 rows a device in tiles of 3, of which the last is not full."""
    loss, mesh = LOSSES[name], make_mesh(2)
    sides = 3 if name == "consistency" else 2
    vectors = [jnp.asarray(reference.vectors(ROWS, seed=n)) for n in range(sides)]
    counts = jnp.arange(1.0, ROWS + 1)
    rows = PartitionSpec(mesh.axis_names)
    ring = jax.shard_map(
        lambda *x: loss(*x, axes=mesh.axis_names, tile=3), mesh=mesh, in_specs=rows, out_specs=rows
    )

    def graded(function):
        def total(*x):
            losses = function(*x)
            return (losses * counts).sum(), losses

        return jax.jit(jax.value_and_grad(total, tuple(range(sides)), has_aux=True))

    expected = graded(loss)(*vectors)
    found = graded(ring)(*jax.device_put(vectors, NamedSharding(mesh, rows)))
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5), expected, found
    )


@pytest.mark.parametrize("name", LOSSES)
def test_what_travels_round_the_ring_does_not_wait_for_what_is_computed(name: str) -> None:
    """In no turn of the ring does a message depend on a product of that turn."""
    loss, mesh = LOSSES[name], make_mesh(4)
    vectors = [jnp.asarray(reference.vectors(ROWS, seed=n)) for n in range(3)]
    vectors = vectors if name == "consistency" else vectors[:2]
    rows = PartitionSpec(mesh.axis_names)

    def ring(*x):
        return jax.shard_map(
            lambda *x: loss(*x, axes=mesh.axis_names), mesh=mesh, in_specs=rows, out_specs=rows
        )(*x).sum()

    turns = [
        t
        for t in scans(jax.make_jaxpr(jax.grad(ring, tuple(range(len(vectors)))))(*vectors).jaxpr)
        if sends(t)
    ]
    assert len(turns) == {"consistency": 5}.get(name, 2)  # forward and backward, twice for PLC's
    for turn in turns:
        waiting = set()
        for equation in turn.eqns:
            taken = {v for v in equation.invars if isinstance(v, Var)}
            if equation.primitive.name == "ppermute":
                assert not taken & waiting
            elif taken & waiting or "dot_general" in str(equation):
                waiting |= set(equation.outvars)
        assert waiting


def scans(jaxpr: Jaxpr) -> list[Jaxpr]:
    """Bodies of all loops, those of inner ones too."""
    found = []
    for equation in jaxpr.eqns:
        for inner in jaxprs_in_params(equation.params):
            found += scans(inner)
            if equation.primitive.name == "scan":
                found.append(inner)
    return found


def sends(jaxpr: Jaxpr) -> bool:
    return any(equation.primitive.name == "ppermute" for equation in jaxpr.eqns)


def test_a_mesh_of_two_axes_is_one_ring() -> None:
    mesh = jax.make_mesh((2, 4), ("host", "chip"), axis_types=(jax.sharding.AxisType.Auto,) * 2)
    rows = jax.tree.map(jnp.asarray, (side(1), side(2)))
    there = jax.tree.map(jnp.asarray, presence())
    given = {"left_present": there, "right_present": there}
    expected = contrastive_loss_unit(*rows, paper_loss(), **given)
    divided = NamedSharding(mesh, PartitionSpec(("host", "chip")))
    rows, given = jax.device_put((rows, given), divided)
    found = jax.jit(lambda rows, given: sharded_loss_unit(mesh, *rows, paper_loss(), **given))
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), expected, found(rows, given)
    )


def test_one_device_needs_no_ring() -> None:
    rows = jax.tree.map(jnp.asarray, (side(1), side(2)))
    there = jax.tree.map(jnp.asarray, presence())
    given = {"left_present": there, "right_present": there}
    found = sharded_loss_unit(make_mesh(1), *rows, paper_loss(), **given)
    expected = contrastive_loss_unit(*rows, paper_loss(), **given)
    assert found[0] == expected[0]
