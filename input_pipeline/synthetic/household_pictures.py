"""Pictures of household wares: mugs, water bottles, chairs, table lamps."""

from collections.abc import Mapping

import numpy as np

from input_pipeline.synthetic.canvas import (
    PALETTE,
    Canvas,
    Colour,
    cylinder,
    fade,
    mirror,
    smooth,
    tone,
)
from input_pipeline.synthetic.motifs import MOTIFS, motif_picture
from input_pipeline.synthetic.patterns import print_picture

Values = Mapping[str, str]

FINISHES: dict[str, Colour] = {
    "oak": (196, 150, 98),
    "walnut": (98, 64, 42),
    "black": (42, 42, 46),
    "white": (240, 240, 238),
    "chrome": (176, 180, 188),
    "gold": (206, 164, 72),
}


def draw_mug(c: Canvas, a: Values, pose: int) -> None:
    """Draw a mug with a motif, flat or in relief; poses turn it a little."""
    colour = PALETTE[a["colour"]]
    handle = tone(colour, 0.82)
    if a["handle"] == "round":
        c.arc((58, 30, 96, 74), -110, 110, handle, 8)
    else:
        c.line([(70, 34), (91, 34), (91, 68), (70, 68)], handle, 7)
    right = {
        "straight": [(76, 14), (76, 84), (70, 91)],
        "tapered": [(80, 14), (68, 86), (62, 91)],
        "round": [(70, 14), (76, 30), (81, 52), (76, 76), (64, 90)],
        "tall": [(70, 4), (72, 88), (68, 95)],
    }[a["shape"]]
    body = Canvas(c.size)
    body.polygon(mirror(right, 44), colour)
    turn = (0.0, -8.0, 7.0)[pose % 3]
    accent = "white" if a["ink"] != "white" else "yellow"
    side = round(0.47 * c.size)
    body.stamp(motif_picture(a["motif"], a["ink"], accent, side, a["relief"]), 43 + turn, 53)
    body.shade(across=cylinder)
    c.add(body)
    x, y = right[0]
    c.ellipse(88 - x, y - 5, x, y + 6, tone(colour, 1.25))
    c.ellipse(90 - x, y - 3.6, x - 2, y + 5, tone(colour, 0.55))


def draw_bottle(c: Canvas, a: Values, pose: int) -> None:
    """Draw a water bottle: shape, lid, colours and decoration; poses turn it."""
    colour, lid = PALETTE[a["colour"]], PALETTE[a["lid_colour"]]
    right = {
        "slim": [(57, 18), (62, 26), (63, 90), (60, 97)],
        "wide": [(60, 20), (73, 30), (74, 90), (70, 97)],
        "waisted": [(58, 18), (68, 28), (61, 56), (69, 88), (65, 97)],
        "flask": [(56, 18), (58, 36), (71, 54), (72, 90), (67, 97)],
    }[a["shape"]]
    body = Canvas(c.size)
    points = mirror(right)
    decor = a["decor"]
    if decor in MOTIFS:
        body.polygon(points, colour)
        tile = motif_picture(decor, a["lid_colour"], "white", round(0.25 * c.size), "flat")
        body.stamp(tile, (50, 46, 54)[pose % 3], 66)
    elif decor == "plain":
        body.polygon(points, colour)
    else:
        cloth = print_picture(decor, a["colour"], a["lid_colour"], "white", c.size, pose)
        body.polygon(points, cloth)
    body.shade(across=cylinder)
    c.add(body)
    cap = Canvas(c.size)
    half = right[0][0] - 50 + 1.5
    cap.box(50 - half, 9, 50 + half, 20, lid, 2)
    if a["lid"] == "straw":
        cap.line([(50, 10), (50, 4), (60, 2)], tone(lid, 0.8), 3.5)
    elif a["lid"] == "dome":
        cap.ellipse(50 - half, 2, 50 + half, 18, lid)
    cap.shade(across=cylinder)
    if a["lid"] == "loop":
        c.arc((50 - half, 0, 50 + half, 20), 180, 360, tone(lid, 0.8), 3)
    c.add(cap)


