"""Image towers under the names of each library."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from stylejax.config import ConfigError, ImageTowerConfig
from stylejax.encoder.pretrained import layers
from stylejax.encoder.pretrained.layers import Read, Weights, stacked, under
from stylejax.encoder.pretrained.tensors import Tensors


def image_weights(kind: str, files: dict[str, NDArray], tower: ImageTowerConfig) -> Read:
    """An image tower's weights under our names.

    Args:
      kind: `model_type` of the folder.
      files: its tensors.
      tower: shape of the tower.

    Returns:
      Our path to array, and the names that were read.
    """
    fronts, read = FAMILIES[kind]
    tensors = Tensors(files, tower.weights, fronts)
    return read(tensors, tower), tensors.taken


def _clip(tensors: Tensors, tower: ImageTowerConfig) -> Weights:
    table = tensors("vision_model.embeddings.position_embedding.weight")
    return {
        **_stem(tensors("vision_model.embeddings.patch_embedding.weight"), tower),
        **_positions(table[1:]),
        "class_token": tensors("vision_model.embeddings.class_embedding") + table[0],
        **under("input_norm", tensors.norm("vision_model.pre_layrnorm")),
        **_stack(tensors, "vision_model.encoder.layers.", tower, layers.CLIP),
        **under("layers/norm", tensors.norm("vision_model.post_layernorm")),
        **_head(tensors, "visual_projection"),
    }


def _siglip(tensors: Tensors, tower: ImageTowerConfig) -> Weights:
    front = "vision_model."
    found = {
        **_stem(tensors(front + "embeddings.patch_embedding.weight"), tower),
        "stem/bias": tensors(front + "embeddings.patch_embedding.bias"),
        **_positions(tensors(front + "embeddings.position_embedding.weight")),
        **_stack(tensors, front + "encoder.layers.", tower, layers.CLIP),
        **under("layers/norm", tensors.norm(front + "post_layernorm")),
    }
    head, pool = front + "head.", "attention_pool"
    if head + "probe" in tensors:
        kernel = tensors(head + "attention.in_proj_weight").T
        bias = tensors(head + "attention.in_proj_bias")
        width = kernel.shape[0]
        found |= {
            f"{pool}/query": tensors(head + "probe").reshape(-1),
            f"{pool}/q/kernel": kernel[:, :width],
            f"{pool}/q/bias": bias[:width],
            f"{pool}/kv/kernel": kernel[:, width:],
            f"{pool}/kv/bias": bias[width:],
            **under(f"{pool}/out", tensors.linear(head + "attention.out_proj")),
            **under(f"{pool}/norm", tensors.norm(head + "layernorm")),
            **under(f"{pool}/mlp/up", tensors.linear(head + "mlp.fc1")),
            **under(f"{pool}/mlp/down", tensors.linear(head + "mlp.fc2")),
        }
    return found


def _vit(tensors: Tensors, tower: ImageTowerConfig) -> Weights:
    table = tensors("embeddings.position_embeddings")[0]
    found = {
        **_stem(tensors("embeddings.patch_embeddings.projection.weight"), tower),
        "stem/bias": tensors("embeddings.patch_embeddings.projection.bias"),
        **_positions(table[1:]),
        "class_token": tensors("embeddings.cls_token").reshape(-1) + table[0],
        **under("layers/norm", tensors.norm("layernorm")),
    }
    if tower.registers:
        found["registers"] = tensors("embeddings.register_tokens")[0]
    names = layers.DINO if tower.layer_scale else layers.VIT
    return found | _stack(tensors, "encoder.layer.", tower, names)


def _vilt(tensors: Tensors, tower: ImageTowerConfig) -> Weights:
    table = tensors("embeddings.position_embeddings")[0]
    return {
        **_stem(tensors("embeddings.patch_embeddings.projection.weight"), tower),
        "stem/bias": tensors("embeddings.patch_embeddings.projection.bias"),
        **_positions(table[1:]),
    }


def _open_clip(tensors: Tensors, tower: ImageTowerConfig) -> Weights:
    if "visual.trunk.pos_embed" in tensors:
        return _timm(tensors, tower)
    table = tensors("visual.positional_embedding")
    found = {
        **_stem(tensors("visual.conv1.weight"), tower),
        **_positions(table[1:]),
        "class_token": tensors("visual.class_embedding") + table[0],
        **_stack(tensors, "visual.transformer.resblocks.", tower, layers.OPEN_CLIP),
        **under("layers/norm", tensors.norm("visual.ln_post")),
        "head/kernel": tensors("visual.proj"),
    }
    if tower.input_norm:
        found |= under("input_norm", tensors.norm("visual.ln_pre"))
    return found


def _timm(tensors: Tensors, tower: ImageTowerConfig) -> Weights:
    front, pool = "visual.trunk.", "attention_pool"
    found = {
        **_stem(tensors(front + "patch_embed.proj.weight"), tower),
        "stem/bias": tensors(front + "patch_embed.proj.bias"),
        **_positions(tensors(front + "pos_embed")[0]),
        **_stack(tensors, front + "blocks.", tower, layers.TIMM),
        **under("layers/norm", tensors.norm(front + "norm")),
        f"{pool}/query": tensors(front + "attn_pool.latent").reshape(-1),
        **under(f"{pool}/q", tensors.linear(front + "attn_pool.q")),
        **under(f"{pool}/kv", tensors.linear(front + "attn_pool.kv")),
        **under(f"{pool}/out", tensors.linear(front + "attn_pool.proj")),
        **under(f"{pool}/norm", tensors.norm(front + "attn_pool.norm")),
        **under(f"{pool}/mlp/up", tensors.linear(front + "attn_pool.mlp.fc1")),
        **under(f"{pool}/mlp/down", tensors.linear(front + "attn_pool.mlp.fc2")),
    }
    return found | _head(tensors, "visual.head.proj")


# `model_type` to what may stand before the names (a tower saved alone, or in a larger model), and
# the function that reads them.
FAMILIES = {
    "clip": (("",), _clip),
    "chinese_clip": (("",), _clip),
    "siglip": (("",), _siglip),
    "siglip2": (("",), _siglip),
    "vit": (("", "vit."), _vit),
    "dinov2": (("", "dinov2."), _vit),
    "dinov2_with_registers": (("", "dinov2_with_registers."), _vit),
    "vilt": (("", "vilt."), _vilt),
    "open_clip": (("",), _open_clip),
}


def _stem(kernel: NDArray[np.float32], tower: ImageTowerConfig) -> Weights:
    """A patch kernel `[out, 3, p, p]`, or `[out, p * p * 3]`, and a bias of zero."""
    if kernel.ndim == 2:
        kernel = kernel.reshape(len(kernel), tower.patch, tower.patch, 3).transpose(1, 2, 3, 0)
    else:
        kernel = kernel.transpose(2, 3, 1, 0)
    return {"stem/kernel": kernel, "stem/bias": np.zeros(kernel.shape[-1], np.float32)}


def _positions(table: NDArray[np.float32]) -> Weights:
    side = math.isqrt(len(table))
    if side * side != len(table):
        raise ConfigError(f"{len(table)} positions of patches are no square")
    return {"positions": table.reshape(side, side, -1)}


def _stack(tensors: Tensors, front: str, tower: ImageTowerConfig, names) -> Weights:
    return under("layers/layers", stacked(tensors, front, tower.depth, names))


def _head(tensors: Tensors, name: str) -> Weights:
    return under("head", tensors.linear(name)) if f"{name}.weight" in tensors else {}
