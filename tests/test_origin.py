"""Tests of stylejax/origin.py."""

import dataclasses
from pathlib import Path

import pytest

from stylejax.config import ConfigError
from stylejax.origin import Origin

NOW = Origin("demo", 400, "ab12", "ff00")
FIX = ("the vectors are out of date", "export again")


def test_an_origin_is_read_back_from_among_other_things() -> None:
    assert Origin.read(dataclasses.asdict(NOW) | {"dim": 128}, Path("x.json")) == NOW


@pytest.mark.parametrize("values", [{"run": "demo", "step": 3}, {}, None, "demo"])
def test_what_names_no_origin_is_refused(values: object) -> None:
    with pytest.raises(ConfigError, match=r"x\.json does not say which checkpoint made it"):
        Origin.read(values, Path("x.json"))


def test_the_same_checkpoint_fits_whatever_its_folder_is_called() -> None:
    dataclasses.replace(NOW, run="copy").require(NOW, *FIX)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"step": 300}, "made at step 300 of 'demo', but the checkpoint is step 400 of 'demo';"),
        ({"config": "cd34", "weights": "0"}, "trained with other settings or data;"),
        ({"weights": "ee11"}, "is step 400 of 'demo', trained anew: its weights are others;"),
    ],
    ids=["step", "config", "weights"],
)
def test_another_checkpoint_is_refused_with_the_difference(
    change: dict[str, object], told: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        dataclasses.replace(NOW, **change).require(NOW, *FIX)
    message = str(raised.value)
    assert message.startswith("the vectors are out of date: ")
    assert told in message
    assert message.endswith("; export again")
