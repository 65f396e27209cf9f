"""Tiny models of every family: their files with weights made from names, and PyTorch's outputs.

What PyTorch says of them is kept in pretrained/FAMILY.json, so that the comparison also runs where
PyTorch is absent. Record anew (with PyTorch, transformers and, for open_clip, timm):

    python tests/pretrained_models.py
"""

import json
import sys
import zlib
from pathlib import Path

import numpy as np

RECORDS = Path(__file__).parent / "pretrained"
ROWS, SIDE, PATCH, LENGTH, VOCAB, WIDTH = 3, 16, 8, 6, 24, 16
LAYERS = {
    "hidden_size": WIDTH,
    "intermediate_size": 2 * WIDTH,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
}
TEXT = LAYERS | {"vocab_size": VOCAB, "max_position_embeddings": LENGTH}
VISION = LAYERS | {"image_size": SIDE, "patch_size": PATCH}
ENDS = {"bos_token_id": 22, "eos_token_id": 23}
# Family to the class, and its config.
FAMILIES = {
    "clip": ("CLIP", {"text_config": TEXT | ENDS, "vision_config": VISION, "projection_dim": 8}),
    "siglip": ("Siglip", {"text_config": TEXT | ENDS, "vision_config": VISION}),
    "siglip2": (
        "Siglip2",
        {
            "text_config": TEXT | ENDS,
            "vision_config": LAYERS | {"patch_size": PATCH, "num_patches": (SIDE // PATCH) ** 2},
        },
    ),
    "chinese_clip": (
        "ChineseCLIP",
        {"text_config": TEXT, "vision_config": VISION, "projection_dim": 8},
    ),
    "vit": ("ViT", VISION),
    "dinov2": ("Dinov2", VISION | {"mlp_ratio": 2}),
    "dinov2_with_registers": (
        "Dinov2WithRegisters",
        VISION | {"mlp_ratio": 2, "num_register_tokens": 2},
    ),
    "bert": ("Bert", TEXT),
    "roberta": ("Roberta", TEXT | {"max_position_embeddings": LENGTH + 2, "pad_token_id": 1}),
    "xlm-roberta": (
        "XLMRoberta",
        TEXT | {"max_position_embeddings": LENGTH + 2, "pad_token_id": 1},
    ),
    "vilt": ("Vilt", TEXT | VISION),
}
SIGLIP_IMAGE = "vit_test_patch8_siglip_16"  # a ViT of our size in timm's words
OPEN_CLIP_TEXT = {
    "context_length": LENGTH,
    "vocab_size": VOCAB,
    "width": WIDTH,
    "heads": 2,
    "layers": 2,
    "mlp_ratio": 2.0,
}
OPEN_CLIP = {
    "open_clip": {
        "embed_dim": 8,
        "vision_cfg": {
            "image_size": SIDE,
            "layers": 2,
            "width": WIDTH,
            "head_width": 8,
            "patch_size": PATCH,
            "mlp_ratio": 2.0,
        },
        "text_cfg": OPEN_CLIP_TEXT,
    },
    "open_clip_siglip": {
        "embed_dim": WIDTH,
        "custom_text": True,
        "vision_cfg": {
            "image_size": SIDE,
            "timm_model_name": SIGLIP_IMAGE,
            "timm_model_pretrained": False,
            "timm_pool": "map",
            "timm_proj": "none",
        },
        "text_cfg": OPEN_CLIP_TEXT
        | {
            "no_causal_mask": True,
            "proj_bias": True,
            "pool_type": "last",
            "norm_kwargs": {"eps": 1e-6},
        },
    },
}


def weight(name: str, shape: list[int]) -> np.ndarray:
    """Numbers that depend on a weight's name alone; norms are near one."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    made = 0.3 * rng.standard_normal(shape)
    is_scale = len(shape) == 1 and name.endswith(("weight", "lambda1"))
    return np.asarray(1.0 + made if is_scale else made, np.float32)


def write_model(record: dict, folder: Path) -> Path:
    """The files of a model: its config, and its weights in safetensors."""
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    for name, text in record["files"].items():
        (folder / name).write_text(json.dumps(text))
    weights = {name: weight(name, shape) for name, shape in record["shapes"].items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def pictures() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (ROWS, SIDE, SIDE, 3)).astype(np.uint8)


def tokens(ends: bool = False) -> np.ndarray:
    """Texts of different lengths, -1 beyond; with `ends` 22 first and 23 last."""
    ids = np.random.default_rng(1).integers(3, 22, (ROWS, LENGTH))
    lengths = np.array([LENGTH, LENGTH - 2, 3])
    if ends:
        ids[:, 0] = 22
        ids[np.arange(ROWS), lengths - 1] = 23
    ids[np.arange(LENGTH)[None] >= lengths[:, None]] = -1
    return ids.astype(np.int32)


def record(family: str, folder: Path) -> dict:
    """Files, shapes and PyTorch's outputs of a family's tiny model."""
    torch = import_torch()
    torch.manual_seed(0)
    if family in OPEN_CLIP:
        return record_open_clip(family, folder)
    import transformers

    name, options = FAMILIES[family]
    config = getattr(transformers, f"{name}Config")(**options)
    kind = getattr(transformers, f"{name}Model")
    kind(config).save_pretrained(folder)
    found = {
        "files": {"config.json": json.loads((folder / "config.json").read_text())},
        "shapes": shapes(folder),
    }
    write_model(found, folder)
    model = kind.from_pretrained(folder).eval()
    with torch.no_grad():
        return found | {"outputs": outputs(family, model)}


def shapes(folder: Path) -> dict[str, list[int]]:
    from safetensors import safe_open

    found = {}
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, framework="np") as file:
            found |= {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118
    return found


def outputs(family: str, model) -> dict[str, list]:
    """What the model makes of `pictures` and `tokens`."""
    import torch

    ids = tokens(ends=family == "clip")
    there = torch.tensor(ids >= 0).long()
    pad = getattr(model.config, "text_config", model.config)
    pad = getattr(pad, "pad_token_id", None) or 0
    pad = 0 if family == "siglip2" else pad  # its tokenizer's; the config's default is another's
    words = torch.tensor(np.where(ids >= 0, ids, pad)).long()
    pixels = torch.tensor(normalised(family)).permute(0, 3, 1, 2)
    made = {}
    if family == "siglip2":
        patches = pixels.reshape(ROWS, 3, 2, PATCH, 2, PATCH).permute(0, 2, 4, 3, 5, 1)
        patches = patches.reshape(ROWS, 4, -1)
        grid, all_there = torch.tensor([[2, 2]] * ROWS), torch.ones(ROWS, 4).long()
        made["image"] = model.get_image_features(patches, all_there, grid)
        made["text"] = model.get_text_features(words)
    elif family == "siglip":
        made["image"] = model.get_image_features(pixels)
        made["text"] = model.get_text_features(words)  # padding is attended to
    elif family in ("clip", "chinese_clip"):
        made["image"] = model.get_image_features(pixels)
        made["text"] = model.get_text_features(words, attention_mask=there)
    elif family == "vilt":
        made["fusion"] = model(
            input_ids=words, attention_mask=there, pixel_values=pixels
        ).last_hidden_state[:, LENGTH]
    elif "config" in dir(model) and family in ("bert", "roberta", "xlm-roberta"):
        made["text"] = model(words, attention_mask=there).last_hidden_state * there[..., None]
    else:
        made["image"] = model(pixels).last_hidden_state
    return {name: plain(x) for name, x in made.items()}


def plain(x) -> list:
    x = getattr(x, "pooler_output", x)  # transformers 5 wraps features
    return np.round(x.detach().numpy().astype(np.float64), 7).tolist()


def normalised(family: str) -> np.ndarray:
    mean, std = {
        "clip": ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
        "dinov2": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    }.get(
        {"chinese_clip": "clip", "open_clip": "clip", "dinov2_with_registers": "dinov2"}.get(
            family, family
        ),
        ((0.5,) * 3, (0.5,) * 3),
    )
    return ((pictures() / 255.0 - mean) / std).astype(np.float32)


def record_open_clip(family: str, folder: Path) -> dict:
    import open_clip
    import timm
    import torch
    from safetensors.numpy import save_file

    options = OPEN_CLIP[family]
    if family == "open_clip":
        model = open_clip.CLIP(**options)
    else:
        # The class builds its image tower by name and full size: a small one takes its place.
        base = {**options, "vision_cfg": {"image_size": SIDE, "layers": 1, "width": 16,
                                          "head_width": 8, "patch_size": PATCH}}  # fmt: skip
        base.pop("custom_text")
        model = open_clip.CustomTextCLIP(**base)
        model.visual = torch.nn.Module()
        model.visual.trunk = timm.models.vision_transformer.VisionTransformer(
            img_size=SIDE, patch_size=PATCH, embed_dim=WIDTH, depth=2, num_heads=2, mlp_ratio=2.0,
            class_token=False, global_pool="map", num_classes=0, act_layer="gelu",
        )  # fmt: skip
        model.visual.forward = model.visual.trunk.forward
    folder.mkdir(parents=True, exist_ok=True)
    state = {k: v.numpy() for k, v in model.state_dict().items()}
    save_file({k: np.ascontiguousarray(v) for k, v in state.items()}, folder / "model.safetensors")
    look = {"mean": [0.5] * 3, "std": [0.5] * 3} if family == "open_clip_siglip" else {}
    config = {"model_cfg": options, "preprocess_cfg": look}
    found = {"files": {"open_clip_config.json": config}, "shapes": shapes(folder)}
    weights = {name: torch.tensor(weight(name, s)) for name, s in found["shapes"].items()}
    model.load_state_dict(weights)
    model.eval()
    ids = tokens(ends=True)
    words = torch.tensor(np.where(ids >= 0, ids, 0 if family == "open_clip" else 1)).long()
    pixels = torch.tensor(normalised(family)).permute(0, 3, 1, 2)
    with torch.no_grad():
        made = {"image": model.visual(pixels), "text": model.encode_text(words)}
    return found | {"outputs": {name: plain(x) for name, x in made.items()}}


def register_tiny_vit() -> None:
    """Makes `SIGLIP_IMAGE` a name that timm, and open_clip with it, knows."""
    import timm
    from timm.models import register_model

    if SIGLIP_IMAGE in timm.list_models():
        return

    def tiny(pretrained=False, **options):
        shape = {"patch_size": PATCH, "embed_dim": WIDTH, "depth": 2, "num_heads": 2}
        shape |= {"img_size": SIDE, "class_token": False, "mlp_ratio": 2.0}
        taken = {name: options[name] for name in ("num_classes", "global_pool")}
        return timm.models.vision_transformer.VisionTransformer(**shape, **taken)

    tiny.__name__ = SIGLIP_IMAGE
    tiny.__module__ = "timm.models.vision_transformer"
    register_model(tiny)


def import_torch():
    """PyTorch, also beside a torchvision that was built for another PyTorch.

    That one cannot load its operators; what needs the package needs two of their names only.
    """
    import torch

    if not hasattr(torch.ops.torchvision, "nms"):
        library = torch.library.Library("torchvision", "DEF")
        library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        import_torch.library = library  # it unregisters when it is collected
    return torch


def main() -> None:
    import tempfile

    RECORDS.mkdir(exist_ok=True)
    for family in [*FAMILIES, *OPEN_CLIP]:
        with tempfile.TemporaryDirectory() as folder:
            made = record(family, Path(folder))
        (RECORDS / f"{family}.json").write_text(json.dumps(made) + "\n")
        print(family, {k: np.shape(v) for k, v in made["outputs"].items()}, file=sys.stderr)


if __name__ == "__main__":
    main()
