"""Pictures of technical goods: gears, gear motors, electronic parts, screws and bolts."""

from collections.abc import Mapping

import numpy as np

from input_pipeline.synthetic.canvas import Canvas, Colour, cylinder, smooth, tone

Values = Mapping[str, str]

METALS: dict[str, Colour] = {
    "steel": (168, 174, 182),
    "zinc plated": (192, 198, 206),
    "black oxide": (58, 58, 62),
    "brass": (210, 172, 84),
    "yellow zinc": (214, 190, 110),
    "bronze": (164, 112, 66),
    "white nylon": (238, 236, 228),
    "blue": (52, 96, 176),
    "green": (58, 132, 92),
    "red": (188, 52, 48),
    "grey": (128, 132, 138),
    "black": (44, 44, 48),
    "orange": (232, 128, 44),
}


def _ring(radius: float, count: int, turn: float = 0.0) -> list[tuple[float, float]]:
    angles = np.arange(count) * 2 * np.pi / count + turn
    return [(50 + radius * np.cos(t), 50 + radius * np.sin(t)) for t in angles]


def draw_gear(c: Canvas, a: Values, pose: int) -> None:
    """Draw a gear wheel: teeth, web and finish; poses turn it."""
    colour = METALS[a["finish"]]
    count = {"coarse": 12, "medium": 20, "fine": 32}[a["teeth_look"]]
    turn = 0.13 * pose
    depth = {"coarse": 9, "medium": 6.5, "fine": 4.5}[a["teeth_look"]]
    lean = {"spur": 0.0, "helical": 0.45, "sprocket": 0.0}[a["look"]]
    points = []
    for k in range(count):
        middle = 2 * np.pi * k / count + turn
        half = np.pi / count
        top = 0.24 if a["look"] == "sprocket" else 0.5
        for at, radius in ((-0.95, 47 - depth), (-top, 47), (top, 47), (0.95, 47 - depth)):
            angle = middle + half * (at * 0.8 + (lean if radius == 47 else 0))
            points.append((50 + radius * np.cos(angle), 50 + radius * np.sin(angle)))
    back = Canvas(c.size)  # the side wall, seen a little from below
    back.polygon([(x + 2.5, y + 3.5) for x, y in points], tone(colour, 0.5))
    c.add(back)
    body = Canvas(c.size)
    body.polygon(points, colour)
    body.ellipse(16, 16, 84, 84, tone(colour, 0.86))
    body.ellipse(18, 18, 84, 84, tone(colour, 1.1))
    spokes = {"solid": 0, "3 holes": 3, "4 holes": 4, "5 holes": 5, "6 holes": 6}[a["web"]]
    for x, y in _ring(22, spokes, turn) if spokes else []:
        size = 30 / spokes + 1.5
        body.ellipse(x - size, y - size, x + size, y + size, tone(colour, 0.45))
        body.erase(x - size + 1, y - size + 1.2, x + size, y + size)
    body.ellipse(37, 37, 63, 63, tone(colour, 0.8))
    body.ellipse(39, 39, 62, 62, tone(colour, 1.2))
    if a["hub"] == "keyway":
        body.box(47, 38, 53, 50, tone(colour, 0.35))
    elif a["hub"] == "square":
        body.box(43, 43, 57, 57, tone(colour, 0.35))
    if a["hub"] != "square":
        body.ellipse(43, 43, 57, 57, tone(colour, 0.35))
    body.shade(
        across=lambda u: 1.08 - 0.22 * u,
        down=lambda v: 1.05 - 0.15 * v,
    )
    c.add(body)


