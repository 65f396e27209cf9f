"""Running the command line inside a test."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import tiny

from stylejax.cli import main

MATCHING = {"matching": ("m-m",), "distinctiveness": (), "consistency": ()}  # quick to compile


def recipe(folder: Path, root: Path, **sections) -> Path:
    config = tiny.config(root, folder / "run", **({"loss": MATCHING} | sections))
    return tiny.write_recipe(folder / "recipe.py", config)


def run(*words: str | Path) -> None:
    main([str(word) for word in words])


def refused(words: Sequence[str | Path], capsys: pytest.CaptureFixture[str]) -> str:
    """Runs a verb that must end with exit code 2; returns what it printed as error."""
    with pytest.raises(SystemExit) as raised:
        run(*words)
    error = capsys.readouterr().err
    assert raised.value.code == 2, error
    assert error.strip()
    assert "Traceback" not in error
    return error
