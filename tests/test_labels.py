"""Tests of stylejax/labels.py."""

import pytest

from stylejax.config import ConfigError
from stylejax.labels import require_in_catalogue


def test_an_export_of_another_catalogue_is_told_by_a_listing() -> None:
    require_in_catalogue(["a", "b"], {"a": 1, "b": 2, "c": 3})
    require_in_catalogue([], set())
    told = "2 exported listings are not in the catalogue, the first 'b'; .* --catalog"
    with pytest.raises(ConfigError, match=told):
        require_in_catalogue(["a", "b", "c"], {"a"})
