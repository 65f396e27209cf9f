"""Sums over all pairs of a query and a target without a matrix of them.

A loss over a batch needs, for each row, sums over all columns (and for symmetric losses the other
way round) of something that depends on the two vectors and a few numbers of each. `pair_sums` makes
such sums tile by tile. Nothing of a tile is kept for the backward pass, which computes it again:
the memory is that of the vectors, and the time that of four matrix products. Where the batch is
divided over devices, the columns are passed round a ring (`ppermute`), and the next ones travel
while those that are here are worked on.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp

Tree = Any  # of arrays whose first axis counts rows, or columns
Sums = TypeVar("Sums")
Cell = Callable[[Tree, Tree], tuple[Tree, Tree]]
Axes = tuple[str, ...]

TILE = 1024  # rows and columns of a tile: 4 MiB of float32, which stays near the processor


def pair_sums(
    cell: Cell, rows: Tree, columns: Tree, *, axes: Axes = (), tile: int = TILE
) -> tuple[Tree, Tree]:
    """Sums a function of a tile over all columns for each row, and over all rows for each column.

    Args:
      cell: from the rows and columns of a tile, `[R, ...]` and `[C, ...]`, to its share of the
        sums, trees of `[R, ...]` and `[C, ...]`. It is computed again in the backward pass, and
        must be zero for rows or columns that are all zero (the padding of the last tile).
      rows: tree of `[B, ...]`, this device's part of the batch.
      columns: tree of `[C, ...]`, likewise.
      axes: mapped mesh axes that the batch is divided over; () = all of it is here.
      tile: rows and columns of a tile.

    Returns:
      Sums for each row of this device over the columns of all devices, and the reverse.
    """
    here = functools.partial(_sums_here, cell, tile, axes)
    if not axes:
        return here(rows, columns)
    return _ring(here, axes, *_varying((rows, columns), axes))


def row_fold(
    step: Callable[[Tree, Tree, Tree], Tree],
    start: Tree,
    rows: Tree,
    columns: Tree,
    *,
    axes: Axes = (),
    tile: int = TILE,
) -> Tree:
    """Folds all columns into a state for each row, such as its largest similarities.

    Args:
      step: from a state `[R, ...]`, rows and columns of a tile to the next state.
      start: state of each row before the first tile, `[B, ...]`.
      rows: tree of `[B, ...]`.
      columns: tree of `[C, ...]`.
      axes: as in `pair_sums`.
      tile: likewise.

    Returns:
      The last states; nothing of them has a gradient.
    """
    start, rows, columns = jax.lax.stop_gradient((start, rows, columns))

    def here(state: Tree, visitors: Tree) -> Tree:
        if max(_length(rows), _length(visitors)) <= tile:
            return step(state, rows, visitors)
        tiles = _in_tiles(visitors, tile)

        def band(pair: tuple[Tree, Tree]) -> Tree:
            first, row_tile = pair
            return jax.lax.scan(lambda s, c: (step(s, row_tile, c), None), first, tiles)[0]

        bands = jax.lax.map(band, _in_tiles((state, rows), tile))
        return _whole(bands, _length(rows))

    if not axes:
        return here(start, columns)

    def visit(carry: tuple[Tree, Tree], _: None) -> tuple[tuple[Tree, Tree], None]:
        visitors, state = carry
        return (_pass_on(visitors, axes), here(state, visitors)), None

    carry = _varying((columns, start), axes)
    return jax.lax.scan(visit, carry, length=jax.lax.axis_size(axes))[0][1]


# ---- One device


def _sums_here(cell: Cell, tile: int, axes: Axes, rows: Tree, columns: Tree) -> tuple[Tree, Tree]:
    height, width = _length(rows), _length(columns)
    if max(height, width) <= tile:
        return jax.checkpoint(cell)(rows, columns)
    row_tiles, column_tiles = _in_tiles(rows, tile), _in_tiles(columns, tile)

    @jax.checkpoint  # without it the scans would keep all columns for each tile of rows
    def band(column_sums: Tree, row_tile: Tree) -> tuple[Tree, Tree]:
        @jax.checkpoint
        def one(row_sums: Tree, column_tile: Tree) -> tuple[Tree, Tree]:
            more, share = cell(row_tile, column_tile)
            return _add(row_sums, more), share

        row_sums, shares = jax.lax.scan(one, row_zeros, column_tiles)
        return _add(column_sums, shares), row_sums

    row_zeros, tile_zeros = _zeros(cell, _first(row_tiles), _first(column_tiles))
    number = _length(column_tiles)
    column_zeros = jax.tree.map(lambda x: jnp.zeros((number, *x.shape), x.dtype), tile_zeros)
    row_zeros, column_zeros = _varying((row_zeros, column_zeros), axes)
    column_sums, row_sums = jax.lax.scan(band, column_zeros, row_tiles)
    return _whole(row_sums, height), _whole(column_sums, width)


def _length(tree: Tree) -> int:
    return jax.tree.leaves(tree)[0].shape[0]


def _first(tiles: Tree) -> Tree:
    return jax.tree.map(lambda x: x[0], tiles)


def _in_tiles(tree: Tree, tile: int) -> Tree:
    """`[B, ...]` to `[tiles, tile, ...]`, the last tile filled up with zeros."""

    def cut(x: jax.Array) -> jax.Array:
        missing = -x.shape[0] % tile
        if missing:
            x = jnp.pad(x, [(0, missing)] + [(0, 0)] * (x.ndim - 1))
        return x.reshape(-1, tile, *x.shape[1:])

    return jax.tree.map(cut, tree)


def _whole(tiles: Tree, length: int) -> Tree:
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:])[:length], tiles)


def _zeros(function: Callable[..., Tree], *arguments: Tree) -> Tree:
    shapes = jax.eval_shape(function, *arguments)
    return jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)


# ---- Many devices


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _ring(here: Callable, axes: Axes, rows: Tree, columns: Tree) -> tuple[Tree, Tree]:
    return _ring_forward(here, axes, rows, columns)[0]


def _ring_forward(here: Callable, axes: Axes, rows: Tree, columns: Tree) -> tuple[Any, Any]:
    def visit(carry: tuple, _: None) -> tuple[tuple, None]:
        visitors, column_sums, row_sums = carry
        coming = _pass_on(visitors, axes)  # travels while this is computed
        more, share = here(rows, visitors)
        column_sums = _pass_on(_add(column_sums, share), axes)
        return (coming, column_sums, _add(row_sums, more)), None

    row_zeros, column_zeros = _zeros(here, rows, columns)
    start = _varying((columns, column_zeros, row_zeros), axes)
    (_, column_sums, row_sums), _ = jax.lax.scan(visit, start, length=jax.lax.axis_size(axes))
    return (row_sums, column_sums), (rows, columns)


def _ring_backward(here: Callable, axes: Axes, saved: Any, wanted: Any) -> tuple[Tree, Tree]:
    (rows, columns), (row_wanted, column_wanted) = saved, wanted
    own, own_rest, own_tree = _split(rows)
    first, first_rest, their_tree = _split(columns)

    def visit(carry: tuple, _: None) -> tuple[tuple, None]:
        visitors, column_gradients, row_gradients = carry
        coming = _pass_on(visitors, axes)
        theirs, their_rest, their_wanted = visitors

        def sums(own: list, theirs: list) -> tuple[Tree, Tree]:
            return here(own_tree(own, own_rest), their_tree(theirs, their_rest))

        more, share = jax.vjp(sums, own, theirs)[1]((row_wanted, their_wanted))
        column_gradients = _pass_on(_add(column_gradients, share), axes)
        return (coming, column_gradients, _add(row_gradients, more)), None

    zeros = jax.tree.map(jnp.zeros_like, (first, own))
    start = _varying(((first, first_rest, column_wanted), *zeros), axes)
    (_, column_gradients, row_gradients), _ = jax.lax.scan(
        visit, start, length=jax.lax.axis_size(axes)
    )
    return (
        own_tree(row_gradients, [None] * len(own_rest)),
        their_tree(column_gradients, [None] * len(first_rest)),
    )


_ring.defvjp(_ring_forward, _ring_backward)


def _pass_on(tree: Tree, axes: Axes) -> Tree:
    size = jax.lax.axis_size(axes)
    ring = [(n, (n + 1) % size) for n in range(size)]
    return jax.tree.map(lambda x: jax.lax.ppermute(x, axes, ring), tree)


def _varying(tree: Tree, axes: Axes) -> Tree:
    """Marks what is equal on all devices so far, such as zeros, as different from now on."""
    if not axes:
        return tree
    nothing = 0 * jax.lax.axis_index(axes)

    def mark(x: jax.Array) -> jax.Array:
        return x ^ (nothing != 0) if x.dtype == bool else x + nothing.astype(x.dtype)

    return jax.tree.map(mark, tree)


def _add(tree: Tree, more: Tree) -> Tree:
    return jax.tree.map(jnp.add, tree, more)


def _split(tree: Tree) -> tuple[list, list, Callable[[list, list], Tree]]:
    """The leaves that have gradients, those that have none, and what puts both together again."""
    leaves, structure = jax.tree.flatten(tree)
    smooth = [jnp.issubdtype(leaf.dtype, jnp.inexact) for leaf in leaves]

    def join(some: list, others: list) -> Tree:
        first, second = iter(some), iter(others)
        return structure.unflatten([next(first) if yes else next(second) for yes in smooth])

    parts = [
        [x for x, yes in zip(leaves, smooth, strict=True) if yes is kind] for kind in (True, False)
    ]
    return parts[0], parts[1], join
