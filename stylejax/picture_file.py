"""A picture file as an upright RGB image on white: what training, export and pages read alike."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

MAX_PIXELS = 64_000_000  # a picture beyond this is refused before it is decoded
# Nothing else is opened: Pillow hands PostScript, for one, to a program outside.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # EXIF orientation -> what undoes it


def open_rgb(source: Path | bytes, size: int) -> Image.Image:
    """Decodes one picture: upright by its EXIF tag, RGB on white, in its own proportions.

    Of an animated picture the first frame counts, of 16 bits a channel the upper 8.

    Args:
      source: a file, or what is in one.
      size: side in pixels that the caller will shrink it to; a large JPEG is decoded at a
        fraction of its size, never below twice this.

    Raises:
      OSError: when it is missing, empty, no picture, truncated, damaged or beyond `MAX_PIXELS`.
    """
    try:
        file = io.BytesIO(source) if isinstance(source, bytes) else source
        with Image.open(file, formats=FORMATS) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise OSError(f"{picture.width} x {picture.height} pixels is too large")
            picture.draft("RGB", (2 * size, 2 * size))
            picture.load()
            return _opaque(_eight_bits(_upright(picture))).convert("RGB")
    except UnidentifiedImageError as error:
        empty = not (source if isinstance(source, bytes) else source.stat().st_size)
        raise OSError(
            "empty" if empty else "no JPEG, PNG, WebP, GIF, BMP or TIFF picture"
        ) from error
    except OSError:
        raise
    except Exception as error:  # Pillow's decoders raise many kinds of error at damaged bytes
        raise OSError(f"{type(error).__name__}: {error}") from error


def _upright(picture: Image.Image) -> Image.Image:
    """Turned as its EXIF tag asks; other tags that are damaged are no reason to lose a picture."""
    try:
        turn = _TURNS.get(picture.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # Pillow raises many kinds here too
        turn = None
    return picture if turn is None else picture.transpose(turn)


def _eight_bits(picture: Image.Image) -> Image.Image:
    """Greys of 16 bits as 8: `convert` would cut the upper values off."""
    if picture.mode.startswith("I;16"):
        return picture.point(lambda value: value / 256).convert("L")
    if picture.mode in ("I", "F"):  # no range is agreed on for these: the largest value is white
        values = np.asarray(picture, np.float64)
        top = max(float(values.max(initial=0)), 1.0)
        return Image.fromarray((np.clip(values / top, 0, 1) * 255).astype(np.uint8))
    return picture


def _opaque(picture: Image.Image) -> Image.Image:
    """Laid on white where it is transparent."""
    layered = picture.mode in ("RGBA", "LA", "PA", "La", "RGBa")
    if not layered and "transparency" not in picture.info:
        return picture
    layer = picture.convert("RGBA")
    ground = Image.new("RGBA", layer.size, "white")
    ground.alpha_composite(layer)
    return ground
