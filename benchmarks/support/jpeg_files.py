"""JPEG files to load: made up, but with the sizes and the detail of shop photos."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter


def write_jpegs(folder: Path, count: int, short_side: int, seed: int = 0) -> list[Path]:
    """Writes `count` pictures of blurred noise and hard edges; returns their paths.

    Args:
      folder: must exist.
      count: number of files.
      short_side: in pixels; the longer side is up to 1.5 times as long.
      seed: of sizes and content.
    """
    random = np.random.default_rng(seed)
    paths = []
    for number in range(count):
        longer = int(short_side * random.uniform(1.0, 1.5))
        size = (short_side, longer) if number % 2 else (longer, short_side)
        coarse = random.integers(0, 256, (9, 9, 3), np.uint8)
        picture = Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)
        for _ in range(6):
            x, y = int(random.integers(0, size[0])), int(random.integers(0, size[1]))
            width, height = random.integers(8, short_side // 2, 2).tolist()
            colour = tuple(int(value) for value in random.integers(0, 256, 3))
            picture.paste(colour, (x, y, x + width, y + height))
        grain = random.normal(0, 10, (size[1], size[0], 1))
        pixels = np.clip(np.asarray(picture.filter(ImageFilter.SMOOTH)) + grain, 0, 255)
        path = folder / f"{number:05d}.jpg"
        Image.fromarray(pixels.astype(np.uint8)).save(path, quality=85)
        paths.append(path)
    return paths
