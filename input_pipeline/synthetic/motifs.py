"""Small figures that decorate products: animals, plants and signs, flat or in relief."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from PIL import Image, ImageFilter

from input_pipeline.synthetic.canvas import PALETTE, Canvas, Colour, smooth, tone

WHITE, DARK, CREAM, BEAK = (252, 252, 250), (30, 28, 32), (245, 232, 205), (244, 160, 40)


def _disc(c: Canvas, x: float, y: float, r: float, fill: Colour) -> None:
    c.ellipse(x - r, y - r, x + r, y + r, fill)


def _star_points(x: float, y: float, r: float, inner: float, tips: int = 5) -> list:
    angles = np.arange(2 * tips) * np.pi / tips - np.pi / 2
    radii = np.where(np.arange(2 * tips) % 2 == 0, r, r * inner)
    return [(x + q * np.cos(a), y + q * np.sin(a)) for a, q in zip(angles, radii, strict=True)]


def _frog(c: Canvas, main: Colour, accent: Colour) -> None:
    c.polygon(smooth([(14, 92), (10, 66), (50, 52), (90, 66), (86, 92), (50, 96)]), tone(main, 0.8))
    c.ellipse(8, 30, 92, 86, main)
    for x in (28, 72):
        _disc(c, x, 27, 18, main)
        _disc(c, x, 26, 12, WHITE)
        _disc(c, x, 27, 6, DARK)
    c.arc((24, 34, 76, 72), 20, 160, DARK, 4)
    for x in (20, 80):
        _disc(c, x, 60, 7, accent)


def _owl(c: Canvas, main: Colour, accent: Colour) -> None:
    c.polygon([(20, 6), (44, 24), (24, 46)], main)
    c.polygon([(80, 6), (56, 24), (76, 46)], main)
    c.ellipse(16, 16, 84, 94, main)
    c.ellipse(8, 44, 32, 86, tone(main, 0.7))
    c.ellipse(68, 44, 92, 86, tone(main, 0.7))
    c.ellipse(32, 52, 68, 92, accent)
    for x in (35, 65):
        _disc(c, x, 38, 17, WHITE)
        _disc(c, x, 38, 8, DARK)
    c.polygon([(44, 48), (56, 48), (50, 62)], BEAK)


def _cat(c: Canvas, main: Colour, accent: Colour) -> None:
    for x, tip in ((24, 12), (76, 88)):
        c.polygon([(tip, 6), (x - 16, 46), (x + 20, 40)], main)
        c.polygon([(tip + (3 if tip < 50 else -3), 16), (x - 8, 40), (x + 9, 38)], accent)
    c.ellipse(8, 24, 92, 92, main)
    for x in (32, 68):
        c.ellipse(x - 8, 44, x + 8, 64, (250, 240, 140))
        c.ellipse(x - 3, 45, x + 3, 63, DARK)
    c.polygon([(44, 66), (56, 66), (50, 74)], accent)
    for side in (-1, 1):
        for y in (68, 76):
            c.line([(50 + side * 16, y), (50 + side * 44, y + (y - 72))], DARK, 2)


def _star(c: Canvas, main: Colour, accent: Colour) -> None:
    c.polygon(_star_points(50, 54, 50, 0.45), main)
    c.polygon(_star_points(50, 54, 27, 0.45), accent)


def _heart(c: Canvas, main: Colour, accent: Colour) -> None:
    t = np.linspace(0, 2 * np.pi, 60)
    x = 16 * np.sin(t) ** 3
    y = -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t))
    for size, colour in ((2.85, main), (1.5, accent)):
        c.polygon(list(zip(50 + size * x, 46 + size * y, strict=True)), colour)


def _flower(c: Canvas, main: Colour, accent: Colour) -> None:
    for k in range(6):
        angle = k * np.pi / 3
        _disc(c, 50 + 27 * np.cos(angle), 50 + 27 * np.sin(angle), 20, main)
        _disc(c, 50 + 19 * np.cos(angle), 50 + 19 * np.sin(angle), 7, tone(main, 0.75))
    _disc(c, 50, 50, 16, accent)


def _fish(c: Canvas, main: Colour, accent: Colour) -> None:
    c.polygon([(70, 50), (98, 22), (92, 50), (98, 78)], tone(main, 0.75))
    c.polygon([(36, 30), (60, 10), (66, 34)], tone(main, 0.75))
    c.ellipse(4, 24, 80, 76, main)
    for x in (36, 52):
        c.arc((x - 14, 28, x + 10, 72), -70, 70, accent, 6)
    _disc(c, 22, 44, 7, WHITE)
    _disc(c, 21, 44, 4, DARK)


def _cactus(c: Canvas, main: Colour, accent: Colour) -> None:
    c.box(38, 6, 62, 80, main, 12)
    c.box(12, 28, 26, 56, main, 7)
    c.box(14, 46, 50, 58, main, 6)
    c.box(74, 20, 88, 50, main, 7)
    c.box(50, 40, 86, 52, main, 6)
    for y in range(16, 70, 12):
        c.line([(46, y), (46, y + 5)], tone(main, 1.6), 2)
        c.line([(55, y + 5), (55, y + 10)], tone(main, 1.6), 2)
    c.polygon([(28, 72), (72, 72), (66, 97), (34, 97)], accent)


def _moon(c: Canvas, main: Colour, accent: Colour) -> None:
    out = np.radians(np.linspace(50, 310, 40))
    back = np.radians(np.linspace(295, 65, 40))
    rim = list(zip(48 + 46 * np.cos(out), 50 + 46 * np.sin(out), strict=True))
    hollow = list(zip(60 + 38 * np.cos(back), 50 + 38 * np.sin(back), strict=True))
    c.polygon(rim + hollow, main)
    c.polygon(_star_points(70, 48, 20, 0.42), accent)


def _mushroom(c: Canvas, main: Colour, accent: Colour) -> None:
    c.polygon(smooth([(38, 48), (62, 48), (68, 92), (50, 96), (32, 92)]), CREAM)
    c.polygon(smooth([(4, 56), (14, 22), (50, 4), (86, 22), (96, 56), (50, 62)]), main)
    for x, y, r in ((30, 34, 9), (54, 22, 8), (72, 40, 9), (50, 48, 6), (14, 50, 5)):
        _disc(c, x, y, r, accent)


def _bee(c: Canvas, main: Colour, accent: Colour) -> None:
    c.ellipse(24, 4, 54, 48, accent)
    c.ellipse(46, 4, 76, 48, tone(accent, 0.85))
    c.ellipse(10, 32, 90, 88, main)
    for x in (44, 64):
        c.box(x, 35, x + 10, 85, DARK, 3)
    _disc(c, 25, 54, 5, DARK)
    c.line([(20, 38), (8, 22)], DARK, 3)
    c.line([(28, 34), (20, 18)], DARK, 3)


def _boat(c: Canvas, main: Colour, accent: Colour) -> None:
    c.line([(50, 6), (50, 70)], (110, 80, 50), 4)
    c.polygon([(54, 8), (54, 60), (90, 60)], accent)
    c.polygon([(46, 16), (46, 60), (16, 60)], tone(accent, 0.8))
    c.polygon([(6, 68), (94, 68), (78, 94), (22, 94)], main)
    c.line([(12, 76), (88, 76)], tone(main, 1.5), 3)


def _tree(c: Canvas, main: Colour, accent: Colour) -> None:
    c.box(43, 76, 57, 98, (110, 75, 45))
    for top, bottom, half in ((38, 82, 40), (20, 60, 32), (2, 38, 22)):
        c.polygon([(50, top), (50 + half, bottom), (50 - half, bottom)], main)
    for x, y in ((50, 24), (38, 44), (60, 50), (30, 70), (52, 70), (72, 74)):
        _disc(c, x, y, 5, accent)


def _rocket(c: Canvas, main: Colour, accent: Colour) -> None:
    c.polygon([(40, 80), (60, 80), (50, 99)], BEAK)
    c.polygon([(34, 54), (14, 84), (36, 78)], accent)
    c.polygon([(66, 54), (86, 84), (64, 78)], accent)
    c.polygon(smooth([(50, 2), (68, 32), (66, 80), (34, 80), (32, 32)]), main)
    _disc(c, 50, 40, 11, accent)
    _disc(c, 50, 40, 7, (190, 225, 245))


MOTIFS: dict[str, Callable[[Canvas, Colour, Colour], None]] = {
    "frog": _frog,
    "owl": _owl,
    "cat": _cat,
    "star": _star,
    "heart": _heart,
    "flower": _flower,
    "fish": _fish,
    "cactus": _cactus,
    "moon": _moon,
    "mushroom": _mushroom,
    "bee": _bee,
    "boat": _boat,
    "tree": _tree,
    "rocket": _rocket,
}
RELIEFS = ("flat", "3d")


@lru_cache(maxsize=256)
def motif_picture(name: str, main: str, accent: str, size: int, relief: str) -> Image.Image:
    """Draw one motif.

    Args:
        name: a key of MOTIFS.
        main: colour of the body, a key of PALETTE.
        accent: colour of the details, a key of PALETTE.
        size: pixels of each side of the motif itself; a relief adds a margin for its shadow.
        relief: "flat", or "3d" for a moulded look with highlight and cast shadow.

    Returns:
        An RGBA picture, shared by all callers: do not draw on it.
    """
    canvas = Canvas(2 * size)
    MOTIFS[name](canvas, PALETTE[main], PALETTE[accent])
    flat = canvas.image.reduce(2)
    if relief == "flat":
        return flat
    margin = max(2, size // 8)
    tile = Image.new("RGBA", (size + 2 * margin, size + 2 * margin))
    tile.paste(flat, (margin, margin))
    alpha = tile.getchannel("A")
    # The blurred outline is a height map; its slope against the light gives the moulded look.
    height = np.asarray(alpha.filter(ImageFilter.GaussianBlur(size / 11)), np.float32) / 255
    down, right = np.gradient(height)
    light = np.clip(1 - 3.2 * (down + right) * size / 40 * -1, 0.35, 1.9)[..., None]
    pixels = np.asarray(tile, np.float32).copy()
    body = pixels[..., :3]
    pixels[..., :3] = np.where(light < 1, body * light, body + (255 - body) * (light - 1) * 0.8)
    moulded = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    shadow = Image.new("RGBA", tile.size)
    cast = alpha.filter(ImageFilter.GaussianBlur(size / 18)).point(lambda value: value * 0.65)
    shadow.paste((0, 0, 0), (margin // 2, margin // 2), cast.crop((0, 0, *tile.size)))
    shadow.alpha_composite(moulded)
    return shadow
