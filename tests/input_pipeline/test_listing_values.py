"""Tests of input_pipeline/listing_values.py."""

from pathlib import Path

import pytest

from input_pipeline.listing_values import listing_values
from stylejax.config import ConfigError


def test_a_column_of_any_name_is_read(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text("id,shop\na,S1\nb,\nc, S2 \n")
    found = listing_values(tmp_path / "c.csv", "id", "shop", "--within")
    assert found == {"a": "S1", "b": "", "c": "S2"}


def test_a_column_that_is_not_there_is_told(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text("id,shop\na,S1\n")
    with pytest.raises(ConfigError, match="no column 'seller' for --within; it has id, shop"):
        listing_values(tmp_path / "c.csv", "id", "seller", "--within")
