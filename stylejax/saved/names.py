"""An encoder's weights under the names that other libraries give them."""

from __future__ import annotations

import jax
import numpy as np
from numpy.typing import NDArray

from stylejax.config import Config
from stylejax.encoder.parameters import Parameters
from stylejax.encoder.pretrained import layers
from stylejax.encoder.pretrained.layers import LayerNames
from stylejax.saved.families import CHINESE_CLIP, SIGLIP, Family, Layout, Words

Tensors = dict[str, NDArray[np.float32]]


def renamed(
    layout: Layout,
    family: Family,
    parameters: Parameters,
    config: Config,
    words: Words,
    scale: float,
    bias: float,
) -> Tensors:
    """The two towers' weights as a library's safetensors file has them.

    Biases and vectors that a family has not are added to the positions, which gives the same
    numbers; positions are those of the picture size that is encoded.

    Args:
      layout: whose names.
      family: `family_of` the encoder.
      parameters: path to array.
      config: the run's.
      words: where there is a row for padding in the table of tokens, its vector is there.
      scale: inverse temperature.
      bias: of the sigmoid loss.
    """
    made = _Renamed({name: np.asarray(x, np.float32) for name, x in parameters.items()}, config)
    made.tensors["logit_scale"] = np.asarray(np.log(scale), np.float32)
    if layout == "open_clip":
        if family is SIGLIP:
            made.tensors["logit_bias"] = np.asarray(bias, np.float32)
            _timm_image(made)
        else:
            _open_clip_image(made)
        _open_clip_text(made, words, "text." if family is SIGLIP else "")
        return made.tensors
    if family is SIGLIP:
        made.tensors["logit_scale"] = made.tensors["logit_scale"].reshape(1)
        made.tensors["logit_bias"] = np.asarray([bias], np.float32)
        _siglip_image(made)
    else:
        _clip_image(made)
    if family is CHINESE_CLIP:
        _bert_text(made)
    else:
        _clip_text(made, words, "text_model.head" if family is SIGLIP else "text_projection")
    return made.tensors


class _Renamed:
    """Our weights, and those that have their new names already."""

    def __init__(self, ours: Tensors, config: Config):
        self.ours, self.config = ours, config
        self.tensors: Tensors = {}

    def linear(self, theirs: str, ours: str) -> None:
        self.tensors[f"{theirs}.weight"] = self.ours[f"{ours}/kernel"].T
        if f"{ours}/bias" in self.ours:
            self.tensors[f"{theirs}.bias"] = self.ours[f"{ours}/bias"]

    def norm(self, theirs: str, ours: str) -> None:
        self.tensors[f"{theirs}.weight"] = self.ours[f"{ours}/scale"]
        self.tensors[f"{theirs}.bias"] = self.ours[f"{ours}/bias"]

    def stack(self, front: str, ours: str, names: LayerNames) -> None:
        stack = {
            name.removeprefix(ours): x for name, x in self.ours.items() if name.startswith(ours)
        }
        depth = len(next(iter(stack.values())))
        for number in range(depth):
            weights = {name: x[number] for name, x in stack.items()}
            self.tensors |= layers.named(weights, f"{front}{number}.", names)

    def patches(self) -> NDArray[np.float32]:
        """Kernel of the patches `[out, 3, p, p]`."""
        return self.ours["image/stem/kernel"].transpose(3, 2, 0, 1)

    def positions(self) -> NDArray[np.float32]:
        """A row a patch, for pictures of the size that is encoded."""
        table = self.ours["image/positions"]
        side = self.config.picture.encoded_size // self.config.encoder.image.stride
        if table.shape[0] != side:  # as the tower itself does
            table = np.asarray(jax.image.resize(table, (side, side, table.shape[-1]), "bilinear"))
        return table.reshape(side * side, -1)

    def with_class_token(self) -> NDArray[np.float32]:
        """A row for the class token before those of the patches, which take the patches' bias."""
        patches = self.positions() + self.ours["image/stem/bias"]
        return np.concatenate([np.zeros_like(patches[:1]), patches])

    def table(self, words: Words) -> NDArray[np.float32]:
        """A row a token; where padding has a vector of its own, that is the last."""
        table = self.ours["text/tokens/embedding"]
        if words.size > len(table):
            table = np.concatenate([table, self.ours["text/padding"][None]])
        return table


def _clip_image(made: _Renamed) -> None:
    front = "vision_model."
    made.tensors[front + "embeddings.patch_embedding.weight"] = made.patches()
    made.tensors[front + "embeddings.class_embedding"] = made.ours["image/class_token"]
    made.tensors[front + "embeddings.position_embedding.weight"] = made.with_class_token()
    made.norm(front + "pre_layrnorm", "image/input_norm")
    made.stack(front + "encoder.layers.", "image/layers/layers/", layers.CLIP)
    made.norm(front + "post_layernorm", "image/layers/norm")
    made.linear("visual_projection", "image/head")


