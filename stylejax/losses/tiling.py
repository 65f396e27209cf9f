"""Trees of arrays in tiles: cut, walked over, added up, split by gradient, passed round a ring."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from stylejax.losses.similarity import Axes, Side, normalise

Tree = Any  # of arrays whose first axis counts rows, or columns


# ---- Tiles


def unit_vectors(tile: Side) -> tuple[Float[Array, "t d"], Side]:
    """A tile's unit vectors, and what else there is of it."""
    assert tile.vectors is not None
    return normalise(tile.vectors), tile._replace(vectors=None)


def even_length(most: int, size: int) -> int:
    """Length of as few tiles as can be, all alike: a short last one would be filled with zeros."""
    return -(-size // -(-size // most))


def scan_tiles(body: Callable[[Any, Any], tuple[Any, Any]], carry: Tree, tiles: Tree) -> Tree:
    """`lax.scan`, without the loop where there is but one tile."""
    if jax.tree.leaves(tiles)[0].shape[0] > 1:
        return jax.lax.scan(body, carry, tiles)
    carry, made = body(carry, first_tile(tiles))
    return carry, jax.tree.map(lambda x: x[None], made)


def in_tiles(tree: Tree, tile: int) -> Tree:
    """`[B, ...]` to `[tiles, tile, ...]`, the last tile filled up with zeros."""

    def cut(x: Array) -> Array:
        missing = -x.shape[0] % tile
        if missing:
            x = jnp.pad(x, [(0, missing)] + [(0, 0)] * (x.ndim - 1))
        return x.reshape(-1, tile, *x.shape[1:])

    return jax.tree.map(cut, tree)


def untiled(tiles: Tree, length: int) -> Tree:
    """`[tiles, tile, ...]` back to `[length, ...]`, without what filled up the last tile."""
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:])[:length], tiles)


def first_tile(tiles: Tree) -> Tree:
    """The first tile."""
    return jax.tree.map(lambda x: x[0], tiles)


def tile_at(tiles: Tree, number: Array) -> Tree:
    """The tile of a traced number."""
    return jax.tree.map(lambda x: jax.lax.dynamic_index_in_dim(x, number, keepdims=False), tiles)


def with_tile(tiles: Tree, number: Array, tile: Tree) -> Tree:
    """The tiles with one of them replaced, in place where the compiler can."""
    return jax.tree.map(
        lambda x, y: jax.lax.dynamic_update_index_in_dim(x, y, number, 0), tiles, tile
    )


def zeros_like_result(function: Callable[..., Tree], *arguments: Tree) -> Tree:
    """Zeros in the shape of what a function returns."""
    shapes = jax.eval_shape(function, *arguments)
    return jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)


def added(tree: Tree, more: Tree) -> Tree:
    """The sum of two trees."""
    return jax.tree.map(jnp.add, tree, more)


# ---- Gradients of some leaves only


def split_smooth(side: Side) -> tuple[Side, Side]:
    """The leaves that have gradients, and those that have none; None in the place of the others."""
    smooth = jax.tree.map(lambda x: x if jnp.issubdtype(x.dtype, jnp.inexact) else None, side)
    return smooth, jax.tree.map(lambda x: None if jnp.issubdtype(x.dtype, jnp.inexact) else x, side)


def joined(smooth: Side, rest: Side) -> Side:
    """What `split_smooth` took apart."""
    return Side._make(b if a is None else a for a, b in zip(smooth, rest, strict=True))


def gradient_zeros(side: Side) -> Side:
    """Zeros for the leaves that have gradients, in the type in which they are added up."""
    return jax.tree.map(
        lambda x: jnp.zeros(x.shape, jnp.promote_types(x.dtype, jnp.float32)), split_smooth(side)[0]
    )


# ---- Many devices


def pass_on(tree: Tree, axes: Axes) -> Tree:
    """Sends to the next device of the ring; what comes is the last one's."""
    size = jax.lax.axis_size(axes)
    ring = [(n, (n + 1) % size) for n in range(size)]
    return jax.tree.map(lambda x: jax.lax.ppermute(x, axes, ring), tree)


def varying(tree: Tree, axes: Axes) -> Tree:
    """Marks what is equal on all devices so far, such as zeros, as different from now on."""
    if not axes:
        return tree
    nothing = 0 * jax.lax.axis_index(axes)

    def mark(x: Array) -> Array:
        return x ^ (nothing != 0) if x.dtype == bool else x + nothing.astype(x.dtype)

    return jax.tree.map(mark, tree)
