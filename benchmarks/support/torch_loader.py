"""The usual PyTorch loader: Pillow, RandomResizedCrop, flip, float tensors, worker processes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

MEAN = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
DEVIATION = torch.tensor([0.229, 0.224, 0.225])[:, None, None]


class Photos(Dataset):
    """What torchvision's RandomResizedCrop, RandomHorizontalFlip, ToTensor, Normalize do."""

    def __init__(self, paths: Sequence[Path], side: int, min_crop: float, max_aspect: float):
        self.paths, self.side = paths, side
        self.scale, self.ratio = (min_crop, 1.0), (1 / max_aspect, max_aspect)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, number: int) -> torch.Tensor:
        with Image.open(self.paths[number]) as file:
            picture = file.convert("RGB")
        picture = picture.resize(
            (self.side, self.side), Image.Resampling.BILINEAR, box=self.box(*picture.size)
        )
        if torch.rand(1).item() < 0.5:
            picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        pixels = torch.from_numpy(np.array(picture)).permute(2, 0, 1).contiguous()
        return pixels.float().div_(255).sub_(MEAN).div_(DEVIATION)

    def box(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Left, upper, right, lower of a crop of random area and aspect."""
        for _ in range(10):
            area = width * height * torch.empty(1).uniform_(*self.scale).item()
            spread = torch.empty(1).uniform_(math.log(self.ratio[0]), math.log(self.ratio[1]))
            aspect = math.exp(spread.item())
            w, h = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
            if 0 < w <= width and 0 < h <= height:
                x = int(torch.randint(0, width - w + 1, (1,)).item())
                y = int(torch.randint(0, height - h + 1, (1,)).item())
                return x, y, x + w, y + h
        return 0, 0, width, height


def torch_batches(
    paths: Sequence[Path], side: int, batch: int, min_crop: float, max_aspect: float
) -> Iterator[torch.Tensor]:
    """Endless `[batch, 3, side, side]` float32 from two worker processes."""
    loader = DataLoader(
        Photos(paths, side, min_crop, max_aspect),
        batch_size=batch,
        shuffle=True,
        num_workers=2,
        drop_last=True,
        persistent_workers=True,
        prefetch_factor=2,
    )
    while True:
        yield from loader
