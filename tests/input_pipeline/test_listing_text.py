"""Tests of input_pipeline/listing_text.py."""

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from input_pipeline.catalogue import Catalogue, load_catalogue
from input_pipeline.listing_text import attribute_text, composed, listing_texts
from stylejax.config import CatalogueColumns, ConfigError, DataConfig, TextConfig

CATALOGUE = Catalogue(
    ["a", "b", "c"],
    ["red  mug", "", ""],
    [""] * 3,
    ["Home > Mugs", "Home > Plates", ""],
    ["train"] * 3,
    Path(),
)
FULL = "{title}, {attributes} in {category_path}"


def test_a_text_is_the_title_unless_a_template_says_more() -> None:
    assert listing_texts(CATALOGUE, TextConfig()) == ["red mug", "", ""]


def test_a_template_puts_the_parts_together() -> None:
    whole = replace(CATALOGUE, attributes=["colour red", "", ""])
    assert listing_texts(whole, TextConfig(template=FULL)) == [
        "red mug, colour red in Home > Mugs",
        ", in Home > Plates",
        "",  # nothing to say, so no text: the words between do not count
    ]
    assert listing_texts(CATALOGUE, TextConfig(template="{category}: {title}")) == [
        "Mugs: red mug",
        "Plates:",
        "",
    ]


def test_a_search_gives_its_words_as_the_title() -> None:
    assert composed(TextConfig(), title=" 3d frog ") == "3d frog"
    assert composed(TextConfig(template="title {title}"), title="3d frog") == "title 3d frog"
    assert composed(TextConfig(template="title {title}")) == ""


def test_a_template_that_names_attributes_needs_their_column() -> None:
    with pytest.raises(ConfigError, match=r"--data\.columns\.attributes NAME"):
        listing_texts(CATALOGUE, TextConfig(template=FULL))


@pytest.mark.parametrize(
    "value",
    [
        {"colour": "red", "size": 6, "left": None},
        [("colour", "red"), ("size", 6), ("left", "")],
        '{"colour": "red", "size": 6, "left": null}',
        "colour red size 6",
    ],
    ids=["mapping", "pairs", "json", "words"],
)
def test_attributes_become_words(value) -> None:
    assert attribute_text(value) == "colour red size 6"


@pytest.mark.parametrize("value", [None, "", {}, [], "{}"])
def test_no_attributes_are_no_words(value) -> None:
    assert attribute_text(value) == ""


@pytest.mark.parametrize("value", ["12", '"red"', "[1, 2]", "{broken"])
def test_other_json_is_words_as_it_stands(value: str) -> None:
    assert attribute_text(value) == value


def test_attributes_are_read_from_a_column_of_maps(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.parquet"
    attributes = pa.array(
        [[("colour", "red"), ("size", "6")], None], pa.map_(pa.string(), pa.string())
    )
    pq.write_table(
        pa.table({"item_id": ["a", "b"], "title": ["mug", "cup"], "facts": attributes}), path
    )
    columns = CatalogueColumns(image="", category_path="", split="", group="", attributes="facts")
    catalogue = load_catalogue(DataConfig(columns=columns), path, tmp_path)
    assert catalogue.attributes == ["colour red size 6", ""]
    texts = listing_texts(catalogue, TextConfig(template="{title} {attributes}"))
    assert texts == ["mug colour red size 6", "cup"]
    plain = load_catalogue(DataConfig(columns=replace(columns, attributes="")), path, tmp_path)
    assert plain.attributes is None
