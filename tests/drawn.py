"""Pictures that tests draw, whole and broken."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

RED, BLUE = (220, 30, 40), (20, 40, 230)


def halves(width: int = 40, height: int = 40) -> Image.Image:
    """Red above, blue below."""
    picture = Image.new("RGB", (width, height), RED)
    picture.paste(BLUE, (0, height // 2, width, height))
    return picture


def near(pixel: np.ndarray, colour, tolerance: int = 6) -> bool:
    return bool(np.abs(pixel.astype(int) - np.array(colour)).max() <= tolerance)


def broken_files(folder: Path) -> dict[str, Path]:
    """Name of the fault to a file that has it."""
    good = io.BytesIO()
    halves(200, 200).save(good, "JPEG")
    png = io.BytesIO()
    Image.effect_noise((50, 50), 60).save(png, "PNG")
    contents = {
        "empty": b"",
        "text": b"<html>404</html>",
        "truncated": good.getvalue()[: len(good.getvalue()) // 2],
        "cut header": good.getvalue()[:20],
        "cut png": png.getvalue()[:-400],
        "damaged png": png.getvalue()[:60] + b"\x00" * 40 + png.getvalue()[100:],
    }
    files = {}
    for name, content in contents.items():
        files[name] = folder / f"{name}.jpg"
        files[name].write_bytes(content)
    files["too large"] = folder / "large.png"
    Image.new("1", (8_200, 8_200)).save(files["too large"])
    files["far too large"] = folder / "bomb.png"
    Image.new("1", (20_000, 10_000)).save(files["far too large"])
    files["missing"] = folder / "missing.jpg"
    files["a folder"] = folder / "folder.jpg"
    files["a folder"].mkdir()
    return files
