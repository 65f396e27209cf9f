"""The picture of a product before anybody photographs it."""

from collections.abc import Callable, Mapping

from PIL import Image

from input_pipeline.synthetic import household_pictures, printed_pictures, technical_pictures
from input_pipeline.synthetic.canvas import Canvas
from input_pipeline.synthetic.products import Product

POSES = 3  # how differently one product may lie, turn or be cut

_DRAW: dict[str, Callable[[Canvas, Mapping[str, str], int], None]] = {
    "Dresses": printed_pictures.draw_dress,
    "T-Shirts": printed_pictures.draw_tshirt,
    "Phone Cases": printed_pictures.draw_phone_case,
    "Wall Art": printed_pictures.draw_wall_art,
    "Cushion Covers": printed_pictures.draw_cushion,
    "Fabrics": printed_pictures.draw_fabric,
    "Mugs": household_pictures.draw_mug,
    "Water Bottles": household_pictures.draw_bottle,
    "Chairs": household_pictures.draw_chair,
    "Table Lamps": household_pictures.draw_lamp,
    "Gears": technical_pictures.draw_gear,
    "Gear Motors": technical_pictures.draw_motor,
    "Chip Resistors": technical_pictures.draw_resistor,
    "Voltage Regulators": technical_pictures.draw_regulator,
    "Hex Bolts": technical_pictures.draw_bolt,
    "Self-Tapping Screws": technical_pictures.draw_screw,
}


def draw_product(product: Product, pose: int, size: int) -> Image.Image:
    """Draw a product on a transparent ground.

    Args:
        product: what to draw; only attributes that are `seen` matter.
        pose: 0 to POSES - 1.
        size: pixels of each side.

    Returns:
        An RGBA picture [size, size].
    """
    canvas = Canvas(size)
    _DRAW[product.category.name](canvas, product.values, pose)
    return canvas.image
