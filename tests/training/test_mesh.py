"""Tests of stylejax/training/mesh.py."""

from unittest.mock import Mock

import jax
import numpy as np
import pytest
import tiny
from jax.sharding import Mesh

from stylejax.config import ConfigError
from stylejax.training import mesh
from stylejax.training.mesh import by_row, make_mesh, place, replicated, require_divisible


@pytest.mark.parametrize(("wanted", "devices"), [(0, 8), (1, 1), (3, 3)])
def test_a_mesh_has_the_devices_asked_for(wanted: int, devices: int) -> None:
    mesh = make_mesh(wanted)
    assert mesh.size == devices
    assert dict(mesh.shape) == {"data": devices, "fsdp": 1, "tensor": 1}


@pytest.mark.parametrize(
    ("asked", "shape"), [((0, 4, 1), (2, 4, 1)), ((0, 2, 2), (2, 2, 2)), ((1, 2, 3), (1, 2, 3))]
)
def test_the_axes_divide_the_devices(asked: tuple, shape: tuple) -> None:
    assert tuple(make_mesh(*asked).shape.values()) == shape


def test_too_many_devices_are_refused_with_both_numbers() -> None:
    with pytest.raises(ConfigError, match=r"mesh\.data 9 .* is 9 devices, but there are 8"):
        make_mesh(9)
    with pytest.raises(ConfigError, match=r"8 devices .* mesh\.fsdp 3 times mesh\.tensor 1"):
        make_mesh(0, 3)


@pytest.mark.parametrize("devices", [1, 4, 8])
def test_a_batch_is_divided_by_row(devices: int) -> None:
    batch = tiny.pair_batch(8)
    placed = place(make_mesh(devices), batch)
    for given, array in zip(jax.tree.leaves(batch), jax.tree.leaves(placed), strict=True):
        assert array.dtype == given.dtype
        assert np.array_equal(array, given)
        assert len(array.addressable_shards) == devices
        for number, shard in enumerate(array.addressable_shards):
            rows = 8 // devices
            assert np.array_equal(shard.data, given[number * rows : (number + 1) * rows])


def test_devices_along_tensor_have_the_same_rows() -> None:
    batch = tiny.pair_batch(8)
    placed = place(make_mesh(2, 2, 2), batch)
    shards = placed.left.tokens.addressable_shards
    assert [shard.index[0].start or 0 for shard in shards] == [0, 0, 2, 2, 4, 4, 6, 6]


def test_rows_that_do_not_divide_are_refused_with_both_numbers() -> None:
    with pytest.raises(ConfigError, match=r"6 rows .* 8 devices.*training\.batch_size"):
        place(make_mesh(8), tiny.pair_batch(6))


def test_replicated_is_everywhere_and_whole() -> None:
    array = jax.device_put(np.arange(6), replicated(make_mesh(8)))
    assert [shard.data.shape for shard in array.addressable_shards] == [(6,)] * 8
    rows = jax.device_put(np.arange(16), by_row(make_mesh(8)))
    assert [shard.data.shape for shard in rows.addressable_shards] == [(2,)] * 8


def test_a_batch_divides_over_the_devices_and_into_their_parts() -> None:
    mesh = make_mesh(2, 2, 2)
    require_divisible(16, mesh, "training.batch_size", parts=4)
    with pytest.raises(ConfigError, match="12 cannot be divided over 8 devices"):
        require_divisible(12, mesh, "training.batch_size")
    told = r"16 is 4 rows on each of 4 devices, .*micro_batches 3; make it a multiple of 12"
    with pytest.raises(ConfigError, match=told):
        require_divisible(16, mesh, "training.batch_size", parts=3)


class Device:
    """One of a host's, as far as it is looked at."""

    def __init__(self, host: int):
        self.process_index = host


@pytest.mark.parametrize(
    ("hosts", "shape", "told"),
    [
        ([0, 0, 1, 1], (2, 1, 2), ""),
        ([0, 0, 1, 1], (4, 1, 1), ""),
        ([0, 1, 0, 1], (2, 1, 2), "mesh.tensor 2 would divide layers between devices of several"),
        ([0, 0, 0, 0], (4, 1, 1), "takes 4 devices of 1 of 2 hosts"),
        ([0, 0, 0, 1], (4, 1, 1), "takes 3, 1 devices of 2 of 2 hosts"),
    ],
)
def test_every_host_brings_as_many_rows_of_its_own(
    monkeypatch: pytest.MonkeyPatch, hosts: list[int], shape: tuple[int, ...], told: str
) -> None:
    devices = np.array([Device(host) for host in hosts]).reshape(shape)
    made = Mock(spec=Mesh, devices=devices, shape=dict(zip(mesh.AXES, shape, strict=True)))
    monkeypatch.setattr(mesh.jax, "make_mesh", lambda *_, **__: made)
    available = [*devices.ravel(), Device(1)]
    if told:
        with pytest.raises(ConfigError, match=told):
            make_mesh(*shape, devices=available)
    else:
        assert make_mesh(*shape, devices=available) is made
