"""Towers as the config files of pretrained models describe them, for recipes to start from.

A recipe writes ``ImageTowerConfig`` and ``TextTowerConfig`` out by calling `image_tower` and
`text_tower`; the run's own config.json then holds every setting, and export, evaluation and
search never ask for the pretrained folder again.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from stylejax.config.encoder import (
    EncoderConfig,
    ImageTowerConfig,
    TextTowerConfig,
    TransformerConfig,
)
from stylejax.config.error import ConfigError, require
from stylejax.config.open_clip import (
    CLIP_MEAN,
    CLIP_STD,
    OPEN_CLIP,
    open_clip_image,
    open_clip_text,
)
from stylejax.config.own import OWN, own_encoder

GEMMA_WORDS = 256_000  # vocabulary of SigLIP 2's tokenizer
ACTIVATIONS = {
    "gelu": "gelu",
    "quick_gelu": "quick_gelu",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_new": "gelu_tanh",
}
HALF = (0.5, 0.5, 0.5)
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def pretrained_folder(source: str) -> Path:
    """The folder of a pretrained model: a path, or the name of a repository on a model hub.

    Raises:
      ConfigError: when there is no such folder, and no such repository can be fetched either.
    """
    folder = Path(source)
    if folder.is_dir():
        return folder
    from huggingface_hub import snapshot_download

    try:
        kinds = ["*.json", "*.safetensors", "*.txt", "*.model"]
        return Path(snapshot_download(source, allow_patterns=kinds))
    except Exception as error:  # the hub's errors share no class
        reason = str(error).strip().splitlines()
        raise ConfigError(
            f"{source} is no folder, and fetching it as a model hub's repository failed: "
            f"{reason[0] if reason else type(error).__name__}"
        ) from error


def described(source: str) -> dict[str, Any]:
    """What a pretrained folder says of its model.

    Returns:
      config.json of a `transformers` folder, with all its defaults; that of an encoder saved
      whole, ``"model_type": "stylejax"``, as it is; of an open_clip folder
      open_clip_config.json, with ``"model_type": "open_clip"``.

    Raises:
      ConfigError: when there is neither, or it cannot be read.
    """
    folder = pretrained_folder(source)
    try:
        if (folder / OPEN_CLIP).is_file():
            return {"model_type": "open_clip", **json.loads((folder / OPEN_CLIP).read_text())}
        if (folder / "config.json").is_file():
            described = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            if described.get("model_type") == OWN:
                return described
            from transformers import AutoConfig

            return AutoConfig.from_pretrained(folder).to_dict()
    except (ValueError, KeyError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ConfigError(f"{folder} holds no model that is known here: {reason}") from error
    raise ConfigError(f"{folder} has neither config.json nor {OPEN_CLIP}")


def image_tower(source: str) -> ImageTowerConfig:
    """The image tower of a pretrained CLIP, SigLIP, SigLIP 2, Chinese-CLIP, ViT, DINOv2 or ViLT.

    Args:
      source: folder in the format of `transformers` or open_clip, or name of a hub's repository.

    Raises:
      ConfigError: when the folder cannot be read, or its model has no image tower known here.
    """
    config = described(source)
    kind = config["model_type"]
    if kind == "open_clip":
        return open_clip_image(source, config)
    if kind == OWN:
        return own_encoder(config, source).image
    vision = config.get("vision_config", config)
    tower: dict[str, Any] = {"weights": source, "patch": vision.get("patch_size")}
    if kind in ("clip", "chinese_clip"):
        tower |= {"pixel_mean": CLIP_MEAN, "pixel_std": CLIP_STD}
        tower |= {"class_token": True, "input_norm": True, "pool": "class"}
    elif kind in ("siglip", "siglip2"):
        tower |= {"pixel_mean": HALF, "pixel_std": HALF, "pool": "attention", "head": "none"}
    elif kind == "vit":
        tower |= {"pixel_mean": HALF, "pixel_std": HALF, "class_token": True, "pool": "class"}
    elif kind in ("dinov2", "dinov2_with_registers"):
        require(
            not vision["use_swiglu_ffn"],
            f"{source} has gated MLPs (use_swiglu_ffn), which this encoder has not; the small, "
            "base and large models have plain ones",
        )
        tower |= {"pixel_mean": IMAGENET_MEAN, "pixel_std": IMAGENET_STD, "layer_scale": True}
        tower |= {"class_token": True, "pool": "class"}
        if kind == "dinov2_with_registers":
            tower["registers"] = vision["num_register_tokens"]
        vision["intermediate_size"] = int(vision["mlp_ratio"] * vision["hidden_size"])
    elif kind == "vilt":
        # Patches go straight into the fusion; its layers are the whole model.
        tower |= {"pixel_mean": HALF, "pixel_std": HALF}
        tower |= _pixels(source)
        return ImageTowerConfig(**tower, width=vision["hidden_size"], heads=1)
    else:
        raise ConfigError(f"{source} is a {kind}, which has no image tower known here")
    return ImageTowerConfig(**tower | _pixels(source), **_layers(source, vision))


def text_tower(source: str) -> TextTowerConfig:
    """The text tower of a pretrained CLIP, SigLIP (2), Chinese-CLIP, BERT, RoBERTa or ViLT.

    Args:
      source: as in `image_tower`.

    Raises:
      ConfigError: when the folder cannot be read, or its model has no text tower known here.
    """
    config = described(source)
    kind = config["model_type"]
    if kind == "open_clip":
        return open_clip_text(source, config)
    if kind == OWN:
        return own_encoder(config, source).text
    text = config.get("text_config", config)
    tower: dict[str, Any] = {"weights": source}
    if kind == "clip":
        tower |= {"causal": True, "pool": "last"}
    elif kind in ("siglip", "siglip2"):
        tower |= {"padding": "attended", "pool": "last", "head": "affine"}
    elif kind in ("chinese_clip", "bert", "roberta", "xlm-roberta"):
        tower |= {"norm": "post", "input_norm": True, "pool": "first"}
    elif kind == "vilt":
        epsilon, width = text["layer_norm_eps"], text["hidden_size"]
        return TextTowerConfig(**tower, width=width, heads=1, input_norm=True, epsilon=epsilon)
    else:
        raise ConfigError(f"{source} is a {kind}, which has no text tower known here")
    return TextTowerConfig(**tower, **_layers(source, text))


def fusion_layers(source: str) -> TransformerConfig:
    """Fusion layers that start from a single-stream model: BERT, RoBERTa or ViLT.

    Args:
      source: as in `image_tower`.

    Raises:
      ConfigError: when the folder cannot be read, or its model is another.
    """
    config = described(source)
    kind = config["model_type"]
    if kind == OWN:
        return own_encoder(config, source).fusion
    require(
        kind in ("bert", "roberta", "xlm-roberta", "vilt"),
        f"{source} is a {kind}; a fusion transformer starts from a BERT, RoBERTa or ViLT",
    )
    norm = "pre" if kind == "vilt" else "post"
    return TransformerConfig(weights=source, norm=norm, **_layers(source, config))


def padding_id(source: str) -> int:
    """Id whose vector stands where there is no token, in a model whose padding is attended to.

    It is the tokenizer's, where the folder has one: SigLIP 2 at a fixed resolution calls itself
    siglip and names no id, so that its config's default is SigLIP's.

    Args:
      source: folder or repository name of a SigLIP.

    Raises:
      ConfigError: when the folder cannot be read.
    """
    model, own = described(source), _tokenizers_padding(pretrained_folder(source))
    if own is not None:
        return own
    if model["model_type"] == "open_clip":
        text = model["model_cfg"]["text_cfg"]
        # SigLIP's tokenizer pads with 1, SigLIP 2's (Gemma's) with 0.
        return text.get("pad_id", 0 if "SigLIP2" in text.get("hf_tokenizer_name", "") else 1)
    text = model.get("text_config", {})
    if model["model_type"] == "siglip2" or text.get("vocab_size") == GEMMA_WORDS:
        return 0
    return text.get("pad_token_id", 1)


def _tokenizers_padding(folder: Path) -> int | None:
    """The id of the token that a folder's tokenizer pads with, if it says so."""
    named, words = folder / "tokenizer_config.json", folder / "tokenizer.json"
    if not (named.is_file() and words.is_file()):
        return None
    token = json.loads(named.read_text(encoding="utf-8")).get("pad_token")
    token = token.get("content") if isinstance(token, dict) else token
    added = json.loads(words.read_text(encoding="utf-8")).get("added_tokens") or []
    return next((entry["id"] for entry in added if entry.get("content") == token), None)