def draw_motor(c: Canvas, a: Values, pose: int) -> None:
    """Draw a gear motor: body, gearbox and flange in their colours; poses differ in the wires."""
    colour, box = METALS[a["colour"]], METALS[a["gearbox_colour"]]
    if pose % 2 == 0:
        c.line([(8, 46), (2, 60), (10, 78)], (190, 40, 40), 2)
        c.line([(8, 54), (5, 68), (16, 80)], (40, 40, 44), 2)
    can = Canvas(c.size)
    if a["body"] == "round":
        can.box(6, 32, 56, 68, colour, 5)
    elif a["body"] == "square":
        can.box(6, 28, 54, 72, colour, 1)
    else:
        can.box(6, 32, 56, 68, colour, 3)
        for x in range(10, 54, 6):
            can.box(x, 28, x + 3, 72, colour)
    can.box(6, 34, 12, 66, tone(colour, 0.6))
    can.shade(down=cylinder)
    c.add(can)
    gear = Canvas(c.size)
    if a["gearbox"] == "inline":
        gear.box(52, 24, 80, 76, box, 3)
    elif a["gearbox"] == "worm":
        gear.box(50, 22, 84, 62, box, 6)
        gear.ellipse(50, 36, 86, 84, box)
    else:
        gear.polygon([(50, 34), (62, 20), (82, 20), (82, 80), (62, 80), (50, 66)], box)
    gear.shade(down=cylinder)
    if a["mount"] == "four screws":
        for x, y in ((57, 30), (75, 30), (57, 70), (75, 70)):
            gear.ellipse(x - 2.5, y - 2.5, x + 2.5, y + 2.5, (40, 40, 44))
    elif a["mount"] == "flange":
        gear.box(78, 14, 83, 86, tone(box, 0.8), 1)
    else:
        gear.box(52, 76, 90, 82, tone(box, 0.7), 1)
    c.add(gear)
    shaft = Canvas(c.size)
    shaft.box(80, 45, 98, 55, METALS["steel"], 1)
    shaft.shade(down=cylinder)
    c.add(shaft)


def draw_resistor(c: Canvas, a: Values, pose: int) -> None:
    """Draw a chip resistor: the same small block whatever its value; poses show one or a tape."""
    colour: Colour = {"black": (38, 38, 42), "green": (44, 92, 70)}[a["body"]]
    metal = (206, 208, 212)
    if pose % 3 == 2:
        c.box(2, 24, 98, 76, (226, 222, 210), 1)
        for x in range(8, 100, 12):
            c.ellipse(x - 2.5, 27, x + 2.5, 32, (120, 116, 108))
        for x in (16, 40, 64, 88):
            c.box(x - 9, 40, x + 9, 66, (190, 186, 176), 1)
            c.box(x - 7, 42, x + 7, 64, metal)
            c.box(x - 7, 46, x + 7, 60, colour)
        return
    c.polygon([(14, 40), (70, 26), (94, 44), (38, 60)], colour)
    c.polygon([(14, 40), (38, 60), (38, 72), (14, 52)], tone(metal, 0.75))
    c.polygon([(38, 60), (94, 44), (94, 56), (38, 72)], tone(colour, 0.7))
    c.polygon([(14, 40), (24, 37.5), (48, 57), (38, 60)], metal)
    c.polygon([(60, 28.5), (70, 26), (94, 44), (84, 47)], metal)
    c.polygon([(84, 47), (94, 44), (94, 56), (84, 59)], tone(metal, 0.85))
    c.polygon([(38, 60), (48, 57), (48, 69), (38, 72)], tone(metal, 0.85))


