"""Rules for weights by their names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from stylejax.config.error import ConfigError, require


@dataclass(frozen=True)
class NameRule:
    """A rule for the weights of some names; names are those of the checkpoint."""

    setting: ClassVar[str]  # where such rules stand in the config
    pattern: str = ".*"  # regular expression that a name begins with, such as image/.*

    def __post_init__(self) -> None:
        try:
            re.compile(self.pattern)
        except re.error as error:
            require(False, f"{self.setting}: pattern {self.pattern!r} is no expression: {error}")

    def matches(self, name: str) -> bool:
        """Whether a weight falls under the rule."""
        return re.match(self.pattern, name) is not None


def require_matches(rules: Sequence[NameRule], names: Iterable[str]) -> None:
    """Refuses rules for weights that are not there: they would do nothing, unseen.

    Raises:
      ConfigError: when a rule's pattern begins no name.
    """
    names = list(names)
    for rule in rules:
        if not any(rule.matches(name) for name in names):
            heads = sorted({"/".join(name.split("/")[:2]) for name in names})
            raise ConfigError(
                f"{rule.setting}: no weight's name begins with {rule.pattern!r}; there are "
                f"{', '.join(heads)}"
            )
