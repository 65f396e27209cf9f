"""A supplier's photo of a product: backdrop, angle, crop, light, watermark, JPEG."""

import io
from functools import lru_cache

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

from input_pipeline.synthetic.canvas import Colour, tone
from input_pipeline.synthetic.suppliers import Supplier

_OVERSAMPLE = 2  # compose at twice the stored size, then average


def photograph(
    art: Image.Image, supplier: Supplier, size: int, rng: np.random.Generator
) -> Image.Image:
    """Photograph a product.

    Args:
        art: RGBA picture of the product on a transparent ground.
        supplier: whose studio it is.
        size: pixels of the photo's longer side.
        rng: decides angle, crop and light of this one photo.

    Returns:
        An RGB picture with the supplier's aspect ratio.
    """
    wide, high = supplier.aspect
    full = size * _OVERSAMPLE
    width, height = full * wide // max(wide, high), full * high // max(wide, high)
    photo = _backdrop(supplier, width, height, rng)
    close = rng.random() < 0.12
    span = min(width, height) * (rng.uniform(1.15, 1.45) if close else rng.uniform(0.8, 1.04))
    if rng.random() < 0.1:  # a second piece, half hidden behind the first
        behind = _place(art, width, height, span * 0.72, rng, aside=0.2)
        _lay(photo, behind)
        span *= 0.85
    _lay(photo, _place(art, width, height, span, rng, aside=0.05))
    photo = photo.resize((width // _OVERSAMPLE, height // _OVERSAMPLE), Image.Resampling.BOX)
    photo = _light(photo, supplier, rng)
    if supplier.watermark is not None:
        _watermark(photo, supplier.watermark, rng)
    return photo


def jpeg_bytes(photo: Image.Image, supplier: Supplier, rng: np.random.Generator) -> bytes:
    """Encode a photo at about the supplier's usual quality."""
    buffer = io.BytesIO()
    quality = int(np.clip(supplier.quality + rng.integers(-8, 9), 30, 95))
    photo.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def _backdrop(supplier: Supplier, width: int, height: int, rng: np.random.Generator) -> Image.Image:
    colour = supplier.backdrop_colour
    drift = rng.uniform(0.93, 1.05)
    shade: Colour = tuple(min(255, round(part * drift)) for part in colour)  # type: ignore[assignment]
    if supplier.backdrop == "white":
        return Image.new("RGB", (width, height), (252, 252, 252))
    photo = Image.new("RGB", (width, height), shade)
    draw = ImageDraw.Draw(photo)
    if supplier.backdrop == "gradient":
        ramp = Image.linear_gradient("L").resize((width, height))
        photo = Image.composite(Image.new("RGB", (width, height), tone(shade, 0.62)), photo, ramp)
    elif supplier.backdrop == "table":
        horizon = int(height * rng.uniform(0.5, 0.72))
        for k in range(6):
            top = horizon + (height - horizon) * k // 6
            plank = tone((168, 124, 84), 0.88 + 0.05 * ((k * 7) % 5))
            draw.rectangle((0, top, width, height), fill=plank)
            draw.line((0, top, width, top), fill=(120, 86, 56), width=2)
    elif supplier.backdrop == "room":
        horizon = int(height * rng.uniform(0.6, 0.78))
        draw.rectangle((0, horizon, width, height), fill=tone(shade, 0.72))
        draw.rectangle((0, horizon - height // 40, width, horizon), fill=(250, 250, 248))
        left = int(width * rng.uniform(-0.1, 0.8))
        box = (left, int(height * 0.06), left + width // 4, int(height * 0.36))
        draw.rectangle(box, fill=(214, 232, 244), outline=(255, 255, 255), width=4)
    elif supplier.backdrop == "marble":
        draw.rectangle((0, 0, width, height), fill=(236, 236, 238))
        x = np.linspace(0, width, 20)
        for _ in range(5):
            start, slope, phase = rng.uniform(-0.5, 1), rng.uniform(0.2, 0.8), rng.uniform(0, 6)
            y = height * start + slope * x + height * 0.04 * np.sin(x / width * 9 + phase)
            draw.line(list(zip(x.tolist(), y.tolist(), strict=True)), fill=(206, 208, 214), width=3)
    return photo


def _place(
    art: Image.Image,
    width: int,
    height: int,
    span: float,
    rng: np.random.Generator,
    aside: float,
) -> Image.Image:
    """Turn, tilt, scale and move the product as the camera sees it; RGBA."""
    angle = np.radians(rng.normal(0, 7))
    corners = np.array([(-0.5, -0.5), (-0.5, 0.5), (0.5, 0.5), (0.5, -0.5)])
    corners[:, 0] *= rng.uniform(0.86, 1.0)  # seen from the side, things look narrower
    corners *= 1 + rng.uniform(-0.07, 0.07, corners.shape)  # perspective
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    centre = np.array([width, height]) * (0.5 + rng.uniform(-aside, aside, 2))
    seen = corners @ turn.T * span + centre
    if rng.random() < 0.1:
        seen = seen[[3, 2, 1, 0]]  # mirrored
    side = art.width
    source = np.array([(0, 0), (0, side), (side, side), (side, 0)], float)
    return art.transform(
        (width, height),
        Image.Transform.PERSPECTIVE,
        _perspective(seen, source),
        Image.Resampling.BILINEAR,
    )


def _perspective(seen: np.ndarray, source: np.ndarray) -> list[float]:
    """Solve for the eight coefficients that lead Pillow from the photo back to the art."""
    rows, values = [], []
    for (x, y), (u, v) in zip(seen, source, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    return np.linalg.solve(np.array(rows), np.array(values)).tolist()


def _lay(photo: Image.Image, thing: Image.Image) -> None:
    """Lay a thing on the photo with a soft shadow under it."""
    alpha = thing.getchannel("A")
    small = alpha.resize((max(1, photo.width // 4), max(1, photo.height // 4)))
    soft = small.filter(ImageFilter.GaussianBlur(max(1, small.width / 22)))
    shadow = soft.resize(photo.size).point(lambda value: value * 0.38)
    moved = ImageChops.offset(shadow, photo.width // 60, photo.height // 32)
    photo.paste((40, 38, 44), (0, 0), moved)
    photo.paste(thing, (0, 0), alpha)


def _light(photo: Image.Image, supplier: Supplier, rng: np.random.Generator) -> Image.Image:
    """Exposure, white balance, contrast, uneven light and grain."""
    pixels = np.asarray(photo, np.float32) / 255
    warmth = supplier.warmth + rng.normal(0, 0.025)
    gain = rng.uniform(0.86, 1.12) * np.array([1 + warmth, 1, 1 - warmth], np.float32)
    height, width = pixels.shape[:2]
    tilt = rng.uniform(-0.12, 0.12, 2)
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    lit = (
        pixels
        * gain.astype(np.float32)
        * (1 + tilt[0] * x + tilt[1] * y)[..., None].astype(np.float32)
    )
    contrast = np.float32(rng.uniform(0.9, 1.15))
    grain = rng.normal(0, 0.012, (height, width, 1)).astype(np.float32)
    out = (lit - np.float32(0.5)) * contrast + np.float32(0.5) + grain
    return Image.fromarray((np.clip(out, 0, 1) * 255).astype(np.uint8))


@lru_cache(maxsize=256)
def _watermark_picture(text: str, size: int) -> Image.Image:
    font = ImageFont.load_default(size)
    box = font.getbbox(text)
    mask = Image.new("L", (int(box[2]) + 2, int(box[3]) + 2))
    ImageDraw.Draw(mask).text((0, 0), text, fill=150, font=font)
    return mask


def _watermark(photo: Image.Image, text: str, rng: np.random.Generator) -> None:
    mask = _watermark_picture(text, max(8, max(photo.size) // 9))
    x = int(rng.uniform(0, max(1, photo.width - mask.width)))
    y = int(photo.height * (0.86 if rng.random() < 0.6 else rng.uniform(0.1, 0.8)))
    colour = (255, 255, 255) if rng.random() < 0.5 else (90, 90, 96)
    photo.paste(colour, (x, y), mask)
