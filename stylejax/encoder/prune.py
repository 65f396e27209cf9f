"""Words that have nothing to do with the picture, left out while training.

Titles hold words that no picture shows (brands, sizes, "free shipping"), which a picture cannot be
drawn to; leaving out the least telling ones cleans titles while training goes on (MML-TP:
"Multimodal learning with online text cleaning for e-commerce product search", Amazon 2024). What is
least telling is asked of the title itself, or of its picture.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float


def kept_tokens(
    tokens: Float[Array, "b t d"],
    reference: Float[Array, "b d"],
    present: Bool[Array, "b t"],
    share: float,
) -> Bool[Array, "b t"]:
    """Which tokens stay when those least like a reference go.

    Args:
      tokens: a vector a token.
      reference: what a row's tokens are compared with, by cosine.
      present: false where there is no token.
      share: of a row's tokens to leave out, rounded down: one token alone always stays.

    Returns:
      `present` without them; it has no gradient.
    """
    tokens, reference = jax.lax.stop_gradient((tokens, reference))
    lengths = jnp.linalg.norm(tokens, axis=-1) + 1e-12
    likeness = jnp.einsum("btd,bd->bt", tokens, reference) / lengths
    likeness = jnp.where(present, likeness, jnp.inf)
    ranks = jnp.argsort(jnp.argsort(likeness, axis=1), axis=1)
    leaving = jnp.floor(share * jnp.sum(present, axis=1, keepdims=True))
    return present & (ranks >= leaving)
