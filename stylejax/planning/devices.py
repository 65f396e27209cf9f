"""Devices to plan for: those of this machine, or those of a TPU slice that is not there."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from typing import Any

import jax

from stylejax.config import ConfigError


def plan_devices(topology: str) -> Sequence[Any]:
    """The devices that a topology names.

    Args:
      topology: a TPU slice such as ``v5e:16x16`` or ``v5p:4x4x4``; "" = the devices that are here.

    Raises:
      ConfigError: when the compiler of TPU programs is not installed, or knows no such slice.
    """
    if not topology:
        return jax.devices()
    if importlib.util.find_spec("libtpu") is None:
        raise ConfigError(
            f"--topology {topology} needs the TPU compiler, which is not installed; install it "
            "with: pip install 'stylejax[tpu]' (no TPU is needed), or leave --topology out to plan "
            "for the devices of this machine"
        )
    # Planning needs no device; without these the compiler looks for a TPU's host and waits for it.
    jax.config.update("jax_platforms", "cpu")
    os.environ.setdefault("TPU_SKIP_MDS_QUERY", "1")
    os.environ.setdefault("ALLOW_MULTIPLE_LIBTPU_LOAD", "1")  # no TPU is touched: plans may share
    os.environ.setdefault("TPU_ACCELERATOR_TYPE", "")
    os.environ.setdefault("TPU_WORKER_HOSTNAMES", "localhost")
    from jax.experimental import topologies

    try:
        found = topologies.get_topology_desc(platform="tpu", topology_name=topology)
    except (RuntimeError, ValueError, NotImplementedError) as error:
        first = str(error).strip().splitlines()[0]
        raise ConfigError(
            f"--topology {topology!r} is no TPU slice that the compiler knows ({first}); use a "
            "generation and a shape such as v5e:16x16, v5p:4x4x4, v6e:16x16 or v4:4x4x4"
        ) from error
    return list(found.devices)
