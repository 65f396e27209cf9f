"""Pictures of printed goods: dresses, T-shirts, phone cases, wall art, cushions, fabrics."""

from collections.abc import Mapping

import numpy as np
from PIL import Image

from input_pipeline.synthetic.canvas import PALETTE, Canvas, fade, folds, mirror, smooth, tone
from input_pipeline.synthetic.motifs import motif_picture
from input_pipeline.synthetic.patterns import print_picture

Values = Mapping[str, str]

_SKIRTS = {  # right half of the outline below the waist, and the hem's height
    "a-line": [(59, 42), (70, 66), (79, 86), (50, 90)],
    "sheath": [(60, 42), (63, 58), (60, 84), (50, 85)],
    "maxi": [(59, 42), (66, 70), (71, 97), (50, 98)],
    "flared": [(59, 40), (76, 56), (92, 72), (72, 80), (50, 83)],
}


def _print(c: Canvas, a: Values, pose: int, zoom: float = 1.0) -> Image.Image:
    return print_picture(a["print"], a["ground"], a["ink"], a["accent"], c.size, pose, zoom)


def draw_dress(c: Canvas, a: Values, pose: int) -> None:
    """Draw a dress: silhouette, sleeve and print; poses differ in cut and belt."""
    cloth = _print(c, a, pose)
    sleeves = Canvas(c.size)
    if a["sleeve"] != "sleeveless":
        end = {"short sleeve": (79, 30), "long sleeve": (86, 58)}[a["sleeve"]]
        inner = {"short sleeve": (69, 36), "long sleeve": (76, 61)}[a["sleeve"]]
        arm = [(60, 8), (70, 12), end, inner, (61, 26)]
        for part in (arm, [(100 - x, y) for x, y in arm]):
            sleeves.polygon(part, cloth)
        sleeves.shade(down=lambda v: 0.9 - 0.15 * v)
    body = Canvas(c.size)
    right = [(54, 13), (57, 6), (63, 8), (62, 26), *_SKIRTS[a["silhouette"]]]
    body.polygon(mirror(right), cloth)
    body.erase(43, -4, 57, 16)
    body.shade(across=folds, down=fade)
    if pose % 2:
        body.polygon([(40, 39), (60, 39), (60, 43), (40, 43)], tone(PALETTE[a["ink"]], 0.8))
    c.add(sleeves)
    c.add(body)


def draw_tshirt(c: Canvas, a: Values, pose: int) -> None:
    """Draw a top in one colour with a motif on the chest; poses differ in the neck."""
    colour = PALETTE[a["colour"]]
    body = Canvas(c.size)
    reach = {"tee": (95, 36, 84, 45), "tank": None, "long": (97, 76, 84, 80)}[a["cut"]]
    if a["cut"] == "tank":
        body.polygon(mirror([(58, 18), (60, 8), (68, 8), (69, 28), (76, 40), (76, 94)]), colour)
    else:
        x, y, inner_x, inner_y = reach
        right = [(59, 9), (75, 14), (x, y), (inner_x, inner_y), (76, 36), (76, 94)]
        body.polygon(mirror(right), colour)
    body.shade(across=lambda u: folds(u) + 0.03, down=fade)
    neck = 22 if pose % 2 else 18
    body.erase(39, -4, 61, neck)
    body.arc((39, -4, 61, neck), 8, 172, tone(colour, 0.72), 2.5)
    x = 50.0
    if a["layout"] == "badge":
        body.ellipse(x - 21, 29, x + 21, 71, PALETTE[a["accent"]])
    side = {"chest": 0.4, "badge": 0.3, "row": 0.2}[a["layout"]]
    tile = motif_picture(a["motif"], a["ink"], a["accent"], round(side * c.size), "flat")
    if a["layout"] == "badge":
        tile = motif_picture(a["motif"], a["ink"], a["colour"], round(side * c.size), "flat")
    spots = [(x, 50.0)] if a["layout"] != "row" else [(34.0, 44.0), (50.0, 56.0), (66.0, 44.0)]
    for spot in spots:
        body.stamp(tile, *spot)
    c.add(body)