def draw_regulator(c: Canvas, a: Values, pose: int) -> None:
    """Draw a black three-legged package: only its outline shows, never its value."""
    black, metal = (40, 40, 44), (196, 198, 204)
    if a["package"] == "TO-220":
        c.box(30, 4, 70, 30, metal, 2)
        c.erase(44, 9, 56, 21)
        for x in (37, 50, 63):
            c.box(x - 2.2, 62, x + 2.2, 97, metal)
        c.box(28, 26, 72, 66, black, 1)
        c.polygon([(28, 26), (72, 26), (68, 31), (32, 31)], tone(black, 1.3))
    elif a["package"] == "SOT-223":
        c.box(38, 12, 62, 32, metal)
        for x in (28, 50, 72):
            c.box(x - 4, 66, x + 4, 88, metal)
        c.box(18, 28, 82, 70, black, 2)
        c.polygon([(18, 28), (82, 28), (77, 34), (23, 34)], tone(black, 1.3))
    else:
        c.box(22, 8, 78, 30, metal, 1)
        for x in (32, 68):
            c.box(x - 4, 74, x + 4, 95, metal)
        c.box(18, 24, 82, 78, black, 2)
        c.polygon([(18, 24), (82, 24), (77, 30), (23, 30)], tone(black, 1.3))
    for k in range(3):  # print that no photo is sharp enough to read
        y = 44 + 6 * k
        c.line([(38, y), (62 - 5 * k, y)], (92, 92, 98), 1.4)
    if pose % 3 == 2:
        c.ellipse(24, 36, 29, 41, (90, 90, 96))


def _shank(c: Canvas, left: float, right: float, colour: Colour, plain: float, tip: bool) -> None:
    """Draw a threaded rod along the x axis whose first `plain` units carry no thread."""
    rod = Canvas(c.size)
    rod.box(left, 43, right - (8 if tip else 0), 57, colour)
    if tip:
        rod.polygon([(right - 9, 43), (right, 50), (right - 9, 57)], colour)
    for x in np.arange(left + plain + 2, right - (6 if tip else 1), 2.7):
        rod.line([(x, 43), (x + 1.6, 57)], tone(colour, 0.55), 0.9)
    rod.shade(down=cylinder)
    c.add(rod)


def draw_bolt(c: Canvas, a: Values, pose: int) -> None:
    """Draw a hex bolt: finish and part or full thread show, its size does not."""
    colour = METALS[a["finish"]]
    _shank(c, 26, 96, colour, 26 if a["thread_look"] == "part" else 0, tip=False)
    head = Canvas(c.size)
    head.box(8, 32, 26, 44, tone(colour, 0.8))
    head.box(8, 42, 26, 58, tone(colour, 1.15))
    head.box(8, 56, 26, 68, tone(colour, 0.65))
    head.box(24, 30, 28, 70, tone(colour, 0.9), 1)
    c.add(head)
    if pose % 3 == 1:
        c.box(70, 36, 82, 64, tone(colour, 0.85), 2)
        c.box(70, 45, 82, 56, tone(colour, 1.15))


def draw_screw(c: Canvas, a: Values, pose: int) -> None:
    """Draw a self-tapping screw: head, drive and finish show, its size does not."""
    colour = METALS[a["finish"]]
    _shank(c, 24, 97, colour, 0, tip=True)
    head = Canvas(c.size)
    if a["head"] == "pan":
        head.polygon(smooth([(26, 28), (26, 72), (12, 66), (9, 50), (12, 34)]), colour)
    elif a["head"] == "countersunk":
        head.polygon([(9, 26), (13, 26), (28, 43), (28, 57), (13, 74), (9, 74)], colour)
    else:
        head.polygon(
            [(10, 34), (24, 34), (24, 22), (29, 22), (29, 78), (24, 78), (24, 66), (10, 66)], colour
        )
    head.shade(down=cylinder)
    c.add(head)
    if pose % 3 != 1:  # a second piece seen from above shows the drive
        c.ellipse(6, 2, 34, 30, tone(colour, 0.75))
        c.ellipse(7, 3, 32, 28, tone(colour, 1.1))
        dark = tone(colour, 0.4)
        if a["drive"] == "phillips":
            c.line([(12, 16), (27, 16)], dark, 3)
            c.line([(19.5, 8), (19.5, 23)], dark, 3)
        elif a["drive"] == "slotted":
            c.line([(9, 16), (30, 16)], dark, 3)
        else:
            hexagon = [
                (19.5 + 6 * (x - 50) / 10, 15.5 + 6 * (y - 50) / 10) for x, y in _ring(10, 6)
            ]
            c.polygon(hexagon, dark)
