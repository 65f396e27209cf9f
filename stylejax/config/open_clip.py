"""Towers as open_clip describes them: CLIP's ViT, SigLIP's ViT of timm, their text towers."""

from __future__ import annotations

from typing import Any

from stylejax.config.encoder import ImageTowerConfig, TextTowerConfig
from stylejax.config.error import require

OPEN_CLIP = "open_clip_config.json"
CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


def open_clip_image(source: str, config: dict[str, Any]) -> ImageTowerConfig:
    """The image tower: a ViT as CLIP has it, or one of SigLIP's in timm.

    Args:
      source: the folder, for errors and as where weights come from.
      config: what open_clip_config.json says.

    Raises:
      ConfigError: when it is of another kind.
    """
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
        activation=_open_clip_activation(model, vision),
        epsilon=(vision.get("norm_kwargs") or {}).get("eps", 1e-5),
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


def open_clip_text(source: str, config: dict[str, Any]) -> TextTowerConfig:
    """The text tower; arguments as of `open_clip_image`.

    Raises:
      ConfigError: when it is a tower of `transformers`.
    """
    model, text = config["model_cfg"], config["model_cfg"]["text_cfg"]
    require(
        not text.get("hf_model_name"),
        f"{source} has a text tower of transformers, {text.get('hf_model_name')}; it is not read "
        "from open_clip's files",
    )
    last = text.get("pool_type") == "last"
    return TextTowerConfig(
        weights=source,
        depth=text["layers"],
        width=text["width"],
        heads=text["heads"],
        hidden=int(text["width"] * text.get("mlp_ratio", 4.0)),
        activation=_open_clip_activation(model, text),
        epsilon=(text.get("norm_kwargs") or {}).get("eps", 1e-5),
        causal=not text.get("no_causal_mask", False),
        padding="attended" if last else "masked",
        pool="last",
        head="affine" if text.get("proj_bias") else "linear",
    )


def _open_clip_activation(model: dict[str, Any], tower: dict[str, Any]) -> Any:
    if model.get("quick_gelu"):
        return "quick_gelu"
    tanh = (tower.get("act_kwargs") or {}).get("approximate") == "tanh"
    return "gelu_tanh" if tanh else "gelu"
