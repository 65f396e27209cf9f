"""Tests of stylejax/losses/memory.py, and of what the loss unit makes of it."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import loss_reference as reference
import numpy as np
import pytest
from tiny import paper_loss

from stylejax.config import LossConfig
from stylejax.losses import Memory, contrastive_loss_unit, empty_memory, sharded_loss_unit
from stylejax.training.mesh import by_memory_row, by_row, make_mesh

ROWS, DIM = 8, 6
GROUPS = np.array([0, 1, 2, 0, 3, 4, 1, 5], np.int32)
EVERYWHERE = {view: jnp.ones(ROWS, bool) for view in "mti"}


def side(seed: int) -> dict[str, jax.Array]:
    rows = {v: reference.vectors(ROWS, DIM, seed=10 * seed + n) for n, v in enumerate("mti")}
    return {view: jnp.asarray(x) for view, x in rows.items()}


def filled(options: LossConfig, batches: int) -> Memory:
    """A memory after some batches: batch n is of sides n and n + 50, its groups are n later."""
    memory = empty_memory(options, ROWS, DIM)
    assert memory is not None
    for number in range(batches):
        groups = jnp.asarray(GROUPS + number)
        memory = memory.with_batch(
            jnp.int32(number),
            (side(number), side(number + 50)),
            (EVERYWHERE, EVERYWHERE),
            (groups, groups + 100),
        )
    return memory


def test_nothing_is_kept_unless_it_is_wanted() -> None:
    assert empty_memory(paper_loss(), ROWS, DIM) is None


@pytest.mark.parametrize("pooled", [False, True])
def test_the_last_batches_are_kept(pooled: bool) -> None:
    options = paper_loss(memory=3, matching=("m-m", "t-m", "m-i"), pooled=pooled)
    memory = filled(options, 5)
    assert set(memory.vectors) == {"m", "i"}  # what is searched
    for view in ("m", "i"):
        vectors, present, groups = memory.candidates(view)
        assert bool(present.all())
        kept = {
            (tuple(row.tolist()), group)
            for number in (2, 3, 4)
            for shift, seed in ((100, number + 50), (0, number))[: 1 + pooled]
            for row, group in zip(
                np.asarray(side(seed)[view]), (GROUPS + number + shift).tolist(), strict=True
            )
        }
        found = zip(np.asarray(vectors).tolist(), groups.tolist(), strict=True)
        assert {(tuple(row), group) for row, group in found} == kept


def test_an_empty_memory_changes_nothing() -> None:
    options = paper_loss(form="softmax", memory=2)
    given = {"left_present": EVERYWHERE, "right_present": EVERYWHERE, "scale": 5.0}
    empty = empty_memory(options, ROWS, DIM)
    expected = contrastive_loss_unit(side(1), side(2), options, **given)
    for memory in (empty, filled(options, 2).used(jnp.asarray(False))):
        found = contrastive_loss_unit(side(1), side(2), options, memory=memory, **given)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), found, expected)


@pytest.mark.parametrize("pooled", [False, True])
@pytest.mark.parametrize("form", ["hinge", "softmax", "sigmoid"])
def test_what_is_kept_is_searched_beside_the_batch(form: str, pooled: bool) -> None:
    """Only by matching; listings of a query's own product count as the batch's do."""
    options = paper_loss(form=form, memory=2, matching=("t-m",), consistency=(), pooled=pooled)
    memory = filled(options, 3)
    left, right, groups = side(1), side(2), jnp.asarray(GROUPS)
    given = {"left_present": EVERYWHERE, "right_present": EVERYWHERE, "scale": 5.0, "bias": -2.0}
    given |= {"left_groups": groups, "right_groups": groups}
    total, parts = contrastive_loss_unit(left, right, options, memory=memory, **given)
    vectors, _, theirs = memory.candidates("m")
    query, target, ids = left["t"], right["m"], GROUPS
    if pooled:
        query, target = jnp.concatenate([query, right["t"]]), jnp.concatenate([target, left["m"]])
        ids = np.concatenate([ids, ids])
    target, among = jnp.concatenate([target, vectors]), np.concatenate([ids, np.asarray(theirs)])
    if form == "hinge":
        expected = reference.hinge(query, target, 0.3, ids, among)
    elif form == "softmax":
        expected = reference.softmax(query, target, 5.0, ids, among)
    else:
        expected = reference.sigmoid(query, target, 5.0, -2.0, ids, among)
    np.testing.assert_allclose(parts["ppm/t-m"], expected.mean(), rtol=2e-5)
    without = contrastive_loss_unit(left, right, options, **given)
    assert parts["pdc/t-m"] == without[1]["pdc/t-m"]
    assert abs(total - without[0]) > 1e-3


def test_what_is_kept_has_no_gradient() -> None:
    options = paper_loss(form="softmax", memory=2)

    def total(vectors: dict[str, jax.Array]) -> jax.Array:
        return contrastive_loss_unit(
            side(1),
            side(2),
            options,
            left_present=EVERYWHERE,
            right_present=EVERYWHERE,
            memory=filled(options, 2)._replace(vectors=vectors),
        )[0]

    gradients = jax.grad(total)(filled(options, 2).vectors)
    assert not any(x.any() for x in jax.tree.leaves(gradients))


@pytest.mark.parametrize("form", ["hinge", "softmax", "sigmoid"])
def test_eight_devices_search_the_memory_of_all(form: str) -> None:
    options = paper_loss(form=form, memory=2, matching=("m-m", "i-m"), consistency=(), pooled=True)
    options = replace(options, prefixes=(4,))
    rows, memory, mesh = (side(1), side(2)), filled(options, 2), make_mesh(8)
    given = {"left_present": EVERYWHERE, "right_present": EVERYWHERE}
    groups = {"left_groups": jnp.asarray(GROUPS), "right_groups": jnp.asarray(GROUPS)}

    def made(unit, rows, given, memory):
        def loss(left, right):
            return unit(
                left, right, options, memory=memory, scale=5.0, bias=jnp.float32(-2.0), **given
            )

        return jax.jit(jax.value_and_grad(loss, (0, 1), has_aux=True))(*rows)

    one = made(contrastive_loss_unit, rows, given | groups, memory)
    eight = made(
        lambda *arguments, **options: sharded_loss_unit(mesh, *arguments, **options),
        *jax.device_put((rows, given | groups), by_row(mesh)),
        jax.device_put(memory, by_memory_row(mesh)),
    )
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5), one, eight)
