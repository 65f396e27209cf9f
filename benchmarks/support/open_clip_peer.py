"""open_clip's CLIP trained from scratch on photo and title of the same listings."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

SIDE, PATCH, LENGTH, VOCABULARY, WIDTH = 96, 12, 32, 49408, 192


def import_open_clip():
    """Imports open_clip, also beside a CPU build of PyTorch.

    The published torchvision wheel is built for CUDA and cannot load its operators beside a CPU
    build; open_clip needs the package to import, not the operators, so two are declared by name.
    """
    try:
        import open_clip
    except RuntimeError:
        import torch

        for name in [name for name in sys.modules if name.startswith(("torchvision", "open_clip"))]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "DEF")
        library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        import open_clip
    return open_clip


def train_clip(
    photos: Sequence[Path],
    titles: Sequence[str],
    train_rows: np.ndarray,
    minutes: float,
    *,
    batch: int = 128,
    learning_rate: float = 1e-3,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray, dict[str, float]]:
    """Trains CLIP (5 M parameters without embeddings: ViT 6 x 192, text 6 x 192) for some minutes.

    Args:
      photos: picture of each listing.
      titles: title of each listing.
      train_rows: listings to train on; those without a title are left out.
      minutes: wall-clock budget, model creation and data loading of the first batch included.
      batch: listings a step.
      learning_rate: peak of a cosine over the budget.
      seed: of weights and batches.

    Returns:
      Photo vectors `[n, d]`, title vectors `[n, d]`, and steps, parameters and seconds.
    """
    open_clip = import_open_clip()
    import torch
    from open_clip.model import CLIPTextCfg, CLIPVisionCfg
    from PIL import Image
    from torchvision import transforms

    def stacked(pixels: Iterable[Any]) -> torch.Tensor:
        return torch.stack([*pixels])

    started = time.monotonic()
    torch.manual_seed(seed)
    model = open_clip.CLIP(
        embed_dim=192,
        vision_cfg=CLIPVisionCfg(
            layers=6, width=WIDTH, image_size=SIDE, patch_size=PATCH, head_width=32
        ),
        text_cfg=CLIPTextCfg(
            layers=6, width=WIDTH, context_length=LENGTH, vocab_size=VOCABULARY, heads=6
        ),
    )
    tokenize = open_clip.SimpleTokenizer(context_length=LENGTH)
    tokens = tokenize(list(titles))
    loss_of = open_clip.ClipLoss()
    normalise = transforms.Normalize(open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD)
    augment = transforms.Compose(
        [
            transforms.RandomResizedCrop(SIDE, scale=(0.4, 1.0)),
            transforms.RandomHorizontalFlip(),
            transforms.ColorJitter(brightness=0.3),
            transforms.ToTensor(),
            normalise,
        ]
    )
    plain = transforms.Compose([transforms.Resize((SIDE, SIDE)), transforms.ToTensor(), normalise])
    images = [Image.open(path).convert("RGB").resize((128, 128)) for path in photos]
    rows = np.array([row for row in train_rows if titles[row]])
    decayed = [p for p in model.parameters() if p.ndim >= 2]
    others = [p for p in model.parameters() if p.ndim < 2]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}],
        betas=(0.9, 0.98),
    )
    random, step, budget = np.random.default_rng(seed), 0, 60 * minutes
    order = np.empty(0, np.int64)
    while (spent := time.monotonic() - started) < budget:
        if len(order) < batch:
            order = np.concatenate([order, random.permutation(rows)])
        chosen, order = order[:batch], order[batch:]
        progress = spent / budget
        for group in optimizer.param_groups:
            warm, cosine = min(1.0, progress / 0.05), 0.5 * (1 + np.cos(np.pi * progress))
            group["lr"] = learning_rate * warm * cosine
        pixels = stacked(augment(images[row]) for row in chosen)
        image, text, scale = model(pixels, tokens[chosen])[:3]
        loss = loss_of(image, text, scale)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step += 1
    seconds = time.monotonic() - started
    model.eval()
    with torch.no_grad():
        photo = torch.cat(
            [
                model.encode_image(stacked(map(plain, images[i : i + 256])), True)
                for i in range(0, len(images), 256)
            ]
        )
        title = torch.cat(
            [model.encode_text(tokens[i : i + 256], True) for i in range(0, len(tokens), 256)]
        )
    parameters = sum(p.numel() for p in model.parameters()) - VOCABULARY * WIDTH
    facts = {"steps": step, "parameters": parameters, "seconds": seconds}
    return photo.numpy(), title.numpy(), facts
