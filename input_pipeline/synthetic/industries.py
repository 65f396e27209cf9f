"""All industries: the category tree of the simulated catalogue."""

from input_pipeline.synthetic.category import Category
from input_pipeline.synthetic.household_goods import DRINKWARE, FURNITURE
from input_pipeline.synthetic.printed_goods import APPAREL, PRINT_GOODS, TEXTILES
from input_pipeline.synthetic.technical_goods import ELECTRONICS, FASTENERS, MACHINERY

CATEGORIES: tuple[Category, ...] = (
    *APPAREL,
    *PRINT_GOODS,
    *TEXTILES,
    *DRINKWARE,
    *FURNITURE,
    *MACHINERY,
    *ELECTRONICS,
    *FASTENERS,
)