def _pixels(source: str) -> dict[str, Any]:
    """Mean and deviation of pixels where the folder says them: models of a family differ."""
    path = pretrained_folder(source) / "preprocessor_config.json"
    if not path.is_file():
        return {}
    look = json.loads(path.read_text(encoding="utf-8"))
    names = {"pixel_mean": "image_mean", "pixel_std": "image_std"}
    return {ours: tuple(look[theirs]) for ours, theirs in names.items() if theirs in look}


def two_towers(source: str, **settings: Any) -> EncoderConfig:
    """An encoder with both towers, and the vector's length, of a pretrained CLIP or SigLIP.

    Args:
      source: as in `image_tower`; a model with both towers.
      settings: further fields of `EncoderConfig`.

    Raises:
      ConfigError: when the folder cannot be read, or its model has one tower only.
    """
    length = vector_length(source)
    return EncoderConfig(dim=length, image=image_tower(source), text=text_tower(source), **settings)


def vector_length(source: str) -> int:
    """Length of the vectors of a model that has both towers: CLIP, SigLIP (2) or Chinese-CLIP.

    Raises:
      ConfigError: when the folder cannot be read, or its model has one tower only.
    """
    config = described(source)
    kind = config["model_type"]
    if kind == "open_clip":
        return config["model_cfg"]["embed_dim"]
    if kind == OWN:
        return config["encoder"]["dim"]
    require(
        "vision_config" in config and "text_config" in config,
        f"{source} is a {kind}, which has no vectors of pictures and texts in one space; choose "
        "encoder.dim yourself",
    )
    if kind in ("siglip", "siglip2"):
        return config["vision_config"]["hidden_size"]
    return config["projection_dim"]


def _layers(source: str, config: dict[str, Any]) -> dict[str, Any]:
    """Depth, widths, activation and epsilon in the words of `transformers`."""
    activation = config["hidden_act"]
    require(
        activation in ACTIVATIONS,
        f"{source} has the activation {activation}; known are {', '.join(ACTIVATIONS)}",
    )
    return {
        "depth": config["num_hidden_layers"],
        "width": config["hidden_size"],
        "heads": config["num_attention_heads"],
        "hidden": config["intermediate_size"],
        "activation": ACTIVATIONS[activation],
        "epsilon": config["layer_norm_eps"],
    }
