"""Options that name a recipe and override its settings: shared by `mine` and `train`."""

from __future__ import annotations

import argparse

from stylejax.config import Config, load_config, override


def vocabulary(config: Config) -> int:
    """Number of token ids as far as a recipe tells: its own, or its pretrained tokenizer's."""
    if not config.text.tokenizer:
        return config.text.vocab_size
    from input_pipeline.tokens import pretrained_tokenizer

    return pretrained_tokenizer(config.text).vocab_size


def parse_recipe(
    parser: argparse.ArgumentParser, argv: list[str]
) -> tuple[Config, argparse.Namespace]:
    """Reads ``--config FILE``, the parser's own flags, and ``--section.field VALUE`` overrides.

    Args:
      parser: holds the verb's own flags; `--config` is added.
      argv: the command line after the verb.

    Returns:
      The recipe with the overrides applied, and the parser's own flags.

    Raises:
      SystemExit: 2 for an unknown field or a wrong type, naming the nearest; 0 after `--help`.
      ConfigError: when the recipe cannot be read.
    """
    parser.add_argument("--config", help="recipe file, e.g. configs/grocery.py")
    asked = {"-h", "--help"} & set(argv)
    known, rest = parser.parse_known_args([word for word in argv if word not in asked])
    if asked:
        parser.print_help()
        print("\nEvery setting of the recipe can be overridden; the defaults are the recipe's:\n")
    elif not known.config:
        parser.error("--config is required: a recipe file, e.g. --config configs/grocery.py")
    base = load_config(known.config) if known.config else Config()
    prog = f"{parser.prog} --config {known.config or 'FILE'}"
    return override(base, [*rest, *asked], prog), known
