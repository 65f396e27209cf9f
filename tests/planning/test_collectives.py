"""Tests of stylejax/planning/collectives.py: what compiled programs say they send."""

import jax
import jax.numpy as jnp
import pytest
from jax.sharding import NamedSharding, PartitionSpec

from stylejax.planning.collectives import collectives_of
from stylejax.training.mesh import make_mesh

MESH = make_mesh(4)
ROWS = PartitionSpec(MESH.axis_names)


def compiled(function, out=ROWS) -> str:
    mapped = jax.shard_map(function, mesh=MESH, in_specs=ROWS, out_specs=out, check_vma=False)
    x = jax.ShapeDtypeStruct((8, 16), jnp.float32, sharding=NamedSharding(MESH, ROWS))
    return jax.jit(mapped).lower(x).compile().as_text()


def test_a_sum_over_devices_is_one_message() -> None:
    found = collectives_of(compiled(lambda x: jax.lax.psum(x, MESH.axis_names), PartitionSpec()))
    assert set(found) == {"all-reduce"}
    assert (found["all-reduce"].count, found["all-reduce"].bytes) == (1, 2 * 16 * 4)


def test_messages_in_loops_count_as_often_as_the_loops_turn() -> None:
    ring = [(n, (n + 1) % 4) for n in range(4)]

    def turns(x):
        def inner(x, _):
            return jnp.sin(jax.lax.ppermute(x, MESH.axis_names, ring)), None

        def outer(x, _):
            x = jax.lax.scan(inner, x, length=5)[0]
            return x + jax.lax.psum(x, MESH.axis_names), None

        return jax.lax.scan(outer, x, length=3)[0]

    found = collectives_of(compiled(turns))
    assert found["collective-permute"].count == 15
    assert found["collective-permute"].bytes == 15 * 2 * 16 * 4
    assert found["all-reduce"].count == 3


def test_a_program_that_sends_nothing_has_none() -> None:
    assert collectives_of(compiled(jnp.sin)) == {}


# As TPU programs have them: started in one instruction and ended in another, in half precision.
ASYNCHRONOUS = """
%body (p: (s32[], bf16[8,4])) -> (s32[], bf16[8,4]) {
  %s = (bf16[8,4]{1,0}, bf16[8,4]{1,0}, u32[], u32[]) collective-permute-start(%x), channel_id=1
  %d = bf16[8,4]{1,0} collective-permute-done(%s)
}

ENTRY %main (p: bf16[8,4]) -> bf16[32,4] {
  %w = (s32[], bf16[8,4]) while(%t), condition=%c, body=%body%TURNS
  %g = (bf16[8,4]{1,0}, bf16[32,4]{1,0}) all-gather-start(%y), channel_id=2
  %e = bf16[32,4]{1,0} all-gather-done(%g)
}
"""


def test_a_message_that_is_started_and_ended_counts_once() -> None:
    turns = ', backend_config={"known_trip_count":{"n":"7"}}'
    found = collectives_of(ASYNCHRONOUS.replace("%TURNS", turns))
    assert (found["collective-permute"].count, found["collective-permute"].bytes) == (7, 7 * 64)
    assert (found["all-gather"].count, found["all-gather"].bytes) == (1, 256)


@pytest.mark.parametrize(
    ("line", "kind", "size"),
    [
        ("%a = (f32[1000]{0}, f32[1000]{0}, f32[10]{0}) all-reduce-start(%x)", "all-reduce", 8040),
        ("%a = f32[1000]{0} all-reduce-start(%x)", "all-reduce", 4000),
        (
            "%a = ((f32[4]{0}, bf16[8]{0}), (f32[16]{0}, bf16[32]{0})) all-gather-start(%x)",
            "all-gather",
            128,
        ),
        ("%a = f32[8]{0} reduce-scatter(%x), replica_groups=[2,4]<=[8]", "reduce-scatter", 128),
        (
            "%a = f32[8]{0} reduce-scatter(%x), replica_groups={{0,1},{2,3}}",
            "reduce-scatter",
            64,
        ),
        ("%a = (bf16[8]{0}, f32[2]{0}) all-to-all(%x, %y)", "all-to-all", 24),
    ],
)
def test_messages_of_several_arrays_are_summed(line: str, kind: str, size: int) -> None:
    found = collectives_of(f"ENTRY %main (p: f32[]) -> f32[] {{\n  {line}\n}}\n")
    assert (found[kind].count, found[kind].bytes) == (1, size)


def test_a_loop_may_be_counted_by_its_condition() -> None:
    """TPU programs say it nowhere else."""
    condition = """
%c (p: (s32[], bf16[8,4])) -> pred[] {
  %constant.1 = s32[]{:T(128)} constant(9)
  %i = s32[]{:T(128)} get-tuple-element(%p), index=0
  ROOT %lt = pred[]{:T(512)} compare(%i, %constant.1), direction=LT
}
"""
    found = collectives_of(condition + ASYNCHRONOUS.replace("%TURNS", ""))
    assert found["collective-permute"].count == 9


def test_a_loop_that_sends_for_no_one_knows_how_long_is_refused() -> None:
    with pytest.raises(ValueError, match="no known number of turns"):
        collectives_of(ASYNCHRONOUS.replace("%TURNS", ""))
