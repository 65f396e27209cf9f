"""Technical goods: machinery parts, electronics and fasteners; many look exactly alike."""

from input_pipeline.synthetic.category import Category, phrase, seen, seen_and_told, told, units

MACHINERY = (
    Category(
        name="Gears",
        industry="Machinery Parts",
        kind="both",
        nouns=("gear", "gear wheel", "cog wheel", "transmission gear"),
        broad=("gear", "transmission parts", "gear wheels"),
        attributes=(
            seen_and_told("look", ("spur", "helical", "sprocket")),
            seen("finish", ("steel", "black oxide", "brass", "bronze", "white nylon"), varies=True),
            seen("web", ("solid", "3 holes", "4 holes", "5 holes", "6 holes"), varies=True),
            seen("hub", ("round", "keyway", "square")),
            seen("teeth_look", ("coarse", "medium", "fine"), varies=True),
            told(
                "module", ("M0.5", "M0.8", "M1", "M1.25", "M1.5", "M2", "M2.5", "M3"), varies=True
            ),
            told("teeth", units("teeth", *range(12, 61, 2)), varies=True),
            told("bore", units("mm", 4, 5, 6, 8, 10, 12, 15, 20), varies=True),
        ),
        phrases=(
            phrase(0.97, "{module}", "module {module}", "mod {module}"),
            phrase(0.97, "{teeth}"),
            phrase(0.95, "bore {bore}", "{bore} bore", "{bore} hole"),
            phrase(0.6, "{look}"),
            phrase(0.3, "{finish}"),
            phrase(0.3, "cnc", "precision"),
        ),
        asks=(
            "{look} {noun} {module} {teeth} {bore} {finish} {web}",
            "{noun} {module} {teeth} {finish} {web} {bore}",
            "{finish} {noun} {teeth} {module} {bore} {teeth_look} {web}",
        ),
    ),
    Category(
        name="Gear Motors",
        industry="Machinery Parts",
        kind="both",
        nouns=("gear motor", "geared motor", "dc motor", "reduction motor"),
        broad=("gear motor", "electric motors", "dc gearbox motor"),
        attributes=(
            seen_and_told("gearbox", ("inline", "worm", "planetary")),
            seen("body", ("round", "square", "finned"), varies=True),
            seen(
                "colour", ("steel", "black", "blue", "green", "red", "grey", "orange"), varies=True
            ),
            seen("gearbox_colour", ("steel", "brass", "black", "grey", "bronze"), varies=True),
            seen("mount", ("four screws", "flange", "foot"), varies=True),
            told("voltage", units("v", 3, 5, 6, 9, 12, 18, 24, 36, 48), varies=True),
            told("speed", units("rpm", 5, 10, 15, 30, 50, 60, 100, 200, 300, 500), varies=True),
            told("power", units("w", 3, 5, 10, 15, 25, 40, 60, 90)),
        ),
        phrases=(
            phrase(0.97, "{voltage}", "dc {voltage}"),
            phrase(0.97, "{speed}"),
            phrase(0.6, "{power}"),
            phrase(0.5, "{gearbox}"),
            phrase(0.4, "high torque", "low noise", "reversible"),
        ),
        asks=(
            "{colour} {gearbox} {noun} {voltage} {speed} {mount}",
            "{noun} {voltage} {speed} {colour} {gearbox_colour} {body}",
            "{body} {noun} {speed} {voltage} {colour} {mount}",
        ),
        apart=("colour", "gearbox_colour"),
    ),
)

