"""Fresh weights replaced by pretrained ones, and a report of what came from where."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import jax
import numpy as np
from numpy.typing import NDArray

from stylejax.config import ConfigError, EncoderConfig
from stylejax.config.own import OWN
from stylejax.config.pretrained import described, padding_id, pretrained_folder
from stylejax.encoder.parameters import Parameters
from stylejax.encoder.pretrained.image import FAMILIES as IMAGES
from stylejax.encoder.pretrained.image import image_weights
from stylejax.encoder.pretrained.layers import Read, Weights, under
from stylejax.encoder.pretrained.tensors import IDLE, read_tensors
from stylejax.encoder.pretrained.text import FAMILIES as TEXTS
from stylejax.encoder.pretrained.text import fusion_weights, text_weights

SPARE = 0.02  # of a table of tokens: rows behind the last id, there to fill it up
BETWEEN = ("gate/", "telling/")  # of our own folders: what weighs photo, title and pictures
STREAMS = ("bert", "roberta", "xlm-roberta", "vilt")  # whose layers a fusion starts from


@dataclass(frozen=True)
class Loaded:
    """What became of an encoder's weights and of the files'."""

    loaded: tuple[str, ...]  # ours, taken from the files as they are
    resized: tuple[str, ...]  # ours, positions interpolated or cut to another size
    initialised: tuple[str, ...]  # ours that no file has: random
    left_over: tuple[str, ...]  # the files' that no part here has, or of another length
    temperature: tuple[str, ...] = ()  # the files' scale and bias of the loss: the config sets ours

    def __str__(self) -> str:
        """One line for a log."""
        return (
            f"{len(self.loaded)} weights loaded, {len(self.resized)} resized, "
            f"{len(self.initialised)} initialised, {len(self.left_over)} of the files left over"
            + "".join(f"; {line}" for line in self.temperature)
        )

    def listed(self) -> str:
        """Every weight under the heading of what became of it."""
        lines = []
        for field in dataclasses.fields(self):
            names = getattr(self, field.name)
            lines += [f"{field.name} ({len(names)})", *(f"  {name}" for name in names)]
        return "\n".join(lines) + "\n"


def load_pretrained(parameters: Parameters, config: EncoderConfig) -> tuple[Parameters, Loaded]:
    """Replaces weights of the parts whose `weights` name a pretrained folder.

    Positions are interpolated to another grid of patches, and cut to fewer tokens; rows of a table
    of tokens beyond the tokenizer's last id are cut. A tower's head is taken too where the vector
    has the same length; other heads stay random.

    Args:
      parameters: fresh weights of the encoder, path to array.
      config: the encoder's.

    Returns:
      All weights, those not in the files as they were, and the report.

    Raises:
      ConfigError: when a folder cannot be read, lacks a weight, or has one of another shape.
    """
    files: dict[str, dict[str, NDArray]] = {}
    taken: dict[str, set[str]] = {}
    found: Weights = {}
    for part in ("image", "text", "fusion"):
        source = getattr(config, part).weights
        if not source:
            continue
        if source not in files:
            files[source] = read_tensors(pretrained_folder(source))
        weights, names = _part(part, files[source], config)
        if getattr(config, part).depth == 0:  # embeddings alone have no norm after a last layer
            weights = {n: x for n, x in weights.items() if not n.startswith("layers/")}
        found |= under(part, weights)
        taken.setdefault(source, set()).update(names)
    for source, tensors in files.items():
        if described(source)["model_type"] == OWN:
            between = {n for n in tensors if n.startswith(BETWEEN) and n in parameters}
            found |= {name: np.asarray(tensors[name], np.float32) for name in between}
            taken[source] |= between
    loaded, resized, unused = [], [], []
    result = dict(parameters)
    for name, x in found.items():
        if name not in parameters:
            if "/head/" in name or "/attention_pool/" in name:
                unused.append(name)  # with a fusion above it a tower has none
                continue
            raise ConfigError(f"the files have {name} {x.shape}, which the encoder has not")
        wanted = parameters[name]
        if x.shape == wanted.shape:
            loaded.append(name)
        elif "/head/" in name:
            unused.append(f"{name} {x.shape}, here {wanted.shape}")
            continue
        else:
            x = _fitted(name, x, wanted.shape)
            resized.append(name)
        x = np.asarray(x, wanted.dtype)
        # From the host to where it belongs: no device need hold it whole.
        where = wanted.sharding if isinstance(wanted, jax.Array) else None
        result[name] = jax.device_put(x, where)
    new = {*loaded, *resized}
    return result, Loaded(
        tuple(sorted(loaded)),
        tuple(sorted(resized)),
        tuple(sorted(set(parameters) - new)),
        (
            *sorted(unused),
            *(
                f"{source}: {name}"
                for source, names in taken.items()
                for name in sorted(set(files[source]) - names)
                if not IDLE.search(name)
            ),
        ),
        tuple(sorted({line for tensors in files.values() for line in _temperature(tensors)})),
    )


def _temperature(files: dict[str, NDArray]) -> list[str]:
    """Scale and bias of the loss that a model was trained with: a run starts from its config's."""
    lines = []
    for name, x in sorted(files.items()):
        if name.endswith("logit_scale"):
            lines.append(f"trained with a scale of {np.exp(x.item()):.4g} (--loss.scale sets ours)")
        elif name.endswith("logit_bias"):
            lines.append(f"trained with a bias of {x.item():.4g} (--loss.bias sets ours)")
    return lines


def _part(part: str, files: dict[str, NDArray], config: EncoderConfig) -> Read:
    source = getattr(config, part).weights
    model = described(source)
    kind = model["model_type"]
    if kind == OWN:
        own = {n: x for n, x in files.items() if n.startswith(f"{part}/")}
        return {n.removeprefix(f"{part}/"): np.asarray(x, np.float32) for n, x in own.items()}, {
            *own
        }
    known = {"image": tuple(IMAGES), "text": tuple(TEXTS), "fusion": STREAMS}[part]
    if kind not in known:
        raise ConfigError(
            f"encoder.{part}.weights is {source}, a {kind}; known: {', '.join(known)}"
        )
    if part == "image":
        return image_weights(kind, files, config.image)
    if part == "fusion":
        return fusion_weights(kind, files, config.fusion)
    return text_weights(kind, files, config.text, padding_id(source))


def _fitted(name: str, x: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Positions of another grid or another length; anything else is a mistake."""
    fewer = len(x) - shape[0]
    if x.shape[-1] != shape[-1]:
        pass
    elif name == "image/positions":
        return np.asarray(jax.image.resize(x, shape, "bicubic", antialias=True))
    elif name == "text/positions":
        if fewer > 0:
            return x[: shape[0]]
        raise ConfigError(
            f"text.max_tokens is {shape[0]}, but {name} was trained for {len(x)} tokens; use at "
            f"most {len(x)}"
        )
    elif name == "text/tokens/embedding":
        if 0 < fewer <= SPARE * len(x):
            return x[: shape[0]]
        raise ConfigError(
            f"the tokenizer has {shape[0]} ids, but {name} has {len(x)}: they belong to different "
            "models; set text.tokenizer to the folder of encoder.text.weights"
        )
    raise ConfigError(f"{name} is {shape} in the encoder, but {x.shape} in the files")