def _siglip_image(made: _Renamed) -> None:
    front, pool, head = "vision_model.", "image/attention_pool/", "vision_model.head."
    made.tensors[front + "embeddings.patch_embedding.weight"] = made.patches()
    made.tensors[front + "embeddings.patch_embedding.bias"] = made.ours["image/stem/bias"]
    made.tensors[front + "embeddings.position_embedding.weight"] = made.positions()
    made.stack(front + "encoder.layers.", "image/layers/layers/", layers.CLIP)
    made.norm(front + "post_layernorm", "image/layers/norm")
    made.tensors[head + "probe"] = made.ours[pool + "query"][None, None]
    for theirs, ours in (("weight", "kernel"), ("bias", "bias")):
        parts = made.ours[f"{pool}q/{ours}"], made.ours[f"{pool}kv/{ours}"]
        made.tensors[f"{head}attention.in_proj_{theirs}"] = np.concatenate(parts, axis=-1).T
    made.linear(head + "attention.out_proj", pool + "out")
    made.norm(head + "layernorm", pool + "norm")
    made.linear(head + "mlp.fc1", pool + "mlp/up")
    made.linear(head + "mlp.fc2", pool + "mlp/down")


def _clip_text(made: _Renamed, words: Words, head: str) -> None:
    front = "text_model."
    made.tensors[front + "embeddings.token_embedding.weight"] = made.table(words)
    made.tensors[front + "embeddings.position_embedding.weight"] = made.ours["text/positions"]
    made.stack(front + "encoder.layers.", "text/layers/layers/", layers.CLIP)
    made.norm(front + "final_layer_norm", "text/layers/norm")
    made.linear(head, "text/head")


def _bert_text(made: _Renamed) -> None:
    front, positions = "text_model.embeddings.", made.ours["text/positions"]
    made.tensors[front + "word_embeddings.weight"] = made.ours["text/tokens/embedding"]
    made.tensors[front + "position_embeddings.weight"] = positions
    # Ours has the vector of the first of two types, which every token is of, in the positions.
    made.tensors[front + "token_type_embeddings.weight"] = np.zeros((2, positions.shape[1]), "f4")
    made.norm(front + "LayerNorm", "text/input_norm")
    made.stack("text_model.encoder.layer.", "text/layers/layers/", layers.BERT)
    made.linear("text_projection", "text/head")


def _open_clip_image(made: _Renamed) -> None:
    made.tensors["visual.conv1.weight"] = made.patches()
    made.tensors["visual.class_embedding"] = made.ours["image/class_token"]
    made.tensors["visual.positional_embedding"] = made.with_class_token()
    made.norm("visual.ln_pre", "image/input_norm")
    made.stack("visual.transformer.resblocks.", "image/layers/layers/", layers.OPEN_CLIP)
    made.norm("visual.ln_post", "image/layers/norm")
    made.tensors["visual.proj"] = made.ours["image/head/kernel"]


def _timm_image(made: _Renamed) -> None:
    front, pool = "visual.trunk.", "image/attention_pool/"
    made.tensors[front + "patch_embed.proj.weight"] = made.patches()
    made.tensors[front + "patch_embed.proj.bias"] = made.ours["image/stem/bias"]
    made.tensors[front + "pos_embed"] = made.positions()[None]
    made.stack(front + "blocks.", "image/layers/layers/", layers.TIMM)
    made.norm(front + "norm", "image/layers/norm")
    made.tensors[front + "attn_pool.latent"] = made.ours[pool + "query"][None, None]
    made.linear(front + "attn_pool.q", pool + "q")
    made.linear(front + "attn_pool.kv", pool + "kv")
    made.linear(front + "attn_pool.proj", pool + "out")
    made.norm(front + "attn_pool.norm", pool + "norm")
    made.linear(front + "attn_pool.mlp.fc1", pool + "mlp/up")
    made.linear(front + "attn_pool.mlp.fc2", pool + "mlp/down")


def _open_clip_text(made: _Renamed, words: Words, front: str) -> None:
    made.tensors[front + "token_embedding.weight"] = made.table(words)
    made.tensors[front + "positional_embedding"] = made.ours["text/positions"]
    made.stack(front + "transformer.resblocks.", "text/layers/layers/", layers.OPEN_CLIP)
    made.norm(front + "ln_final", "text/layers/norm")
    if front:
        made.linear(front + "text_projection", "text/head")
    else:
        made.tensors["text_projection"] = made.ours["text/head/kernel"]