def draw_chair(c: Canvas, a: Values, pose: int) -> None:
    """Draw a chair: back, base, upholstery and its stitching."""
    colour, frame = PALETTE[a["colour"]], FINISHES[a["frame"]]
    if a["base"] == "four-leg":
        for top, foot in ((30, 22), (70, 78), (40, 37), (60, 63)):
            c.line([(top, 62), (foot, 97)], tone(frame, 0.75 if 35 < foot < 65 else 1), 4)
    elif a["base"] == "sled":
        for x in (28, 72):
            c.line([(x, 62), (x - 4, 95), (x + 6, 95)], frame, 3.5)
        c.line([(24, 95), (76, 95)], frame, 3.5)
    elif a["base"] == "pedestal":
        c.box(47, 62, 53, 92, frame)
        c.ellipse(28, 89, 72, 98, frame)
    else:
        c.box(47, 62, 53, 84, frame)
        for x in (20, 36, 64, 80):
            c.line([(50, 84), (x, 92)], frame, 4)
            c.ellipse(x - 3, 91, x + 3, 97, (40, 40, 44))
    back = Canvas(c.size)
    outline = {
        "round": smooth([(50, 3), (76, 14), (76, 46), (66, 58), (34, 58), (24, 46), (24, 14)]),
        "square": smooth([(27, 5), (73, 5), (75, 32), (72, 58), (28, 58), (25, 32)], 6),
        "wing": [(24, 3), (50, 7), (76, 3), (84, 20), (80, 58), (20, 58), (16, 20)],
        "open": [(24, 8), (76, 8), (74, 30), (70, 30), (70, 58), (30, 58), (30, 30), (26, 30)],
    }[a["back"]]
    back.polygon(outline, colour)
    line = tone(colour, 0.62)
    if a["stitch"] == "buttoned":
        for x, y in (
            (38, 20),
            (50, 20),
            (62, 20),
            (44, 32),
            (56, 32),
            (38, 44),
            (50, 44),
            (62, 44),
        ):
            back.ellipse(x - 1.8, y - 1.8, x + 1.8, y + 1.8, line)
    elif a["stitch"] == "channels":
        for x in (34, 42, 50, 58, 66):
            back.line([(x, 10), (x, 56)], line, 1.4)
    elif a["stitch"] == "quilted":
        for k in range(-2, 6):
            back.line([(20 + k * 12, 8), (20 + k * 12 + 46, 56)], line, 1)
            back.line([(80 - k * 12, 8), (80 - k * 12 - 46, 56)], line, 1)
    elif a["stitch"] == "two-tone":
        back.box(24, 42, 76, 60, tone(colour, 1.5))
    trimmed = Canvas(c.size)
    trimmed.polygon(outline, back.image.convert("RGB"))
    if a["back"] == "open":
        trimmed.erase(37, 28, 63, 48)
    trimmed.shade(across=lambda u: 0.8 + 0.25 * np.sin(np.pi * (0.1 + 0.7 * u)), down=fade)
    c.add(trimmed)
    seat = Canvas(c.size)
    seat.polygon(smooth([(22, 56), (50, 53), (78, 56), (84, 66), (50, 71), (16, 66)]), colour)
    seat.shade(down=lambda v: 1.12 - 0.4 * v)
    c.add(seat)
    if pose % 3 == 2:  # some photographers lay a cushion on the seat
        c.ellipse(36, 48, 64, 62, tone(colour, 1.4))


def draw_lamp(c: Canvas, a: Values, pose: int) -> None:
    """Draw a table lamp: foot, shade, colours and the shade's surface; some poses show it lit."""
    metal, colour = FINISHES[a["finish"]], PALETTE[a["colour"]]
    foot = Canvas(c.size)
    if a["foot"] == "ball":
        foot.ellipse(36, 56, 64, 84, metal)
        foot.box(48, 44, 52, 60, metal)
        foot.box(38, 86, 62, 94, metal, 2)
        foot.box(46, 82, 54, 90, metal)
    elif a["foot"] == "column":
        foot.box(46, 40, 54, 92, metal)
        foot.box(32, 90, 68, 96, metal, 2)
    elif a["foot"] == "vase":
        foot.polygon(smooth([(46, 46), (54, 46), (68, 70), (58, 95), (42, 95), (32, 70)]), metal)
    else:
        for x in (30, 50, 70):
            foot.line([(50, 44), (x, 95)], metal, 3.5)
    foot.shade(across=cylinder)
    c.add(foot)
    outline = {
        "cone": [(38, 8), (62, 8), (80, 48), (20, 48)],
        "drum": [(26, 10), (74, 10), (76, 48), (24, 48)],
        "dome": smooth([(50, 8), (72, 20), (80, 46), (50, 48), (20, 46), (28, 20)]),
        "bell": smooth([(44, 6), (56, 6), (62, 26), (80, 47), (50, 49), (20, 47), (38, 26)], 6),
    }[a["shade"]]
    top = Canvas(c.size)
    if a["surface"] in ("plain", "pleated", "trimmed"):
        top.polygon(outline, colour)
    else:
        cloth = print_picture(a["surface"], a["colour"], "beige", "white", c.size, 0)
        top.polygon(outline, cloth)
    if a["surface"] == "pleated":
        top.shade(across=lambda u: 0.9 + 0.16 * np.sin(u * 90))
    if a["surface"] == "trimmed":
        top.line([(24, 44), (76, 44)], tone(colour, 0.5), 3)
    if pose % 3 == 1:
        top.shade(across=lambda u: 1.0 + 0.25 * np.sin(np.pi * u), down=lambda v: 0.95 + 0.25 * v)
    else:
        top.shade(across=cylinder)
    c.add(top)
