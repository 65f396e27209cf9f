"""Tests of stylejax/training/launch.py; test_two_hosts.py lets two processes meet."""

import jax
import pytest

from stylejax.config import ConfigError
from stylejax.training.launch import join_hosts, several_hosts

NAMES = (
    "JAX_COORDINATOR_ADDRESS",
    "JAX_NUM_PROCESSES",
    "JAX_PROCESS_ID",
    "SLURM_PROCID",
    "SLURM_NTASKS",
    "OMPI_COMM_WORLD_RANK",
    "OMPI_COMM_WORLD_SIZE",
    "TPU_WORKER_HOSTNAMES",
)


@pytest.fixture(autouse=True)
def nobody_says_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("environment", "several"),
    [
        ({}, False),
        ({"JAX_COORDINATOR_ADDRESS": "10.0.0.1:1234"}, True),
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "1"}, False),
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "8"}, True),
        ({"SLURM_NTASKS": "8"}, False),  # an allocation, but no task of it
        ({"OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "2"}, True),
        ({"TPU_WORKER_HOSTNAMES": "localhost"}, False),
        ({"TPU_WORKER_HOSTNAMES": "worker-0,worker-1"}, True),
    ],
)
def test_the_environment_says_whether_there_are_others(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], several: bool
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert several_hosts("auto") == several
    assert several_hosts("many")
    assert not several_hosts("one")


@pytest.mark.parametrize("missing", ["JAX_NUM_PROCESSES", "JAX_PROCESS_ID"])
def test_an_address_alone_is_not_enough(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    for name in NAMES[:3]:
        if name != missing:
            monkeypatch.setenv(name, "127.0.0.1:1" if name == NAMES[0] else "2")
    with pytest.raises(ConfigError, match=f"{missing} is ''"):
        join_hosts(100)


def test_without_anybody_to_ask_the_error_says_what_to_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def nobody(**_: object) -> None:  # what JAX says in a process of its own
        raise ValueError("coordinator_address should be defined.")

    monkeypatch.setattr(jax.distributed, "initialize", nobody)
    with pytest.raises(ConfigError, match=r"nothing here says who .*JAX_NUM_PROCESSES.*hosts one"):
        join_hosts(100)
