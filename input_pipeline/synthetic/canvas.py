"""The drawing surface of the product pictures: shapes in 0..100 units, filled and shaded."""

from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageDraw

Colour = tuple[int, int, int]
Fill = Colour | Image.Image
Points = Sequence[tuple[float, float]]

PALETTE: dict[str, Colour] = {
    "red": (200, 38, 45),
    "orange": (240, 128, 36),
    "yellow": (247, 208, 62),
    "green": (62, 148, 72),
    "teal": (26, 150, 158),
    "blue": (46, 92, 192),
    "purple": (124, 66, 164),
    "pink": (242, 142, 178),
    "brown": (118, 74, 44),
    "black": (40, 40, 45),
    "white": (247, 247, 243),
    "beige": (219, 198, 162),
}
COLOURS = tuple(PALETTE)


def tone(colour: Colour, gain: float) -> Colour:
    """Make a colour darker (gain < 1) or mix it towards white (gain > 1, at most 2)."""
    if gain <= 1:
        return tuple(round(part * gain) for part in colour)  # type: ignore[return-value]
    mix = gain - 1
    return tuple(round(part + (255 - part) * mix) for part in colour)  # type: ignore[return-value]


def smooth(points: Points, steps: int = 8) -> list[tuple[float, float]]:
    """Draw a closed Catmull-Rom curve through the points: a polygon of steps * len(points)."""
    ring = np.asarray(points, float)
    before, after, beyond = np.roll(ring, 1, 0), np.roll(ring, -1, 0), np.roll(ring, -2, 0)
    t = (np.arange(steps) / steps)[None, :, None]
    a, b, c, d = (part[:, None, :] for part in (before, ring, after, beyond))
    curve = 0.5 * (
        2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3
    )
    return [tuple(point) for point in curve.reshape(-1, 2)]


def mirror(right: Points, middle: float = 50) -> list[tuple[float, float]]:
    """Complete an outline, given its right half from top to bottom, by its mirror image."""
    return [*right, *((2 * middle - x, y) for x, y in reversed(right))]


class Canvas:
    """A square RGBA surface, transparent at first, measured in 0..100 units from the top left."""

    def __init__(self, size: int) -> None:
        """Start an empty surface of size x size pixels."""
        self.size = size
        self.unit = size / 100
        self.image = Image.new("RGBA", (size, size))
        self._draw = ImageDraw.Draw(self.image)

    def _shape(self, method: str, points: Points, fill: Fill, **extra: float) -> None:
        scaled = [(x * self.unit, y * self.unit) for x, y in points]
        if isinstance(fill, Image.Image):
            mask = Image.new("L", self.image.size)
            getattr(ImageDraw.Draw(mask), method)(scaled, fill=255, **extra)
            self.image.paste(fill, (0, 0), mask)
        else:
            getattr(self._draw, method)(scaled, fill=fill, **extra)

    def polygon(self, points: Points, fill: Fill) -> None:
        """Fill a polygon with a colour or with a picture of the surface's size."""
        self._shape("polygon", points, fill)

    def ellipse(self, left: float, top: float, right: float, bottom: float, fill: Fill) -> None:
        """Fill the ellipse inside a box."""
        self._shape("ellipse", [(left, top), (right, bottom)], fill)

    def box(
        self, left: float, top: float, right: float, bottom: float, fill: Fill, radius: float = 0
    ) -> None:
        """Fill a rectangle, with round corners where radius > 0."""
        corners = [(left, top), (right, bottom)]
        self._shape("rounded_rectangle", corners, fill, radius=radius * self.unit)

    def line(self, points: Points, fill: Colour, width: float) -> None:
        """Draw a line through the points, with round ends and joints."""
        pixels = max(1, round(width * self.unit))
        scaled = [(x * self.unit, y * self.unit) for x, y in points]
        self._draw.line(scaled, fill=fill, width=pixels, joint="curve")
        for x, y in (scaled[0], scaled[-1]):
            r = pixels / 2
            self._draw.ellipse([(x - r, y - r), (x + r, y + r)], fill=fill)

    def arc(
        self,
        box: tuple[float, float, float, float],
        start: float,
        end: float,
        fill: Colour,
        width: float,
    ) -> None:
        """Draw a part of an ellipse's outline; degrees run clockwise from three o'clock."""
        left, top, right, bottom = (value * self.unit for value in box)
        pixels = max(1, round(width * self.unit))
        self._draw.arc([(left, top), (right, bottom)], start, end, fill=fill, width=pixels)

    def erase(self, left: float, top: float, right: float, bottom: float) -> None:
        """Make the ellipse inside a box transparent again."""
        corners = [(v * self.unit, w * self.unit) for v, w in ((left, top), (right, bottom))]
        self._draw.ellipse(corners, fill=(0, 0, 0, 0))

    def add(self, layer: "Canvas") -> None:
        """Lay another surface of the same size over this one."""
        self.image.alpha_composite(layer.image)

    def stamp(self, picture: Image.Image, x: float, y: float) -> None:
        """Lay a small RGBA picture centred on a point, on the parts already painted."""
        layer = Image.new("RGBA", self.image.size)
        corner = (
            round(x * self.unit - picture.width / 2),
            round(y * self.unit - picture.height / 2),
        )
        layer.paste(picture, corner)
        alpha = self.image.getchannel("A")
        self.image.alpha_composite(layer)
        self.image.putalpha(alpha)

    def shade(
        self,
        across: Callable[[np.ndarray], np.ndarray] | None = None,
        down: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> None:
        """Multiply the brightness by gains over the painted box, 0..1 from left / from top."""
        bounds = self.image.getbbox()
        if bounds is None:
            return
        left, top, right, bottom = bounds
        gain = np.ones((bottom - top, right - left, 1), np.float32)
        if across is not None:
            gain *= across(np.linspace(0, 1, right - left, dtype=np.float32))[None, :, None]
        if down is not None:
            gain *= down(np.linspace(0, 1, bottom - top, dtype=np.float32))[:, None, None]
        part = self.image.crop(bounds)
        pixels = np.array(part)
        pixels[..., :3] = np.clip(pixels[..., :3] * gain, 0, 255).astype(np.uint8)
        self.image.paste(Image.fromarray(pixels), (left, top))


def cylinder(u: np.ndarray) -> np.ndarray:
    """Give the brightness across an upright cylinder lit from the left; an array like u."""
    return (
        0.58 + 0.5 * np.sin(np.pi * (0.12 + 0.8 * u)) + 0.16 * np.exp(-(((u - 0.28) / 0.07) ** 2))
    )


def folds(u: np.ndarray) -> np.ndarray:
    """Give the brightness across hanging cloth; an array like u."""
    return 0.93 + 0.07 * np.sin(u * 31) * np.sin(u * 7 + 1)


def fade(u: np.ndarray) -> np.ndarray:
    """Give a brightness that falls gently along an axis; an array like u."""
    return 1.05 - 0.17 * u
