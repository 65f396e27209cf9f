"""Environments of the programs that tests start: as one process, or as two that are one program."""

import os
import re
import socket
from pathlib import Path

ROOT = Path(__file__).parents[1]


def flags(devices: int) -> str:
    """The XLA flags of the tests, with other devices."""
    return re.sub(r"device_count=\d+", f"device_count={devices}", os.environ["XLA_FLAGS"])


def two_hosts(devices: int) -> list[dict[str, str]]:
    """As a launcher would set them; each host has `devices`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    meeting = {
        "JAX_COORDINATOR_ADDRESS": address,
        "JAX_NUM_PROCESSES": "2",
        "XLA_FLAGS": flags(devices),
        "PYTHONPATH": str(ROOT),
    }
    return [os.environ | meeting | {"JAX_PROCESS_ID": str(number)} for number in range(2)]
