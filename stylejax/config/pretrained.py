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

ACTIVATIONS = {
    "gelu": "gelu",
    "quick_gelu": "quick_gelu",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_new": "gelu_tanh",
}
HALF = (0.5, 0.5, 0.5)
CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
OPEN_CLIP = "open_clip_config.json"


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
      config.json of a `transformers` folder, with all its defaults; of an open_clip folder
      open_clip_config.json, with ``"model_type": "open_clip"``.

    Raises:
      ConfigError: when there is neither, or it cannot be read.
    """
    folder = pretrained_folder(source)
    try:
        if (folder / OPEN_CLIP).is_file():
            return {"model_type": "open_clip", **json.loads((folder / OPEN_CLIP).read_text())}
        if (folder / "config.json").is_file():
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
        return _open_clip_image(source, config)
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
        return _open_clip_text(source, config)
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
    require(
        kind in ("bert", "roberta", "xlm-roberta", "vilt"),
        f"{source} is a {kind}; a fusion transformer starts from a BERT, RoBERTa or ViLT",
    )
    norm = "pre" if kind == "vilt" else "post"
    return TransformerConfig(weights=source, norm=norm, **_layers(source, config))


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


def _open_clip_image(source: str, config: dict[str, Any]) -> ImageTowerConfig:
    model, vision = config["model_cfg"], config["model_cfg"]["vision_cfg"]
    look = config.get("preprocess_cfg", {})
    pixels: dict[str, Any] = {
        "pixel_mean": tuple(look.get("mean", CLIP_MEAN)),
        "pixel_std": tuple(look.get("std", CLIP_STD)),
    }
    name = vision.get("timm_model_name")
    if name:
        return _timm_image(source, name, vision, pixels)
    width = vision["width"]
    plain = isinstance(vision["layers"], int) and not vision.get("attentional_pool")
    require(
        plain
        and vision.get("pool_type", "tok") == "tok"
        and not vision.get("final_ln_after_pool")
        and not vision.get("ls_init_value"),
        f"{source} has an image tower that is no ViT with CLIP's class token: {vision}",
    )
    return ImageTowerConfig(
        weights=source,
        patch=vision["patch_size"],
        depth=vision["layers"],
        width=width,
        heads=width // vision.get("head_width", 64),
        hidden=int(width * vision.get("mlp_ratio", 4.0)),
        activation="quick_gelu" if model.get("quick_gelu") else "gelu",
        epsilon=vision.get("norm_kwargs", {}).get("eps", 1e-5),
        class_token=True,
        input_norm=not vision.get("no_ln_pre", False),
        pool="class",
        **pixels,
    )


# Width, depth, heads and hidden channels of the ViTs that SigLIP's checkpoints name after timm.
TIMM = {
    "vit_base": (768, 12, 12, 3072),
    "vit_large": (1024, 24, 16, 4096),
    "vit_so400m": (1152, 27, 16, 4304),
    "vit_giantopt": (1536, 40, 16, 6144),
}

# Those that timm gives the approximate GELU; the others have the exact one.
TIMM_TANH = (
    "vit_base_patch32",
    "vit_large_patch16_siglip_512",
    "vit_so400m_patch16",
    "vit_giantopt",
)


def _timm_image(
    source: str, name: str, vision: dict[str, Any], pixels: dict[str, Any]
) -> ImageTowerConfig:
    size = next((size for size in TIMM if name.startswith(size + "_patch")), None)
    require(
        size is not None and "siglip" in name and vision.get("timm_pool") == "map",
        f"{source} has the image tower {name}; of timm's, those of SigLIP are known here",
    )
    assert size is not None
    width, depth, heads, hidden = TIMM[size]
    return ImageTowerConfig(
        weights=source,
        patch=int(name.removeprefix(size + "_patch").split("_")[0]),
        depth=depth,
        width=width,
        heads=heads,
        hidden=hidden,
        activation="gelu_tanh" if name.startswith(TIMM_TANH) else "gelu",
        pool="attention",
        head="none" if vision.get("timm_proj", "none") in ("none", "") else "linear",
        **pixels,
    )


def _open_clip_text(source: str, config: dict[str, Any]) -> TextTowerConfig:
    model, text = config["model_cfg"], config["model_cfg"]["text_cfg"]
    require(
        not text.get("hf_model_name"),
        f"{source} has a text tower of transformers, {text.get('hf_model_name')}; it is not read "
        "from open_clip's files",
    )
    tanh = text.get("act_kwargs", {}).get("approximate") == "tanh"
    last = text.get("pool_type") == "last"
    return TextTowerConfig(
        weights=source,
        depth=text["layers"],
        width=text["width"],
        heads=text["heads"],
        hidden=int(text["width"] * text.get("mlp_ratio", 4.0)),
        activation="quick_gelu" if model.get("quick_gelu") else "gelu_tanh" if tanh else "gelu",
        epsilon=text.get("norm_kwargs", {}).get("eps", 1e-5),
        causal=not text.get("no_causal_mask", False),
        padding="attended" if last else "masked",
        pool="last",
        head="affine" if text.get("proj_bias") else "linear",
    )
