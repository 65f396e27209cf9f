"""Whether this process is one of several that train together, and how they meet."""

from __future__ import annotations

import os
from typing import Literal

from stylejax.config import ConfigError

ADDRESS, COUNT, NUMBER = "JAX_COORDINATOR_ADDRESS", "JAX_NUM_PROCESSES", "JAX_PROCESS_ID"
# What a launcher says of how many processes it started, beside the three above.
LAUNCHERS = {"SLURM_PROCID": "SLURM_NTASKS", "OMPI_COMM_WORLD_RANK": "OMPI_COMM_WORLD_SIZE"}
WORKERS = "TPU_WORKER_HOSTNAMES"  # of a TPU slice on Kubernetes, divided by commas


def several_hosts(mode: Literal["auto", "one", "many"]) -> bool:
    """Whether this process is one of several that train together.

    Args:
      mode: `mesh.hosts`; "auto" = as the environment says: `JAX_COORDINATOR_ADDRESS`, SLURM or
        Open MPI with more than one task, or a TPU slice of several workers.
    """
    if mode != "auto":
        return mode == "many"
    if os.environ.get(ADDRESS):
        return True
    counts = [os.environ.get(count, "") for rank, count in LAUNCHERS.items() if rank in os.environ]
    if any(count.isdigit() and int(count) > 1 for count in counts):
        return True
    return len(os.environ.get(WORKERS, "").split(",")) > 1


def join_hosts(timeout: int) -> bool:
    """Meets the other hosts, before anything is computed; whether this is the first one.

    `JAX_COORDINATOR_ADDRESS`, `JAX_NUM_PROCESSES` and `JAX_PROCESS_ID` name the first host's
    address and port, how many processes there are, and which this one is; under SLURM, Open MPI, on
    TPU slices and on Kubernetes JAX finds them out by itself.

    Args:
      timeout: `mesh.host_timeout`: seconds of silence after which a host is taken for dead, and JAX
        ends the others.

    Raises:
      ConfigError: when some of the three are missing, or nothing says who the others are.
    """
    import jax

    given = {name: os.environ.get(name, "") for name in (ADDRESS, COUNT, NUMBER)}
    if given[ADDRESS]:
        for name in (COUNT, NUMBER):
            if not given[name].isdigit():
                raise ConfigError(
                    f"{ADDRESS} is {given[ADDRESS]}, but {name} is {given[name]!r}; set it to a "
                    "number, the same count and another process id on each host, or set "
                    "--mesh.hosts one"
                )
        jax.distributed.initialize(
            given[ADDRESS],
            int(given[COUNT]),
            int(given[NUMBER]),
            heartbeat_timeout_seconds=timeout,
        )
        return jax.process_index() == 0
    try:
        jax.distributed.initialize(heartbeat_timeout_seconds=timeout)
    except ValueError as error:
        raise ConfigError(
            f"nothing here says who the other hosts are ({error}); set "
            f"{ADDRESS}, {COUNT} and {NUMBER} on each, or --mesh.hosts one"
        ) from error
    return jax.process_index() == 0