ELECTRONICS = (
    Category(
        name="Chip Resistors",
        industry="Electronic Components",
        kind="text",
        nouns=("resistor", "chip resistor", "smd resistor", "film resistor"),
        broad=("smd resistor", "resistors", "electronic components"),
        attributes=(
            seen("body", ("black", "green")),
            told(
                "resistance",
                units("ohm", 1, 4.7, 10, 22, 33, 47, 68, 100, 150, 220, 330, 470, 680)
                + units("kohm", 1, 1.5, 2.2, 3.3, 4.7, 6.8, 10, 15, 22, 33, 47, 68, 100, 220, 470)
                + units("mohm", 1, 2.2, 4.7, 10),
                varies=True,
            ),
            told("package", ("0402", "0603", "0805", "1206", "1210", "2512"), varies=True),
            told("tolerance", units("%", 0.1, 0.5, 1, 5)),
            told("power", units("w", 0.1, 0.125, 0.25, 0.5, 1)),
            told("reel", units("pcs", 100, 500, 1000, 5000)),
        ),
        phrases=(
            phrase(0.99, "{resistance}"),
            phrase(0.97, "{package}"),
            phrase(0.7, "{tolerance}"),
            phrase(0.4, "{power}"),
            phrase(0.5, "{reel}"),
            phrase(0.4, "smd", "smt"),
        ),
        asks=(
            "{noun} {resistance} {package} {tolerance}",
            "{package} {resistance} {noun} {tolerance} {reel}",
            "{resistance} {tolerance} {package} {noun}",
        ),
    ),
    Category(
        name="Voltage Regulators",
        industry="Electronic Components",
        kind="text",
        nouns=("voltage regulator", "regulator ic", "ldo regulator", "linear regulator"),
        broad=("voltage regulator", "power ic", "integrated circuits"),
        attributes=(
            seen_and_told("package", ("TO-220", "SOT-223", "TO-252")),
            told(
                "output",
                units("v", 1.2, 1.5, 1.8, 2.5, 2.8, 3, 3.3, 5, 6, 8, 9, 10, 12, 15, 24),
                varies=True,
            ),
            told("current", units("a", 0.1, 0.15, 0.3, 0.5, 0.8, 1, 1.5, 2, 3, 5), varies=True),
            told("series", ("LM", "AMS", "LD", "TPS", "MIC", "XC", "NCP", "HT", "RT", "SPX")),
            told("pack", units("pcs", 10, 20, 50, 100, 500)),
        ),
        phrases=(
            phrase(0.99, "{output}", "{output} output"),
            phrase(0.97, "{current}"),
            phrase(0.7, "{series} series", "{series}"),
            phrase(0.7, "{package}"),
            phrase(0.5, "{pack}"),
            phrase(0.3, "fixed", "low dropout"),
        ),
        asks=(
            "{noun} {output} {current} {package} {series}",
            "{series} {noun} {package} {output} {current}",
            "{output} {current} {noun} {series} {package}",
        ),
    ),
)

_LENGTHS = units("mm", 6, 8, 10, 12, 16, 20, 25, 30, 35, 40, 45, 50, 60, 70, 80, 90, 100, 120)
FASTENERS = (
    Category(
        name="Hex Bolts",
        industry="Fasteners",
        kind="text",
        nouns=("hex bolt", "hexagon bolt", "hex head bolt", "hex cap screw"),
        broad=("hex bolt", "bolts", "hardware fasteners"),
        attributes=(
            seen_and_told("finish", ("zinc plated", "black oxide", "brass", "yellow zinc")),
            seen("thread_look", ("full", "part")),
            told(
                "thread",
                ("M3", "M4", "M5", "M6", "M8", "M10", "M12", "M14", "M16", "M20"),
                varies=True,
            ),
            told("length", _LENGTHS, varies=True),
            told("grade", ("4.8", "8.8", "10.9", "12.9", "A2-70")),
            told("pack", units("pcs", 10, 20, 50, 100, 200)),
        ),
        phrases=(
            phrase(
                0.98,
                "{thread}x{length_number}",
                "{thread} x {length}",
                "{thread}*{length}",
                "{thread} {length}",
            ),
            phrase(0.7, "grade {grade}", "class {grade}"),
            phrase(0.6, "{finish}"),
            phrase(0.5, "{pack}"),
            phrase(0.4, "din933", "iso4017", "metric"),
        ),
        asks=(
            "{noun} {thread}x{length_number} {finish} {grade}",
            "{thread} {length} {noun} {grade} {finish}",
            "{finish} {noun} {thread} x {length_number} {grade}",
        ),
    ),
    Category(
        name="Self-Tapping Screws",
        industry="Fasteners",
        kind="text",
        nouns=("self tapping screw", "tapping screw", "sheet metal screw", "wood screw"),
        broad=("self tapping screws", "screws", "hardware fasteners"),
        attributes=(
            seen_and_told("head", ("pan", "countersunk", "washer")),
            seen_and_told("drive", ("phillips", "slotted", "torx")),
            seen_and_told("finish", ("zinc plated", "black oxide", "yellow zinc")),
            told(
                "diameter",
                ("M2", "M2.5", "M2.9", "M3", "M3.5", "M3.9", "M4.2", "M4.8", "M5.5"),
                varies=True,
            ),
            told("length", _LENGTHS[:12], varies=True),
            told("box", units("pcs", 20, 50, 100, 200, 500, 1000), varies=True),
        ),
        phrases=(
            phrase(
                0.98,
                "{diameter}x{length_number}",
                "{diameter} x {length}",
                "{diameter}*{length}",
                "{diameter} {length}",
            ),
            phrase(0.96, "{box}", "box of {box_number}"),
            phrase(0.5, "{head} head"),
            phrase(0.5, "{drive}"),
            phrase(0.5, "{finish}"),
        ),
        asks=(
            "{noun} {diameter}x{length_number} {box} {head}",
            "{diameter} {length} {noun} {drive} {box}",
            "{finish} {noun} {diameter} x {length_number} {head} {box}",
        ),
    ),
)
