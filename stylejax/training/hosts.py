"""Several hosts that train one model: what one of them does, and what all agree upon."""

from __future__ import annotations

import jax
import numpy as np
from jax.experimental import multihost_utils


def first_host() -> bool:
    """Whether this is the one host that writes what all hosts would write alike."""
    return jax.process_index() == 0


def wait_for_hosts(point: str) -> None:
    """Returns when all hosts have come to a point of the program."""
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices(point)


def all_hosts(holds: bool) -> bool:
    """Whether something holds on every host."""
    if jax.process_count() == 1:
        return holds
    return bool(np.all(multihost_utils.process_allgather(np.array(holds))))


def preempted(step: int) -> bool:
    """Whether all hosts are to stop after this step, because one of them got SIGTERM.

    JAX tells the others, and finds a step that none of them has passed. To be asked at each step.
    """
    return jax.process_count() > 1 and multihost_utils.reached_preemption_sync_point(step)


def gathered(x: jax.Array) -> np.ndarray:
    """An array that may be divided over hosts, whole on each of them; all are to ask for it."""
    if x.is_fully_addressable or x.is_fully_replicated:
        return np.asarray(x)
    return np.asarray(multihost_utils.process_allgather(x, tiled=True))