def draw_phone_case(c: Canvas, a: Values, pose: int) -> None:
    """Draw a phone case with an all-over or a large print; poses differ in the cut of the print."""
    body = Canvas(c.size)
    body.box(27, 3, 73, 97, tone(PALETTE[a["ground"]], 0.7), 8)
    body.box(28.5, 4, 71.5, 96, _print(c, a, pose, 0.75 if a["scale"] == "small" else 1.4), 7)
    body.shade(across=lambda u: 1.04 - 0.1 * u + 0.1 * np.exp(-(((u - 0.12) / 0.05) ** 2)))
    glass, rim = (24, 24, 28), (150, 150, 156)
    if a["camera"] == "square":
        body.box(32, 8, 50, 26, rim, 5)
        lenses = [(37, 13), (45, 13), (37, 21), (45, 21)]
    elif a["camera"] == "strip":
        body.box(32, 8, 68, 17, rim, 4)
        lenses = [(38, 12.5), (47, 12.5), (56, 12.5)]
    else:
        lenses = [(37, 12), (37, 22), (37, 32)]
    for x, y in lenses:
        body.ellipse(x - 3.6, y - 3.6, x + 3.6, y + 3.6, glass)
        body.ellipse(x - 1.4, y - 1.8, x + 0.4, y, (120, 140, 190))
    c.add(body)


def draw_wall_art(c: Canvas, a: Values, pose: int) -> None:
    """Draw a framed poster: an abstract scene in three colours with one motif."""
    ground, ink, accent = (PALETTE[a[name]] for name in ("ground", "ink", "accent"))
    frame = {"black": (35, 35, 38), "white": (240, 240, 238), "oak": (186, 140, 88)}[a["frame"]]
    c.box(14, 3, 86, 97, tone(frame, 0.8))
    c.box(15, 4, 85, 96, frame)
    mat = (19, 8, 81, 92) if pose % 2 else (17.5, 6.5, 82.5, 93.5)
    c.box(*mat, (250, 249, 245))
    art = Canvas(c.size)
    art.box(0, 0, 100, 100, ground)
    scene = a["scene"]
    if scene == "mountains":
        art.ellipse(54, 16, 76, 38, accent)
        art.polygon([(20, 90), (48, 40), (80, 90)], tone(ink, 0.75))
        art.polygon([(40, 90), (70, 54), (100, 90)], ink)
        art.polygon([(0, 90), (26, 62), (58, 90)], tone(ink, 1.3))
    elif scene == "arches":
        for grow, colour in ((30, ink), (22, accent), (14, tone(ink, 0.75)), (7, ground)):
            art.ellipse(50 - grow, 52 - grow, 50 + grow, 52 + grow, colour)
            art.box(50 - grow, 52, 50 + grow, 100, colour)
    elif scene == "rings":
        for x, y, grow, colour in ((36, 34, 22, ink), (64, 62, 26, accent)):
            for k in range(3):
                size = grow - 7 * k
                fill = colour if k % 2 == 0 else ground
                art.ellipse(x - size, y - size, x + size, y + size, fill)
    elif scene == "blocks":
        art.box(18, 10, 48, 46, ink)
        art.box(52, 10, 84, 34, accent)
        art.ellipse(20, 52, 56, 88, accent)
        art.polygon([(60, 90), (84, 44), (84, 90)], ink)
    else:
        for k, colour in enumerate((accent, tone(ink, 1.35), ink, tone(ink, 0.7))):
            u = np.linspace(0, 100, 24)
            wave = 42 + 13 * k + 6 * np.sin(u / 14 + 2 * k)
            art.polygon([(0, 100), *zip(u, wave, strict=True), (100, 100)], colour)
    x, y = {"mountains": (34, 30), "arches": (50, 72), "rings": (64, 24)}.get(scene, (50, 28))
    if scene == "blocks":
        x, y = 50, 50
    tile = motif_picture(a["motif"], a["accent"], a["ink"], round(0.26 * c.size), "flat")
    art.box(x - 15, y - 15, x + 15, y + 15, (250, 249, 245), 15)
    art.stamp(tile, x, y)
    inset = 5 if pose % 2 else 3
    c.box(mat[0] + inset, mat[1] + inset, mat[2] - inset, mat[3] - inset, art.image.convert("RGB"))


