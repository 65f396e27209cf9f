"""Tensors of a pretrained folder by name, with a record of those that were taken."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stylejax.config import ConfigError
from stylejax.config.open_clip import OPEN_CLIP

# Not weights, of a part that no tower here has, or told apart: nothing is lost without them.
IDLE = re.compile(r"position_ids$|logit_(scale|bias)$|mask_token$|attn_mask$")


class Tensors:
    """Named tensors, of which a name may have one of several fronts.

    A tower's own folder says ``encoder.layer...`` where that of a larger model with the tower in it
    says ``bert.encoder.layer...``; ``fronts`` are tried in order.
    """

    def __init__(self, tensors: Mapping[str, NDArray], source: str, fronts: Sequence[str] = ("",)):
        self._tensors, self._source, self._fronts = tensors, source, fronts
        self.taken: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return self._find(name) is not None

    def __call__(self, name: str) -> NDArray[np.float32]:
        """The tensor of a name in float32.

        Raises:
          ConfigError: when there is none.
        """
        found = self._find(name)
        if found is None:
            near = sorted(self._tensors)[:3]
            raise ConfigError(
                f"{self._source} has no weight {self._fronts[0]}{name}; it has {', '.join(near)}, "
                f"... ({len(self._tensors)} weights)"
            )
        self.taken.add(found)
        return np.asarray(self._tensors[found], np.float32)

    def linear(self, name: str) -> dict[str, NDArray[np.float32]]:
        """Kernel `[in, out]` and bias of a linear layer, which files hold as `[out, in]`."""
        found = {"kernel": self(f"{name}.weight").T}
        return found | ({"bias": self(f"{name}.bias")} if f"{name}.bias" in self else {})

    def norm(self, name: str) -> dict[str, NDArray[np.float32]]:
        """Scale and bias of a layer norm."""
        return {"scale": self(f"{name}.weight"), "bias": self(f"{name}.bias")}

    def _find(self, name: str) -> str | None:
        return next((f + name for f in self._fronts if f + name in self._tensors), None)


def _today(name: str) -> str:
    """Layer norms of the first BERTs have TensorFlow's names."""
    return re.sub(
        r"LayerNorm\.gamma$",
        "LayerNorm.weight",
        re.sub(r"LayerNorm\.beta$", "LayerNorm.bias", name),
    )


def read_tensors(folder: Path) -> dict[str, NDArray]:
    """Every tensor of a folder's safetensors files.

    Raises:
      ConfigError: when there are none, or a file is damaged.
    """
    from safetensors import SafetensorError, safe_open

    paths = sorted(folder.glob("*.safetensors"))
    if (
        len(own := [path for path in paths if path.name.startswith("open_clip_")])
        and (folder / OPEN_CLIP).is_file()
    ):
        paths = own  # such a folder may hold the same weights once more, as transformers names them
    if not paths:
        raise ConfigError(
            f"{folder} has no .safetensors file; weights in other formats are not read. Where "
            "PyTorch is installed, write them anew: transformers.AutoModel.from_pretrained(NAME)"
            ".save_pretrained(FOLDER)"
        )
    tensors = {}
    for path in paths:
        try:
            with safe_open(path, framework="flax") as file:
                for name in file.keys():  # noqa: SIM118  the file is no mapping
                    tensors[_today(name)] = np.asarray(file.get_tensor(name))
        except (SafetensorError, OSError) as error:
            raise ConfigError(f"cannot read {path}: {error}") from error
    return tensors
