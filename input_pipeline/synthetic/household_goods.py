"""Household goods: drinkware and furniture, told apart by picture and text together."""

from input_pipeline.synthetic.canvas import COLOURS
from input_pipeline.synthetic.category import Category, phrase, seen, seen_and_told, told, units
from input_pipeline.synthetic.motifs import MOTIFS, RELIEFS

_MOTIFS = tuple(MOTIFS)


DRINKWARE = (
    Category(
        name="Mugs",
        industry="Drinkware",
        kind="both",
        nouns=("mug", "coffee mug", "tea cup", "coffee cup"),
        broad=("mug", "coffee mugs", "tea cups", "kitchen drinkware"),
        attributes=(
            seen("shape", ("straight", "tapered", "round", "tall")),
            seen("handle", ("round", "square")),
            seen("colour", COLOURS, varies=True),
            seen("motif", _MOTIFS, varies=True),
            seen("ink", COLOURS, varies=True),
            seen("relief", RELIEFS),
            told("capacity", units("ml", 200, 250, 300, 350, 400, 450, 500, 600), varies=True),
            told(
                "material",
                ("ceramic", "porcelain", "stoneware", "bone china", "enamel"),
                varies=True,
            ),
        ),
        phrases=(
            phrase(0.97, "{capacity}"),
            phrase(0.96, "{material}"),
            phrase(0.25, "{colour}"),
            phrase(0.3, "{relief} {motif}", "{motif}"),
            phrase(0.2, "gift", "with handle"),
        ),
        asks=(
            "{colour} {motif} {noun} {capacity} {material}",
            "{material} {noun} {motif} {colour} {capacity}",
            "{relief} {motif} {noun} {colour} {capacity} {material}",
        ),
        apart=("colour", "ink"),
    ),
    Category(
        name="Water Bottles",
        industry="Drinkware",
        kind="both",
        nouns=("water bottle", "drinking bottle", "sports bottle", "bottle"),
        broad=("water bottle", "sports bottles", "drinking flask"),
        attributes=(
            seen("shape", ("slim", "wide", "waisted", "flask")),
            seen("lid", ("loop", "straw", "dome")),
            seen("colour", COLOURS, varies=True),
            seen("lid_colour", COLOURS, varies=True),
            seen(
                "decor",
                (
                    "plain",
                    "bands",
                    "dots",
                    "chevron",
                    "waves",
                    "diagonal",
                    "star",
                    "moon",
                    "tree",
                    "heart",
                    "fish",
                    "rocket",
                ),
                varies=True,
            ),
            told("capacity", units("ml", 350, 500, 600, 750, 800, 1000, 1200), varies=True),
            told("material", ("stainless steel", "aluminium", "tritan", "glass"), varies=True),
            told("wall", ("vacuum insulated", "single wall")),
        ),
        phrases=(
            phrase(0.97, "{capacity}"),
            phrase(0.96, "{material}"),
            phrase(0.5, "{wall}"),
            phrase(0.25, "{colour}"),
            phrase(0.25, "{lid} lid"),
            phrase(0.3, "bpa free"),
        ),
        asks=(
            "{colour} {decor} {noun} {capacity} {material}",
            "{material} {noun} {capacity} {decor} {colour}",
            "{noun} {capacity} {material} {colour} {decor} {lid_colour} lid",
        ),
        apart=("colour", "lid_colour"),
    ),
)

FURNITURE = (
    Category(
        name="Chairs",
        industry="Furniture",
        kind="both",
        nouns=("chair", "dining chair", "accent chair", "side chair"),
        broad=("chair", "dining chairs", "living room furniture"),
        attributes=(
            seen("back", ("round", "square", "wing", "open")),
            seen_and_told("base", ("four-leg", "sled", "pedestal", "swivel")),
            seen("colour", COLOURS, varies=True),
            seen("stitch", ("plain", "buttoned", "channels", "quilted", "two-tone"), varies=True),
            seen("frame", ("oak", "walnut", "black", "white", "chrome", "gold"), varies=True),
            told("cover", ("velvet", "linen", "pu leather", "boucle", "mesh"), varies=True),
            told("height", units("cm", 42, 45, 48, 50, 55, 60, 65, 75), varies=True),
            told("pack", ("set of 1", "set of 2", "set of 4", "set of 6")),
        ),
        phrases=(
            phrase(0.97, "{cover}"),
            phrase(0.96, "seat height {height}", "{height} seat", "{height}"),
            phrase(0.5, "{pack}"),
            phrase(0.25, "{colour}"),
            phrase(0.3, "{base}"),
            phrase(0.3, "upholstered", "home office"),
        ),
        asks=(
            "{colour} {cover} {noun} {height} {stitch}",
            "{noun} {cover} {colour} {stitch} {height}",
            "{stitch} {noun} {colour} {frame} {cover} {height}",
        ),
    ),
    Category(
        name="Table Lamps",
        industry="Furniture",
        kind="both",
        nouns=("table lamp", "desk lamp", "bedside lamp", "night light"),
        broad=("table lamp", "lamps for bedroom", "home lighting"),
        attributes=(
            seen_and_told("foot", ("ball", "column", "vase", "tripod")),
            seen("shade", ("cone", "drum", "dome", "bell"), varies=True),
            seen("colour", COLOURS, varies=True),
            seen("finish", ("oak", "walnut", "black", "white", "chrome", "gold"), varies=True),
            seen(
                "surface",
                ("plain", "pleated", "trimmed", "stripes", "dots", "chevron"),
                varies=True,
            ),
            told("power", units("w", 3, 5, 7, 9, 12, 15, 40, 60), varies=True),
            told("light", units("k", 2700, 3000, 4000, 6500), varies=True),
            told("socket", ("E27", "E14", "GU10")),
        ),
        phrases=(
            phrase(0.97, "{power}"),
            phrase(0.96, "{light}"),
            phrase(0.6, "{socket}"),
            phrase(0.25, "{foot} base"),
            phrase(0.25, "{colour}"),
            phrase(0.4, "led", "modern"),
        ),
        asks=(
            "{colour} {shade} {noun} {power} {light}",
            "{noun} {finish} {colour} {surface} {power} {light}",
            "{surface} {noun} {colour} {light} {power}",
        ),
    ),
)
