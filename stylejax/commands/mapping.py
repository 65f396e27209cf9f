"""A catalogue's column mapping on the command line: shared by `simulate-clicks` and `build`."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from stylejax.config import DataConfig, load_config


@dataclass(frozen=True)
class Mapping:
    """The part of a recipe that these verbs read."""

    data: DataConfig = DataConfig()  # column names, and the name of the train split


def parse_mapping(
    parser: argparse.ArgumentParser, argv: list[str]
) -> tuple[DataConfig, argparse.Namespace]:
    """Reads the parser's own flags, ``--config FILE`` and ``--data.columns.FIELD NAME``.

    Args:
      parser: holds the verb's own flags; `--config` is added.
      argv: the command line after the verb.

    Returns:
      The settings of the recipe's data, or the defaults, with the overrides applied; and the
      parser's own flags.

    Raises:
      SystemExit: 2 for an unknown flag, naming the nearest; 0 after `--help`.
      ConfigError: when the recipe cannot be read.
    """
    parser.add_argument("--config", default="", help="recipe whose column names are used")
    parser.description = (
        f"{parser.description} Columns have the names of the recipe, or item_id, title, image, "
        "category_path, split, group; map others with --data.columns.FIELD NAME."
    )
    known, rest = parser.parse_known_args(argv)
    import tyro

    base = Mapping(load_config(known.config).data) if known.config else Mapping()
    return tyro.cli(Mapping, default=base, args=rest, prog=parser.prog).data, known
