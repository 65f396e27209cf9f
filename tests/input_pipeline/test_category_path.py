"""Tests of input_pipeline/category_path.py."""

from input_pipeline.category_path import at_level, narrowest

PATH = "Home > Kitchen > Mugs"


def test_category_levels() -> None:
    expected = [PATH, "Home", "Home > Kitchen", PATH, PATH]
    assert [at_level(PATH, level) for level in range(5)] == expected
    assert at_level("", 1) == ""


def test_the_narrowest_level_is_the_last() -> None:
    assert [narrowest(path) for path in (PATH, "Home", "")] == ["Mugs", "Home", ""]
