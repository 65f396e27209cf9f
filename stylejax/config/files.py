"""Recipes and config.json: settings from and to files, and how two runs differ."""

from __future__ import annotations

import dataclasses
import difflib
import importlib.util
import json
import os
import re
import sys
from pathlib import Path
from typing import Any, TypeVar

from stylejax.config.error import ConfigError, require
from stylejax.config.run import Config

T = TypeVar("T")


def load_config(path: str | os.PathLike[str]) -> Config:
    """Runs a recipe file and returns its `config`.

    Raises:
      ConfigError: when the file is missing, defines no `config` of type `Config`, or gives a field
        a value of the wrong type.
    """
    path = Path(path)
    require(path.is_file(), f"no recipe {path}; the ones that come along are in configs/")
    spec = importlib.util.spec_from_file_location(f"recipe_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{path} is no Python file; a recipe defines config = Config(...)")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except ConfigError:
        raise
    except Exception as error:  # whatever a recipe's Python may raise
        told = _unknown_field(error) or f"{type(error).__name__}: {error}"
        raise ConfigError(f"{path}: {told}") from error
    config = getattr(module, "config", None)
    if not isinstance(config, Config):
        raise ConfigError(f"{path} defines no `config = Config(...)`")
    structured(dataclasses.asdict(config), Config, str(path))  # Python checks no types itself
    return config


def _unknown_field(error: Exception) -> str:
    """The field that a class of settings does not have, with the nearest it has; else empty."""
    said = r"(\w+)\.__init__\(\) got an unexpected keyword argument '(\w+)'"
    found = re.match(said, str(error)) if isinstance(error, TypeError) else None
    kind = getattr(sys.modules["stylejax.config"], found[1], None) if found else None
    if found is None or kind is None or not dataclasses.is_dataclass(kind):
        return ""
    names = [field.name for field in dataclasses.fields(kind)]
    nearest = difflib.get_close_matches(found[2], names, 1)
    fix = f"did you mean {nearest[0]}?" if nearest else f"it has {', '.join(names)}"
    return f"{found[1]} has no field {found[2]!r}; {fix}"


def override(config: Config, arguments: list[str], prog: str) -> Config:
    """Applies ``--field.subfield value`` arguments; prints help or an error like argparse.

    Raises:
      SystemExit: 2 on an unknown field or a wrong type, naming the nearest field.
    """
    import tyro

    return tyro.cli(Config, default=config, args=arguments, prog=prog)


def to_json(config: Config) -> str:
    """The config as indented JSON."""
    return json.dumps(dataclasses.asdict(config), indent=1) + "\n"


def from_json(text: str) -> Config:
    """The config that `to_json` wrote.

    Raises:
      ConfigError: naming every field that is unknown or has a value of the wrong type.
    """
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError(f"config.json does not fit this version: {error}") from error
    return structured(values, Config, "config.json")


def structured(values: Any, kind: type[T], file: str) -> T:
    """A class of settings from what JSON says of it.

    Args:
      values: the object.
      kind: the class.
      file: where it was read, for the error.

    Raises:
      ConfigError: naming every field that is unknown or has a value of the wrong type.
    """
    import cattrs

    require(isinstance(values, dict), f"{file} does not fit this version: it is no object")
    try:
        return cattrs.Converter(forbid_extra_keys=True).structure(values, kind)
    except cattrs.BaseValidationError as error:
        lines = "; ".join(cattrs.transform_error(error))
        raise ConfigError(f"{file} does not fit this version: {lines}") from error


def differences(old: Config, new: Config) -> list[str]:
    """Lines ``field: old -> new`` for every setting that differs."""

    def walk(a: Any, b: Any, name: str) -> list[str]:
        if isinstance(a, dict):
            return [line for key in a for line in walk(a[key], b[key], f"{name}.{key}".strip("."))]
        return [] if a == b else [f"{name}: {a} -> {b}"]

    return walk(dataclasses.asdict(old), dataclasses.asdict(new), "")
