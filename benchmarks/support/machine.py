"""What a benchmark ran on, so that its numbers can be read later."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
from pathlib import Path


def machine(*packages: str) -> dict[str, str]:
    """Date, processor, cores in use, Python and the versions of the named packages."""
    model = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines() if os.name == "posix" else []:
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return {
        "date": datetime.date.today().isoformat(),
        "processor": model,
        "cores": str(len(os.sched_getaffinity(0))),
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in packages},
    }
