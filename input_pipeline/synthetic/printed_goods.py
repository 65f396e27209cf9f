"""Printed goods: apparel, gifts and textiles, told apart by their pictures."""

from input_pipeline.synthetic.canvas import COLOURS
from input_pipeline.synthetic.category import Attribute, Category, phrase, seen, seen_and_told, told
from input_pipeline.synthetic.motifs import MOTIFS
from input_pipeline.synthetic.patterns import PRINTS

_MOTIFS = tuple(MOTIFS)


def _print_attributes() -> tuple[Attribute, ...]:
    return (
        seen("print", PRINTS, varies=True),
        seen("ground", COLOURS, varies=True),
        seen("ink", COLOURS, varies=True),
        seen("accent", COLOURS),
    )


_PRINT_COLOURS = ("ground", "ink", "accent")
_STYLE_ASKS = ("{style} {noun}", "{noun} {style}", "{style} collection {noun}", "{style} print")
_SEASON = told("season", ("summer", "spring", "autumn", "all season"))
_LOOK = told("look", ("casual", "boho", "elegant", "vintage", "modern", "cute"))

APPAREL = (
    Category(
        name="Dresses",
        industry="Apparel",
        kind="picture",
        nouns=("dress", "women dress", "ladies dress", "dress for women"),
        broad=("dress", "women dresses", "printed dress", "ladies fashion"),
        attributes=(
            seen_and_told("silhouette", ("a-line", "sheath", "maxi", "flared")),
            seen_and_told("sleeve", ("sleeveless", "short sleeve", "long sleeve")),
            *_print_attributes(),
            _SEASON,
            _LOOK,
        ),
        phrases=(
            phrase(0.6, "{season}"),
            phrase(0.6, "{look}"),
            phrase(0.35, "{silhouette}"),
            phrase(0.3, "{sleeve}"),
            phrase(0.5, "printed", "print", "pattern"),
            phrase(0.07, "{ground}"),
            phrase(0.05, "{print}"),
        ),
        asks=_STYLE_ASKS,
        apart=_PRINT_COLOURS,
    ),
    Category(
        name="T-Shirts",
        industry="Apparel",
        kind="picture",
        nouns=("t-shirt", "tshirt", "t shirt", "tee", "top"),
        broad=("t-shirt", "graphic tee", "printed t shirts", "unisex top"),
        attributes=(
            seen_and_told("cut", ("tee", "tank", "long")),
            seen("layout", ("chest", "badge", "row"), varies=True),
            seen("colour", COLOURS, varies=True),
            seen("motif", _MOTIFS, varies=True),
            seen("ink", COLOURS, varies=True),
            seen("accent", COLOURS),
            told("fabric", ("cotton", "polyester", "organic cotton", "bamboo")),
            _LOOK,
        ),
        phrases=(
            phrase(0.6, "{fabric}"),
            phrase(0.5, "{look}"),
            phrase(0.5, "graphic", "printed"),
            phrase(0.5, "unisex", "men women"),
            phrase(0.07, "{colour}"),
            phrase(0.05, "{motif}"),
        ),
        asks=_STYLE_ASKS,
        apart=("colour", "ink", "accent"),
    ),
)

PRINT_GOODS = (
    Category(
        name="Phone Cases",
        industry="Gifts & Prints",
        kind="picture",
        nouns=("phone case", "mobile phone cover", "phone cover", "case"),
        broad=("phone case", "phone cover", "mobile accessories"),
        attributes=(
            seen("camera", ("square", "strip", "dots")),
            seen("scale", ("small", "large")),
            *_print_attributes(),
            told("shell", ("tpu", "silicone", "hard pc", "leather")),
            told("feature", ("shockproof", "slim", "anti scratch", "wireless charging")),
        ),
        phrases=(
            phrase(0.6, "{shell}"),
            phrase(0.6, "{feature}"),
            phrase(0.3, "protective"),
            phrase(0.5, "printed", "pattern", "design"),
            phrase(0.06, "{ground}"),
            phrase(0.05, "{print}"),
        ),
        asks=_STYLE_ASKS,
        apart=_PRINT_COLOURS,
    ),
    Category(
        name="Wall Art",
        industry="Gifts & Prints",
        kind="picture",
        nouns=("wall art", "poster", "framed print", "wall picture", "art print"),
        broad=("wall art", "posters for living room", "home decoration picture"),
        attributes=(
            seen("frame", ("black", "white", "oak")),
            seen("scene", ("mountains", "arches", "rings", "blocks", "waves"), varies=True),
            seen("motif", _MOTIFS, varies=True),
            seen("ground", COLOURS, varies=True),
            seen("ink", COLOURS, varies=True),
            seen("accent", COLOURS),
            told("room", ("living room", "bedroom", "nursery", "office")),
            told("paper", ("canvas", "matte paper", "linen paper")),
            _LOOK,
        ),
        phrases=(
            phrase(0.6, "{room}"),
            phrase(0.5, "{paper}"),
            phrase(0.5, "{look}", "abstract"),
            phrase(0.4, "home decor", "decoration"),
            phrase(0.05, "{motif}"),
            phrase(0.3, "{frame} frame"),
        ),
        asks=_STYLE_ASKS,
        apart=_PRINT_COLOURS,
    ),
)

TEXTILES = (
    Category(
        name="Cushion Covers",
        industry="Home Textiles",
        kind="picture",
        nouns=("cushion cover", "pillow case", "throw pillow cover", "pillowcase"),
        broad=("cushion cover", "pillow", "sofa cushions", "home textile"),
        attributes=(
            seen_and_told("shape", ("square", "round", "lumbar")),
            seen("trim", ("plain", "piping", "fringe")),
            *_print_attributes(),
            told("cloth", ("cotton", "linen", "velvet", "polyester")),
            _LOOK,
        ),
        phrases=(
            phrase(0.6, "{cloth}"),
            phrase(0.5, "{look}"),
            phrase(0.3, "{shape}"),
            phrase(0.5, "sofa", "couch", "home decor"),
            phrase(0.4, "printed", "pattern"),
            phrase(0.06, "{ground}"),
            phrase(0.05, "{print}"),
        ),
        asks=_STYLE_ASKS,
        apart=_PRINT_COLOURS,
    ),
    Category(
        name="Fabrics",
        industry="Home Textiles",
        kind="picture",
        nouns=("fabric", "cloth", "textile fabric", "fabric by the meter"),
        broad=("fabric", "printed cloth", "sewing fabric"),
        attributes=(
            seen("look", ("roll", "draped", "folded")),
            *_print_attributes(),
            told("fibre", ("cotton", "linen", "viscose", "polyester")),
            told("use", ("curtain", "upholstery", "quilting", "sewing")),
        ),
        phrases=(
            phrase(0.7, "{fibre}"),
            phrase(0.6, "{use}"),
            phrase(0.5, "printed", "print"),
            phrase(0.3, "soft", "woven"),
            phrase(0.06, "{ground}"),
            phrase(0.05, "{print}"),
        ),
        asks=_STYLE_ASKS,
        apart=_PRINT_COLOURS,
    ),
)