def draw_cushion(c: Canvas, a: Values, pose: int) -> None:
    """Draw a cushion: shape, trim and print; poses differ in the cut of the cloth."""
    trim = tone(PALETTE[a["ink"]], 0.8)
    if a["shape"] == "square":
        points = [(8, 8), (50, 12), (92, 8), (88, 50), (92, 92), (50, 88), (8, 92), (12, 50)]
    elif a["shape"] == "lumbar":
        points = [(4, 24), (50, 28), (96, 24), (93, 50), (96, 76), (50, 72), (4, 76), (7, 50)]
    else:
        angles = np.arange(12) * np.pi / 6
        points = [(50 + 43 * np.cos(t), 50 + 43 * np.sin(t)) for t in angles]
    outline = smooth(points)
    if a["trim"] == "fringe":
        for x, y in outline[::2]:
            c.line([(x, y), (50 + (x - 50) * 1.09, 50 + (y - 50) * 1.09)], trim, 1.2)
    elif a["trim"] == "piping":
        c.polygon([(50 + (x - 50) * 1.04, 50 + (y - 50) * 1.04) for x, y in outline], trim)
    body = Canvas(c.size)
    body.polygon(outline, _print(c, a, pose, 1.15))
    body.shade(
        across=lambda u: 0.78 + 0.27 * np.sin(np.pi * (0.1 + 0.8 * u)),
        down=lambda v: 0.84 + 0.2 * np.sin(np.pi * (0.1 + 0.75 * v)),
    )
    c.add(body)


def draw_fabric(c: Canvas, a: Values, pose: int) -> None:
    """Draw cloth by the metre: a roll, a draped length or a folded stack."""
    cloth = _print(c, a, pose)
    if a["look"] == "roll":
        sheet = Canvas(c.size)
        sheet.polygon([(14, 40), (86, 40), (94, 96), (6, 96)], cloth)
        sheet.shade(down=lambda v: 0.75 + 0.3 * np.sqrt(v))
        c.add(sheet)
        roll = Canvas(c.size)
        roll.box(8, 14, 92, 44, cloth, 4)
        roll.shade(down=lambda v: 0.62 + 0.48 * np.sin(np.pi * (0.15 + 0.75 * v)))
        c.add(roll)
        c.ellipse(3, 14, 15, 44, tone(PALETTE[a["ground"]], 0.75))
        c.ellipse(6, 23, 12, 35, (205, 180, 140))
        return
    body = Canvas(c.size)
    if a["look"] == "draped":
        u = np.linspace(0, 1, 30)
        hem = 92 + 4 * np.sin(u * 24)
        body.polygon([(10, 6), (90, 6), *zip(94 - 88 * u, hem, strict=True)], cloth)
        body.shade(across=lambda v: 0.86 + 0.2 * np.sin(v * 24 + 0.8))
        c.add(body)
        c.box(4, 3, 96, 8, (120, 92, 64), 2)
    else:
        for k in range(4):
            layer = Canvas(c.size)
            layer.box(6, 84 - 8 * k, 86, 94 - 8 * k, cloth, 5)
            layer.shade(down=lambda v: 0.45 + 0.6 * np.sin(np.pi * (0.2 + 0.6 * v)))
            c.add(layer)
        body.polygon([(8, 61), (22, 10), (97, 10), (86, 61)], cloth)
        body.shade(down=lambda v: 1.06 - 0.1 * v)
        c.add(body)
