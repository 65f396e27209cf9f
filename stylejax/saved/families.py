"""Which well-known model an encoder's towers have the shape of, and its config file for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from stylejax.config import Config, ConfigError, EncoderConfig, TransformerConfig
from stylejax.config.open_clip import TIMM, TIMM_TANH
from stylejax.config.pretrained import ACTIVATIONS

Layout = Literal["stylejax", "transformers", "open_clip"]


@dataclass(frozen=True)
class Family:
    """Models of one shape: what the settings of their towers are."""

    kind: str  # `model_type` of transformers
    image: Mapping[str, object]
    text: Mapping[str, object]


@dataclass(frozen=True)
class Words:
    """What a library is told of the tokenizer."""

    size: int  # rows of the table of tokens, that of padding included
    pad: int  # id that a text is filled up with
    end: int | None  # id that ends every text, if one does


PLAIN = {"norm": "pre", "layer_scale": False}
CLIP_IMAGE = PLAIN | {
    "stem": "patch",
    "registers": 0,
    "class_token": True,
    "input_norm": True,
    "pool": "class",
    "head": "linear",
}
CLIP = Family(
    "clip",
    CLIP_IMAGE,
    PLAIN
    | {"causal": True, "input_norm": False, "padding": "masked", "pool": "last", "head": "linear"},
)
SIGLIP = Family(
    "siglip",
    CLIP_IMAGE | {"class_token": False, "input_norm": False, "pool": "attention", "head": "none"},
    PLAIN
    | {"causal": False, "input_norm": False, "padding": "attended", "pool": "last"}
    | {"head": "affine"},
)
CHINESE_CLIP = Family(
    "chinese_clip",
    CLIP_IMAGE,
    {
        "norm": "post",
        "layer_scale": False,
        "causal": False,
        "input_norm": True,
        "padding": "masked",
        "pool": "first",
        "head": "linear",
    },
)
# Sides of timm's SigLIP models by the front of their names; the model takes pictures of any side.
TIMM_SIDES = {
    "vit_base_patch16_siglip_": (224,),
    "vit_base_patch32_siglip_": (256,),
    "vit_large_patch16_siglip_": (256, 512),
    "vit_so400m_patch14_siglip_": (224,),
    "vit_so400m_patch16_siglip_": (256,),
    "vit_giantopt_patch16_siglip_": (256,),
}
FAMILIES: dict[Layout, tuple[Family, ...]] = {
    "transformers": (CLIP, SIGLIP, CHINESE_CLIP),
    "open_clip": (CLIP, SIGLIP),
}


def family_of(encoder: EncoderConfig, layout: Layout) -> Family:
    """The family whose settings the two towers have.

    Raises:
      ConfigError: when there is none, naming the settings in which the nearest one differs, or a
        tower has no layers, or there is a fusion transformer.
    """
    odd = {family.kind: _differences(encoder, family) for family in FAMILIES[layout]}
    nearest = min(odd, key=lambda kind: len(odd[kind]))
    if odd[nearest]:
        raise ConfigError(
            f"--format {layout} writes towers of the shape of {', '.join(odd)}; this encoder "
            f"differs from {nearest} in {'; '.join(odd[nearest])}. --format stylejax writes any "
            "encoder"
        )
    return next(family for family in FAMILIES[layout] if family.kind == nearest)


def transformers_config(family: Family, config: Config, words: Words) -> dict[str, Any]:
    """What config.json says of a model in the layout of `transformers`.

    Raises:
      ConfigError: when the family reads a text's vector at its end, and no token ends it.
    """
    image, text, size = config.encoder.image, config.encoder.text, config.picture.encoded_size
    vision: dict[str, Any] = {**_layers(image), "patch_size": image.patch, "image_size": size}
    language: dict[str, Any] = {
        **_layers(text),
        "vocab_size": words.size,
        "max_position_embeddings": config.text.max_tokens,
        "pad_token_id": words.pad,
    }
    classes = {"clip": "CLIPModel", "siglip": "SiglipModel", "chinese_clip": "ChineseCLIPModel"}
    made: dict[str, Any] = {"model_type": family.kind, "architectures": [classes[family.kind]]}
    if family is CLIP:
        language |= {"eos_token_id": _end(words), "bos_token_id": None}
    if family is SIGLIP:
        language |= {"projection_size": config.encoder.dim}
    else:
        made["projection_dim"] = config.encoder.dim
        vision["projection_dim"] = language["projection_dim"] = config.encoder.dim
    return made | {"text_config": language, "vision_config": vision}


def open_clip_config(family: Family, config: Config, words: Words) -> dict[str, Any]:
    """What open_clip_config.json says.

    Raises:
      ConfigError: when a tower's activation, or SigLIP's picture tower, has no name in open_clip,
        or no token ends a text.
    """
    image, text, size = config.encoder.image, config.encoder.text, config.picture.encoded_size
    language: dict[str, Any] = {
        "context_length": config.text.max_tokens,
        "vocab_size": words.size,
        "hf_tokenizer_name": ".",  # of this folder
        "width": text.width,
        "heads": text.heads,
        "layers": text.depth,
        "mlp_ratio": text.hidden / text.width,
        "pad_id": words.pad,
        "norm_kwargs": {"eps": text.epsilon},
    }
    model: dict[str, Any] = {"embed_dim": config.encoder.dim}
    if text.activation == "gelu_tanh":
        language["act_kwargs"] = {"approximate": "tanh"}
    if family is SIGLIP:
        if text.activation == "quick_gelu":
            raise ConfigError("open_clip has no SigLIP with encoder.text.activation quick_gelu")
        model |= {"custom_text": True, "init_logit_bias": config.loss.bias}
        language |= {"no_causal_mask": True, "proj_bias": True, "pool_type": "last"}
        vision: dict[str, Any] = {
            "image_size": size,
            "timm_model_name": _timm_name(config),
            "timm_model_pretrained": False,
            "timm_pool": "map",
            "timm_proj": "none",
        }
    else:
        quick = {image.activation == "quick_gelu", text.activation == "quick_gelu"}
        if len(quick) == 2:
            raise ConfigError(
                f"open_clip has quick_gelu in both towers or in none, but encoder.image.activation "
                f"is {image.activation}, encoder.text.activation {text.activation}"
            )
        model["quick_gelu"] = quick == {True}
        language |= {"pool_type": "eos", "eos_id": _end(words)}
        vision = {
            "image_size": size,
            "patch_size": image.patch,
            "layers": image.depth,
            "width": image.width,
            "head_width": image.width // image.heads,
            "mlp_ratio": image.hidden / image.width,
            "norm_kwargs": {"eps": image.epsilon},
        }
        if image.activation == "gelu_tanh":
            vision["act_kwargs"] = {"approximate": "tanh"}
    look = {
        "mean": image.pixel_mean,
        "std": image.pixel_std,
        "interpolation": "bicubic",
        "resize_mode": "squash",
    }
    return {
        "model_cfg": model | {"vision_cfg": vision, "text_cfg": language},
        "preprocess_cfg": look,
    }


def preprocessor_config(family: Family, config: Config) -> dict[str, Any]:
    """What preprocessor_config.json says: pictures are squeezed to a square, as training did."""
    side, image = config.picture.encoded_size, config.encoder.image
    name = {"clip": "CLIP", "siglip": "Siglip", "chinese_clip": "ChineseCLIP"}[family.kind]
    return {
        "image_processor_type": f"{name}ImageProcessor",
        "do_convert_rgb": True,
        "do_resize": True,
        "size": {"height": side, "width": side},
        "resample": 3,
        "do_center_crop": False,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": image.pixel_mean,
        "image_std": image.pixel_std,
    }


def _differences(encoder: EncoderConfig, family: Family) -> list[str]:
    odd = [] if not encoder.fusion.depth else [f"encoder.fusion.depth {encoder.fusion.depth} (0)"]
    for name, wanted in (("image", family.image), ("text", family.text)):
        tower = getattr(encoder, name)
        if not tower.depth:
            odd.append(f"encoder.{name}.depth 0 (1 or more)")
        odd += [
            f"encoder.{name}.{field} {getattr(tower, field)} ({value})"
            for field, value in wanted.items()
            if getattr(tower, field) != value
        ]
    return odd


def _layers(tower: TransformerConfig) -> dict[str, Any]:
    names = {ours: theirs for theirs, ours in reversed(ACTIVATIONS.items())}
    return {
        "num_hidden_layers": tower.depth,
        "hidden_size": tower.width,
        "num_attention_heads": tower.heads,
        "intermediate_size": tower.hidden,
        "hidden_act": names[tower.activation],
        "layer_norm_eps": tower.epsilon,
    }


def _end(words: Words) -> int:
    if words.end is None:
        raise ConfigError(
            "the run's tokenizer ends texts with no token of its own, where CLIP reads their "
            "vector; --format stylejax writes any encoder"
        )
    return words.end


def _timm_name(config: Config) -> str:
    image = config.encoder.image
    shape = image.width, image.depth, image.heads, image.hidden
    for size, known in TIMM.items():
        front = f"{size}_patch{image.patch}_siglip_"
        sides = TIMM_SIDES.get(front, ()) if known == shape and image.epsilon == 1e-6 else ()
        for side in sides:
            tanh = f"{front}{side}".startswith(TIMM_TANH)
            if tanh == (image.activation == "gelu_tanh"):
                return f"{front}{side}"
    raise ConfigError(
        "open_clip takes SigLIP's picture towers from timm, which has none of width "
        f"{image.width}, depth {image.depth}, {image.heads} heads, {image.hidden} hidden channels, "
        f"patches of {image.patch}, {image.activation} and epsilon {image.epsilon}; try --format "
        "transformers"
    )
