"""Queries put together: a photo, what is known of it, words that change it, words that must not be.

All is arithmetic of unit vectors, so that a query of any kind searches the same index. The weights
were chosen on half of the built-in catalogue's products; docs/search.md has how well they do on the
other half.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float32
from numpy.typing import NDArray

from stylejax.config import ConfigError

Method = Literal["sum", "joint"]
METHODS: tuple[Method, ...] = get_args(Method)
SAID = 0.5  # weight of each turn's words, for a product of 1
MOST_SAID = 4.0  # that is sensible: the product hardly counts
WITHOUT = 0.2  # of words that are not wanted


@dataclass(frozen=True)
class Parts:
    """The unit vectors of a query; None = there is no such part."""

    product: Float32[NDArray, " d"] | None = None  # the photo, with its title where that is known
    # The photo read with the words in the place of its title, of the method "joint".
    joint: Float32[NDArray, " d"] | None = None
    words: Float32[NDArray, " d"] | None = None  # all that was said, as one text
    turns: int = 1  # how often something was said
    without: Float32[NDArray, " d"] | None = None  # words that are not wanted


def compose(parts: Parts, method: Method = "sum", weight: float = SAID) -> Float32[NDArray, " d"]:
    """One unit vector for a whole query.

    A product or words alone are themselves. Of both, ``sum`` is the product and a share of the
    words for each turn; ``joint`` is the photo read together with the words in place of its title,
    as the reference system does (eSSPR, WWW 2023, user-interactive search). A fifth of what is not
    wanted is taken off either.

    Args:
      parts: a product, words, or both.
      method: how a product and words are put together.
      weight: of a turn's words in a sum, for a product of 1.

    Raises:
      ConfigError: when there is neither a product nor words.
    """
    if method == "joint" and parts.joint is not None:
        query = parts.joint
    elif parts.product is not None and parts.words is not None:
        assert method == "sum", "the photo was not read with the words"
        query = _unit(parts.product + weight * parts.turns * parts.words)
    elif (query := parts.words if parts.product is None else parts.product) is None:
        raise ConfigError("nothing to search for: give a photo, words, or both")
    return query if parts.without is None else _unit(query - WITHOUT * parts.without)


def _unit(x: Float32[NDArray, " d"]) -> Float32[NDArray, " d"]:
    return (x / max(float(np.linalg.norm(x)), 1e-12)).astype(np.float32)
