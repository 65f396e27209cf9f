"""Tests of input_pipeline/synthetic/category.py."""

from input_pipeline.synthetic.category import Category, phrase, seen, seen_and_told, told, units


def test_helpers_say_where_an_attribute_shows() -> None:
    one, two, three = seen("a", ("x",), True), told("b", ("x",)), seen_and_told("c", ("x",))
    assert (one.seen, one.told, one.varies) == (True, False, True)
    assert (two.seen, two.told, two.varies) == (False, True, False)
    assert (three.seen, three.told, three.varies) == (True, True, False)


def test_units_and_phrases() -> None:
    assert units("mm", 2.5, 10) == ("2.5 mm", "10 mm")
    assert phrase(0.5, "a", "b").forms == ("a", "b")


def test_path_joins_industry_and_name() -> None:
    category = Category("Mugs", "Drinkware", "both", ("mug",), ("mug",), (), (), ("{noun}",))
    assert category.path == "Drinkware > Mugs"
