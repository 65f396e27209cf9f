"""Which vectors a file of metrics is of, and whether a run's folder still holds them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stylejax.config import ConfigError
from stylejax.retrieval.manifest import identity, read_manifest


def provenance(manifest: Mapping[str, Any], folder: Path, own: Path) -> dict[str, Any]:
    """What metrics keep of the vectors that they are of: the `identity` of their export.

    Args:
      manifest: of the export.
      folder: of the export; it is kept where it is not the run's own.
      own: folder of the run's own export.
    """
    elsewhere = folder.resolve() != own.resolve()
    return identity(manifest) | {"folder": str(folder) if elsewhere else ""}


def require_metrics_of(
    metrics: Mapping[str, Any], manifest: Mapping[str, Any], path: Path, folder: Path
) -> None:
    """Checks that metrics were made of an export: that their ``"vectors"`` have its `identity`.

    Args:
      metrics: what ``stylejax evaluate`` wrote.
      manifest: of the export.
      path: file of the metrics, for the error.
      folder: of the export, likewise.

    Raises:
      ConfigError: when they are of other vectors, or do not say of which.
    """
    known, wanted = metrics.get("vectors", {}), identity(manifest)
    if known.get("sha256") != wanted["sha256"]:
        made = f"vectors of step {known['step']}" if "step" in known else "unknown vectors"
        same = ", in another export" if known.get("step") == wanted["step"] else ""
        raise ConfigError(
            f"{path} is of {made}{same}, not of those in {folder}, exported at step "
            f"{wanted['step']}; run `stylejax evaluate` again"
        )


def out_of_date(metrics: Mapping[str, Any], path: Path, folder: Path) -> str | None:
    """Why metrics of a run's own export no longer tell of it, and what to do; None = they do.

    Args:
      metrics: what ``stylejax evaluate`` wrote; of an export elsewhere (``--vectors``), or where
        the run's is gone, nothing is known.
      path: file of the metrics.
      folder: of the run's export.
    """
    if metrics.get("vectors", {}).get("folder") or not folder.is_dir():
        return None
    try:
        require_metrics_of(metrics, read_manifest(folder), path, folder)
    except ConfigError as error:
        return str(error)
    return None
