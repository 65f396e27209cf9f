"""Text towers, and the layers of single-stream models, under the names of each library."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stylejax.config import TextTowerConfig, TransformerConfig
from stylejax.encoder.pretrained import layers
from stylejax.encoder.pretrained.layers import Read, Weights, stacked, under
from stylejax.encoder.pretrained.tensors import Tensors

BERTS = ("", "bert.", "roberta.", "text_model.")


def text_weights(kind: str, files: dict[str, NDArray], tower: TextTowerConfig, pad: int) -> Read:
    """A text tower's weights under our names.

    Args:
      kind: `model_type` of the folder.
      files: its tensors.
      tower: shape of the tower.
      pad: id of padding, whose embedding stands where there is no token and padding is attended.

    Returns:
      Our path to array, and the names that were read.
    """
    fronts, read = FAMILIES[kind]
    tensors = Tensors(files, tower.weights, fronts)
    found = read(tensors, tower)
    if tower.padding == "attended":
        found["padding"] = found["tokens/embedding"][pad]
    return found, tensors.taken


def fusion_weights(kind: str, files: dict[str, NDArray], config: TransformerConfig) -> Read:
    """The fusion transformer's weights from a single-stream model, under our names."""
    if kind == "vilt":
        tensors = Tensors(files, config.weights, ("", "vilt."))
        kinds = tensors("embeddings.token_type_embeddings.weight")  # text, picture
        modality = np.stack([kinds[1], kinds[0]])
        place = tensors("embeddings.position_embeddings")[0, 0]
        first = tensors("embeddings.cls_token").reshape(-1) + place + modality[0]
        found = {
            "class_token": first,
            "modality": modality,
            **under("layers/norm", tensors.norm("layernorm")),
        }
        names = layers.VIT
    else:
        tensors = Tensors(files, config.weights, BERTS)
        found, names = {}, layers.BERT
    stack = stacked(tensors, "encoder.layer.", config.depth, names)
    return found | under("layers/layers", stack), tensors.taken


def _clip(tensors: Tensors, tower: TextTowerConfig) -> Weights:
    front = "text_model."
    found = {
        "tokens/embedding": tensors(front + "embeddings.token_embedding.weight"),
        "positions": tensors(front + "embeddings.position_embedding.weight"),
        **_stack(tensors, front + "encoder.layers.", tower, layers.CLIP),
        **under("layers/norm", tensors.norm(front + "final_layer_norm")),
    }
    for name in ("text_projection", front + "head"):
        if f"{name}.weight" in tensors:
            found |= under("head", tensors.linear(name))
    return found


def _bert(tensors: Tensors, tower: TextTowerConfig) -> Weights:
    return {
        **_bert_embeddings(tensors, "embeddings."),
        **_stack(tensors, "encoder.layer.", tower, layers.BERT),
    }


def _roberta(tensors: Tensors, tower: TextTowerConfig) -> Weights:
    found = _bert(tensors, tower)
    # Positions are counted from the padding's id on, which is 1: two rows are never read.
    return found | {"positions": found["positions"][2:]}


def _chinese_clip(tensors: Tensors, tower: TextTowerConfig) -> Weights:
    return _bert(tensors, tower) | under("head", tensors.linear("text_projection"))


def _vilt(tensors: Tensors, tower: TextTowerConfig) -> Weights:
    del tower
    return _bert_embeddings(tensors, "embeddings.text_embeddings.")


def _open_clip(tensors: Tensors, tower: TextTowerConfig) -> Weights:
    found = {
        "tokens/embedding": tensors("token_embedding.weight"),
        "positions": tensors("positional_embedding"),
        **_stack(tensors, "transformer.resblocks.", tower, layers.OPEN_CLIP),
        **under("layers/norm", tensors.norm("ln_final")),
    }
    if tower.head == "affine":
        return found | under("head", tensors.linear("text_projection"))
    return found | {"head/kernel": tensors("text_projection")}


FAMILIES = {
    "clip": (("",), _clip),
    "siglip": (("",), _clip),
    "siglip2": (("",), _clip),
    "chinese_clip": (("", "text_model."), _chinese_clip),
    "bert": (BERTS, _bert),
    "roberta": (BERTS, _roberta),
    "xlm-roberta": (BERTS, _roberta),
    "vilt": (("", "vilt."), _vilt),
    "open_clip": (("", "text."), _open_clip),
}


def _bert_embeddings(tensors: Tensors, front: str) -> Weights:
    # Every token is of the first type here, so its vector is part of the positions'.
    first_type = tensors(front + "token_type_embeddings.weight")[0]
    return {
        "tokens/embedding": tensors(front + "word_embeddings.weight"),
        "positions": tensors(front + "position_embeddings.weight") + first_type,
        **under("input_norm", tensors.norm(front + "LayerNorm")),
    }


def _stack(tensors: Tensors, front: str, tower: TextTowerConfig, names) -> Weights:
    return under("layers/layers", stacked(tensors, front, tower.depth, names))
