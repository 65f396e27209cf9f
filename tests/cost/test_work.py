"""Tests of stylejax/planning/work.py: FLOPs of programs that can be counted by hand."""

import jax
import jax.numpy as jnp
import pytest
from jax.sharding import PartitionSpec

from stylejax.cost.work import products_of, total_flops
from stylejax.training.mesh import make_mesh

A, B = jnp.ones((3, 5)), jnp.ones((5, 7))
ONE = 2 * 3 * 5 * 7  # FLOPs of A @ B


def counted(function, *arguments) -> list:
    return products_of(jax.make_jaxpr(function)(*arguments))


def test_a_product_has_two_flops_for_each_of_its_terms() -> None:
    (work,) = counted(lambda a, b: jnp.tanh(a @ b) + 1.0, A, B)
    assert work.flops == ONE
    assert work.bytes == 4 * (15 + 35 + 21)
    batched = counted(lambda a, b: jnp.einsum("nij,njk->nik", a, b), A[None], B[None])
    assert total_flops(batched) == ONE


def test_bytes_are_those_of_the_types() -> None:
    (work,) = counted(lambda a, b: a @ b, A.astype(jnp.bfloat16), B.astype(jnp.bfloat16))
    assert (work.bytes, work.passes) == (2 * (15 + 35 + 21), 1)


def test_a_gradient_has_twice_the_products() -> None:
    def loss(a, b):
        return ((a @ b) ** 2).sum()

    assert total_flops(counted(jax.grad(loss, (0, 1)), A, B)) == 3 * ONE


def test_loops_count_as_often_as_they_turn() -> None:
    def inner(x, _):
        return x + (A @ B).sum(), None

    def outer(x, _):
        return jax.lax.scan(inner, x, length=4)[0] + (A @ B).sum(), None

    assert total_flops(counted(lambda: jax.lax.scan(outer, 0.0, length=3)[0])) == 3 * 5 * ONE


def test_what_is_computed_again_counts_again() -> None:
    def loss(a, b):
        return ((a @ b) ** 2).sum()

    again = jax.checkpoint(loss, policy=jax.checkpoint_policies.nothing_saveable)
    assert total_flops(counted(jax.grad(again, (0, 1)), A, B)) == 4 * ONE


def test_the_body_of_a_shard_map_runs_on_every_device() -> None:
    mesh = make_mesh(4)
    rows = PartitionSpec(mesh.axis_names)
    product = jax.shard_map(
        lambda a: a @ B, mesh=mesh, in_specs=rows, out_specs=rows, check_vma=False
    )
    assert total_flops(counted(product, jnp.ones((12, 5)))) == 4 * ONE


def test_the_most_expensive_branch_counts() -> None:
    def choose(which):
        return jax.lax.cond(which, lambda: A @ B, lambda: (A @ B) + (A @ B) * 2.0)

    assert total_flops(counted(choose, True)) == 2 * ONE


def test_a_loop_of_unknown_length_is_refused() -> None:
    with pytest.raises(ValueError, match="no number of turns"):
        counted(lambda x: jax.lax.while_loop(lambda x: x < 3, lambda x: x + 1, x), 0)


@pytest.mark.parametrize("stride", [1, 2])
def test_a_convolution_is_a_product_at_every_place(stride: int) -> None:
    pictures, kernel = jnp.ones((2, 8, 8, 3)), jnp.ones((2, 2, 3, 5))

    def convolve(x, k):
        return jax.lax.conv_general_dilated(
            x, k, (stride, stride), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )

    places = 2 * (8 // stride) ** 2
    assert total_flops(counted(convolve, pictures, kernel)) == 2 * places * 5 * (2 * 2 * 3)


def test_a_scope_names_forward_and_backward_products() -> None:
    def loss(a, b):
        with jax.named_scope("inner"):
            y = jax.lax.scan(lambda x, c: (x, (c * a) @ b), 0.0, jnp.arange(2.0))[1]
        return (y @ b.T).sum()

    found = counted(jax.grad(loss, (0, 1)), A, B)
    assert total_flops(found, "inner") == 2 * 3 * ONE
    assert total_flops(found) == 2 * 3 * ONE + 2 * 3 * ONE
    assert total_flops(found, "elsewhere") == 0


@pytest.mark.parametrize(("precision", "passes"), [("highest", 6), ("high", 3), (None, 1)])
def test_full_precision_takes_several_products(precision: str | None, passes: int) -> None:
    (work,) = counted(lambda a, b: jnp.matmul(a, b, precision=precision), A, B)
    assert work.passes == passes
