"""Printed patterns in three colours: stripes, checks, flowers, scattered motifs."""

from collections.abc import Callable

import numpy as np
from PIL import Image

from input_pipeline.synthetic.canvas import PALETTE
from input_pipeline.synthetic.motifs import MOTIFS, motif_picture

# A geometric pattern maps coordinates (0..100 over the product) to the index of a colour:
GROUND, INK, ACCENT, MIX = 0, 1, 2, 3


def _bars(u: np.ndarray, period: float) -> np.ndarray:
    phase = u % period / period
    return np.where(phase < 0.4, INK, np.where((phase > 0.62) & (phase < 0.78), ACCENT, GROUND))


def _stripes(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return _bars(x, 15)


def _bands(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return _bars(y, 15)


def _diagonal(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return _bars(x + y, 21)


def _chevron(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return _bars(y + np.abs(x % 18 - 9) * 1.1, 17)


def _waves(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return _bars(y + 4.5 * np.sin(x * 2 * np.pi / 26), 16)


def _gingham(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    crossing = (x % 14 < 7).astype(int) + (y % 14 < 7)
    check = np.where(crossing == 2, INK, np.where(crossing == 1, MIX, GROUND))
    return np.where(((x + 3.5) % 28 < 1.4) | ((y + 3.5) % 28 < 1.4), ACCENT, check)


def _tartan(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    wide = (x % 30 < 12).astype(int) + (y % 30 < 12)
    cloth = np.where(wide == 2, INK, np.where(wide == 1, MIX, GROUND))
    thin = (np.abs(x % 30 - 21) < 1.6) | (np.abs(y % 30 - 21) < 1.6)
    return np.where(thin, ACCENT, cloth)


def _diamonds(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    inside = np.abs(x % 22 - 11) / 11 + np.abs(y % 32 - 16) / 16
    cross = np.abs((x + 11) % 22 - 11) / 11 - np.abs((y + 16) % 32 - 16) / 16
    return np.where(np.abs(cross) < 0.07, ACCENT, np.where(inside < 0.8, INK, GROUND))


def _dots(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    row = np.floor(y / 11)
    near = (((x + row % 2 * 6.5) % 13 - 6.5) ** 2 + (y % 11 - 5.5) ** 2) < 13
    return np.where(near, np.where(row % 3 == 2, ACCENT, INK), GROUND)


def _scales(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Overlapping fans: the nearest lower row of circles covers the row behind it."""
    index = np.zeros(x.shape, int)
    for back in (2, 1, 0):
        row = np.floor(y / 9) + back
        distance = np.hypot((x + row % 2 * 9) % 18 - 9, y - row * 9)
        rings = np.where(distance < 3.2, ACCENT, np.where(distance % 5 < 2.4, INK, GROUND))
        index = np.where(distance < 9.6, rings, index)
    return index


def _leopard(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    row = np.floor(y / 12)
    column = np.floor((x + row % 2 * 7) / 14)
    jitter = np.sin(row * 12.9 + column * 78.2) * 43.7
    dx = (x + row % 2 * 7) % 14 - 7 + jitter % 1 * 3
    dy = y % 12 - 6 + jitter * 7 % 1 * 3
    distance = np.hypot(dx, dy * 1.2)
    broken = np.sin(np.arctan2(dy, dx) * 2 + jitter) > -0.55
    ring = (distance > 2.5) & (distance < 5.2) & broken
    return np.where(ring, INK, np.where(distance < 2.5, ACCENT, GROUND))


def _terrazzo(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    row, column = np.floor(y / 8), np.floor(x / 8)
    jitter = np.sin(row * 37.7 + column * 91.3) * 917.3
    dx, dy = x % 8 - 4 + jitter % 1 * 2, y % 8 - 4 + jitter * 3 % 1 * 2
    angle = jitter * 5
    along = np.abs(dx * np.cos(angle) + dy * np.sin(angle))
    aside = np.abs(dx * np.sin(angle) - dy * np.cos(angle))
    chip = along * (0.8 + jitter * 11 % 1) + aside * 1.3 < 3
    return np.where(chip, np.where(jitter * 17 % 1 < 0.4, ACCENT, INK), GROUND)


_GEOMETRIC: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "stripes": _stripes,
    "bands": _bands,
    "diagonal": _diagonal,
    "chevron": _chevron,
    "waves": _waves,
    "gingham": _gingham,
    "tartan": _tartan,
    "diamonds": _diamonds,
    "dots": _dots,
    "scales": _scales,
    "leopard": _leopard,
    "terrazzo": _terrazzo,
}
PATTERNS = tuple(_GEOMETRIC)
PRINTS = PATTERNS + tuple(MOTIFS)


def print_picture(
    name: str, ground: str, ink: str, accent: str, size: int, pose: int = 0, zoom: float = 1.0
) -> Image.Image:
    """Fill a square with a print.

    Args:
        name: one of PRINTS; the name of a motif scatters that motif.
        ground: colour behind, a key of PALETTE.
        ink: main colour of the pattern.
        accent: colour of its details.
        size: pixels of each side.
        pose: which cut of the cloth shows: moves the pattern, since no two pieces are cut alike.
        zoom: how much larger than usual the pattern is.

    Returns:
        An RGB picture [size, size].
    """
    colours = np.array([PALETTE[ground], PALETTE[ink], PALETTE[accent], (0, 0, 0)], float)
    colours[MIX] = (colours[GROUND] + colours[INK]) / 2
    shift_x, shift_y = 4.3 * pose, 7.9 * pose
    if name in _GEOMETRIC:
        steps = (np.arange(size, dtype=np.float32) + 0.5) * np.float32(100 / size / zoom)
        x, y = np.meshgrid(steps + shift_x, steps + shift_y)
        return Image.fromarray(colours.astype(np.uint8)[_GEOMETRIC[name](x, y)])
    picture = Image.new("RGB", (size, size), PALETTE[ground])
    side = max(6, round(size * 0.17 * zoom))
    step = size * 0.215 * zoom
    plain = motif_picture(name, ink, accent, side, "flat")
    turned = [plain, plain.rotate(16, Image.Resampling.BICUBIC)]
    turned.append(plain.rotate(-16, Image.Resampling.BICUBIC))
    rows = int(size / step) + 3
    for row in range(-1, rows):
        for column in range(-1, rows):
            x = (column + row % 2 / 2) * step - shift_x * size / 100
            y = row * step - shift_y * size / 100
            tile = turned[(row + 2 * column) % 3]
            picture.paste(tile, (round(x), round(y)), tile)
    return picture
