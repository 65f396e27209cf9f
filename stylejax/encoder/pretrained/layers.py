"""Transformer layers under the names of each library, stacked as ours are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stylejax.encoder.pretrained.tensors import Tensors

Weights = dict[str, NDArray[np.float32]]
Read = tuple[Weights, set[str]]  # ours, and the names that were read from the files


@dataclass(frozen=True)
class LayerNames:
    """What a library calls the parts of a layer, after the layer's number."""

    qkv: tuple[str, ...]  # three linear layers, or one that holds all (its name ends in a dot or _)
    out: str
    attention_norm: str
    up: str
    down: str
    mlp_norm: str
    scales: tuple[str, str] | None = None  # of attention and MLP


CLIP = LayerNames(
    ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "self_attn.out_proj",
    "layer_norm1",
    "mlp.fc1",
    "mlp.fc2",
    "layer_norm2",
)
BERT = LayerNames(
    ("attention.self.query", "attention.self.key", "attention.self.value"),
    "attention.output.dense",
    "attention.output.LayerNorm",
    "intermediate.dense",
    "output.dense",
    "output.LayerNorm",
)
VIT = LayerNames(
    ("attention.attention.query", "attention.attention.key", "attention.attention.value"),
    "attention.output.dense",
    "layernorm_before",
    "intermediate.dense",
    "output.dense",
    "layernorm_after",
)
DINO = LayerNames(
    VIT.qkv, VIT.out, "norm1", "mlp.fc1", "mlp.fc2", "norm2",
    ("layer_scale1.lambda1", "layer_scale2.lambda1"),
)  # fmt: skip
OPEN_CLIP = LayerNames(
    ("attn.in_proj_",), "attn.out_proj", "ln_1", "mlp.c_fc", "mlp.c_proj", "ln_2"
)
TIMM = LayerNames(("attn.qkv.",), "attn.proj", "norm1", "mlp.fc1", "mlp.fc2", "norm2")


def stacked(tensors: Tensors, front: str, depth: int, names: LayerNames) -> Weights:
    """The layers `front`0, `front`1, ... as one set of weights with a leading axis of `depth`."""
    if depth == 0:
        return {}
    layers = [_layer(tensors, f"{front}{number}.", names) for number in range(depth)]
    return {name: np.stack([layer[name] for layer in layers]) for name in layers[0]}


def under(front: str, weights: Mapping[str, NDArray[np.float32]]) -> Weights:
    """The same weights with a path before their names."""
    return {f"{front}/{name}": x for name, x in weights.items()}


def _layer(tensors: Tensors, front: str, names: LayerNames) -> Weights:
    if len(names.qkv) == 1:
        packed = front + names.qkv[0]
        qkv = {"kernel": tensors(packed + "weight").T, "bias": tensors(packed + "bias")}
    else:
        parts = [tensors.linear(front + name) for name in names.qkv]
        width = parts[0]["kernel"].shape[1]
        for part in parts:  # a model may be trained without them (qkv_bias = false)
            part.setdefault("bias", np.zeros(width, np.float32))
        qkv = {name: np.concatenate([p[name] for p in parts], axis=-1) for name in parts[0]}
    scales = {}
    if names.scales:
        attention, mlp = (tensors(front + name) for name in names.scales)
        scales = {"attention_scale": attention, "mlp_scale": mlp}
    return {
        **under("qkv", qkv),
        **under("out", tensors.linear(front + names.out)),
        **under("attention_norm", tensors.norm(front + names.attention_norm)),
        **under("mlp/up", tensors.linear(front + names.up)),
        **under("mlp/down", tensors.linear(front + names.down)),
        **under("mlp_norm", tensors.norm(front + names.mlp_norm)),
        **scales,
    }


def named(weights: Mapping[str, NDArray[np.float32]], front: str, names: LayerNames) -> Weights:
    """One layer of ours under the names of a library: what `stacked` reads.

    Args:
      weights: our name to array, without the axis of layers.
      front: name and number of the layer, up to the dot before its parts.
      names: what the library calls the parts.
    """
    found: Weights = {}

    def linear(theirs: str, ours: str) -> None:
        found[f"{front}{theirs}.weight"] = weights[f"{ours}/kernel"].T
        found[f"{front}{theirs}.bias"] = weights[f"{ours}/bias"]

    def norm(theirs: str, ours: str) -> None:
        found[f"{front}{theirs}.weight"] = weights[f"{ours}/scale"]
        found[f"{front}{theirs}.bias"] = weights[f"{ours}/bias"]

    kernels = np.split(weights["qkv/kernel"].T, len(names.qkv))
    biases = np.split(weights["qkv/bias"], len(names.qkv))
    for name, kernel, bias in zip(names.qkv, kernels, biases, strict=True):
        packed = name if name.endswith((".", "_")) else f"{name}."
        found |= {f"{front}{packed}weight": kernel, f"{front}{packed}bias": bias}
    linear(names.out, "out")
    norm(names.attention_norm, "attention_norm")
    linear(names.up, "mlp/up")
    linear(names.down, "mlp/down")
    norm(names.mlp_norm, "mlp_norm")
    return found
