"""Sums over all pairs of a query and a target without a matrix of them.

A loss over a batch needs, for each row, sums over all columns (and for symmetric losses the other
way round) of something that depends on a cosine and a few numbers of the row and the column.
`cosine_sums` makes such sums tile by tile. Nothing of a tile is kept for the backward pass, which
computes it again: the memory is that of the vectors, and the time that of four matrix products.
Where the batch is divided over devices, the columns are passed round a ring (`ppermute`), and the
next ones travel while those that are here are worked on.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from stylejax.losses.similarity import Axes, Side, normalise, product

Tree = Any  # of arrays whose first axis counts rows, or columns
State = TypeVar("State")
Cell = Callable[[Float[Array, "r c"], Side, Side], tuple[Tree, Tree]]

TILE = 1024  # rows and columns of a tile: 4 MiB of float32, which stays near the processor


def cosine_sums(
    cell: Cell, rows: Side, columns: Side, *, axes: Axes = (), tile: int = TILE
) -> tuple[Tree, Tree, Float[Array, " b"]]:
    """Sums a function of the cosines over all columns for each row, and over all rows likewise.

    Args:
      cell: from the cosines `[R, C]` of a tile, its rows and its columns (their vectors left out)
        to its share of the sums, trees of `[R, ...]` and `[C, ...]`. It is computed again in the
        backward pass, may use nothing traced but its arguments, and must count no column (for the
        rows' sums) and no row (for the columns') whose number is 0: those fill up the last tile.
        Its rows carry their `partner` cosine.
      rows: this device's part of the batch.
      columns: the partners of the rows, in their order, and after them any further ones.
      axes: mapped mesh axes that the batch is divided over; () = all of it is here.
      tile: rows and columns of a tile.

    Returns:
      Sums for each row of this device over the columns of all devices, the reverse, and each row's
      cosine with its partner.
    """
    tile = _even(tile, rows.number.shape[0])
    return _cosine_sums(cell, tile, axes, *_varying((rows, columns), axes))


def row_fold(
    step: Callable[[State, Float[Array, "r c"], Side, Side], State],
    start: State,
    rows: Side,
    columns: Side,
    *,
    axes: Axes = (),
    tile: int = TILE,
) -> State:
    """Folds all columns into a state for each row, such as its largest similarities.

    Args:
      step: from a state `[R, ...]`, the cosines of a tile, its rows and its columns to the next
        state.
      start: state of each row before the first tile, `[B, ...]`.
      rows: as in `cosine_sums`.
      columns: likewise.
      axes: likewise.
      tile: likewise.

    Returns:
      The last states; nothing of them has a gradient.
    """
    start, rows, columns = jax.lax.stop_gradient((start, rows, columns))
    size = rows.number.shape[0]
    tile = _even(tile, size)

    def here(state: State, visitors: Side) -> State:
        def band(_: None, pair: tuple[State, Side]) -> tuple[None, State]:
            first, row_tile = pair
            units, row_tile = _units(row_tile)

            def one(state: State, column_tile: Side) -> tuple[State, None]:
                others, column_tile = _units(column_tile)
                cosines = product(units, others, (1, 1))
                return step(state, cosines, row_tile, column_tile), None

            return None, _scan(one, first, _in_tiles(visitors, tile))[0]

        return _whole(_scan(band, None, _in_tiles((state, rows), tile))[1], size)

    if not axes:
        return here(start, columns)

    def visit(carry: tuple[Side, State], _: None) -> tuple[tuple[Side, State], None]:
        visitors, state = carry
        return (_pass_on(visitors, axes), here(state, visitors)), None

    carry = _varying((columns, start), axes)
    return jax.lax.scan(visit, carry, length=jax.lax.axis_size(axes))[0][1]


# ---- Forward


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1, 2))
def _cosine_sums(cell: Cell, tile: int, axes: Axes, rows: Side, columns: Side) -> Any:
    return _forward(cell, tile, axes, rows, columns)[0]


def _forward(cell: Cell, tile: int, axes: Axes, rows: Side, columns: Side) -> tuple[Any, Any]:
    rows = rows._replace(partner=_partners(rows, columns, tile))
    here = functools.partial(_sums_here, cell, tile, axes)
    if not axes:
        row_sums, column_sums = here(rows, columns)
        return (row_sums, column_sums, rows.partner), (rows, columns)

    def visit(carry: tuple, _: None) -> tuple[tuple, None]:
        visitors, column_sums, row_sums = carry
        coming = _pass_on(visitors, axes)  # travels while this is computed
        more, share = here(rows, visitors)
        column_sums = _pass_on(_add(column_sums, share), axes)
        return (coming, column_sums, _add(row_sums, more)), None

    row_zeros, column_zeros = _zeros(here, rows, columns)
    start = _varying((columns, column_zeros, row_zeros), axes)
    (_, column_sums, row_sums), _ = jax.lax.scan(visit, start, length=jax.lax.axis_size(axes))
    return (row_sums, column_sums, rows.partner), (rows, columns)


def _sums_here(cell: Cell, tile: int, axes: Axes, rows: Side, columns: Side) -> tuple[Tree, Tree]:
    """Sums over this device's rows and some device's columns."""
    size = rows.number.shape[0]
    row_tiles, column_tiles = _in_tiles(rows, tile), _in_tiles(columns, tile)

    def one(row: tuple, column_tile: Side) -> tuple[Tree, Tree]:
        units, row_tile = row
        others, column_tile = _units(column_tile)
        return cell(product(units, others, (1, 1)), row_tile, column_tile)

    def band(column_sums: Tree, row_tile: Side) -> tuple[Tree, Tree]:
        row = _units(row_tile)

        def visit(row_sums: Tree, column_tile: Side) -> tuple[Tree, Tree]:
            more, share = one(row, column_tile)
            return _add(row_sums, more), share

        row_sums, shares = _scan(visit, row_zeros, column_tiles)
        return _add(column_sums, shares), row_sums

    row_zeros, tile_zeros = _zeros(
        lambda row, column: one(_units(row), column), *_first((row_tiles, column_tiles))
    )
    number = column_tiles.number.shape[0]
    column_zeros = jax.tree.map(lambda x: jnp.zeros((number, *x.shape), x.dtype), tile_zeros)
    row_zeros, column_zeros = _varying((row_zeros, column_zeros), axes)
    column_sums, row_sums = _scan(band, column_zeros, row_tiles)
    return _whole(row_sums, size), _whole(column_sums, columns.number.shape[0])


def _partners(rows: Side, columns: Side, tile: int) -> Float[Array, " b"]:
    """Each row's cosine with its partner."""
    assert columns.vectors is not None
    pairs = _in_tiles((rows.vectors, columns.vectors[: rows.number.shape[0]]), tile)

    def cosines(_: None, pair: tuple[Array, Array]) -> tuple[None, Array]:
        return None, jnp.sum(normalise(pair[0]) * normalise(pair[1]), axis=-1)

    return _whole(_scan(cosines, None, pairs)[1], rows.number.shape[0])


# ---- Backward


def _backward(cell: Cell, tile: int, axes: Axes, saved: Any, cotangents: Any) -> tuple[Side, Side]:
    """Gradients, written out: the derivative of the scans would hold more copies of the vectors.

    Shares of all tiles are added up where they lie, as gradients of the unit vectors; the last
    step makes them those of the vectors, in place.
    """
    (rows, columns), (row_cotangents, column_cotangents, partner_cotangents) = saved, cotangents
    gradients = _flat_zeros(rows), _flat_zeros(columns)
    if not axes:
        gradients = _gradients_here(
            cell, tile, axes, (rows, row_cotangents), (columns, column_cotangents), *gradients
        )
    else:

        def visit(carry: tuple, _: None) -> tuple[tuple, None]:
            visitors, row_gradients, column_gradients = carry
            coming = _pass_on(visitors, axes)
            row_gradients, column_gradients = _gradients_here(
                cell, tile, axes, (rows, row_cotangents), visitors, row_gradients, column_gradients
            )
            return (coming, row_gradients, _pass_on(column_gradients, axes)), None

        start = _varying(((columns, column_cotangents), *gradients), axes)
        (_, *gradients), _ = jax.lax.scan(visit, start, length=jax.lax.axis_size(axes))
    return _of_vectors(tile, rows, columns, partner_cotangents, *gradients)


def _gradients_here(
    cell: Cell,
    tile: int,
    axes: Axes,
    own: tuple[Side, Tree],
    theirs: tuple[Side, Tree],
    row_gradients: Side,
    column_gradients: Side,
) -> tuple[Side, Side]:
    """Adds the shares of this device's rows and some device's columns to the gradients."""
    size = own[0].number.shape[0]
    column_tiles = _in_tiles(theirs, tile)
    numbers = _varying(jnp.arange(column_tiles[0].number.shape[0]), axes)

    def band(gradients: Side, tiles: tuple) -> tuple[Side, Side]:
        (row_tile, row_cotangents), start = tiles
        units, row_tile = _units(row_tile)
        smooth, rest = _split(row_tile)

        def visit(carry: tuple[Side, Side], number: Array) -> tuple[tuple[Side, Side], None]:
            gradients, row_gradients = carry
            column_tile, column_cotangents = _at(column_tiles, number)
            others, column_tile = _units(column_tile)
            their_smooth, their_rest = _split(column_tile)

            def sums(cosines: Array, smooth: Side, their_smooth: Side) -> tuple[Tree, Tree]:
                return cell(cosines, _joined(smooth, rest), _joined(their_smooth, their_rest))

            cosines = product(units, others, (1, 1))
            pull = jax.vjp(sums, cosines, smooth, their_smooth)[1]
            slope, more, share = pull((row_cotangents, column_cotangents))
            more = more._replace(vectors=product(slope, others, (1, 0)))
            # The transpose of a product is quicker than the product of a transpose.
            share = share._replace(vectors=product(units, slope, (0, 0)).T)
            gradients = _put(gradients, number, _add(_at(gradients, number), share))
            return (gradients, _add(row_gradients, more)), None

        return _scan(visit, (gradients, start), numbers)[0]

    column_gradients, row_gradients = _scan(
        band, _in_tiles(column_gradients, tile), _in_tiles((own, row_gradients), tile)
    )
    return _whole(row_gradients, size), _whole(column_gradients, theirs[0].number.shape[0])


def _of_vectors(
    tile: int,
    rows: Side,
    columns: Side,
    partner_cotangents: Array,
    row_gradients: Side,
    column_gradients: Side,
) -> tuple[Side, Side]:
    """From gradients of unit vectors and partner cosines to those of the vectors as they came."""

    def units(row: Array, column: Array) -> tuple[Array, Array, Array]:
        row, column = normalise(row), normalise(column)
        return row, column, jnp.sum(row * column, axis=-1)

    def alone(column: Array) -> tuple[Array]:
        return (normalise(column),)

    def pulled(function: Callable, vectors: tuple, gradients: tuple, more: tuple = ()) -> tuple:
        """Gradients through a function of tiles, each put where its tile's came from."""

        def visit(gradients: tuple, number: Array) -> tuple[tuple, None]:
            pull = jax.vjp(function, *_at(vectors, number))[1]
            mine = pull((*_at(gradients, number), *_at(more, number)))
            mine = jax.tree.map(lambda x, there: x.astype(there.dtype), mine, gradients)
            return _put(gradients, number, mine), None

        tiles = jnp.arange(gradients[0].shape[0])
        return _scan(visit, gradients, tiles)[0]

    assert columns.vectors is not None
    assert row_gradients.partner is not None
    assert column_gradients.vectors is not None
    size = rows.number.shape[0]
    paired = pulled(
        units,
        _in_tiles((rows.vectors, columns.vectors[:size]), tile),
        _in_tiles((row_gradients.vectors, column_gradients.vectors[:size]), tile),
        (_in_tiles(row_gradients.partner + partner_cotangents, tile),),
    )
    first, second = _whole(paired, size)
    if further := columns.number.shape[0] - size:
        tiles = _in_tiles((columns.vectors[size:], column_gradients.vectors[size:]), tile)
        (rest,) = pulled(alone, tiles[:1], tiles[1:])
        second = jnp.concatenate([second, _whole(rest, further)])
    whole = row_gradients._replace(vectors=first), column_gradients._replace(vectors=second)
    first, second = jax.tree.map(
        lambda x, like: x.astype(like.dtype), whole, (_split(rows)[0], _split(columns)[0])
    )
    return first._replace(partner=None), second


_cosine_sums.defvjp(_forward, _backward)


# ---- Tiles


def _units(tile: Side) -> tuple[Float[Array, "t d"], Side]:
    """A tile's unit vectors, and what else there is of it."""
    assert tile.vectors is not None
    return normalise(tile.vectors), tile._replace(vectors=None)


def _even(most: int, size: int) -> int:
    """Length of as few tiles as can be, all alike: a short last one would be filled with zeros."""
    return -(-size // -(-size // most))


def _scan(body: Callable[[Any, Any], tuple[Any, Any]], carry: Tree, tiles: Tree) -> Tree:
    """`lax.scan`, without the loop where there is but one tile."""
    if jax.tree.leaves(tiles)[0].shape[0] > 1:
        return jax.lax.scan(body, carry, tiles)
    carry, made = body(carry, _first(tiles))
    return carry, jax.tree.map(lambda x: x[None], made)


def _in_tiles(tree: Tree, tile: int) -> Tree:
    """`[B, ...]` to `[tiles, tile, ...]`, the last tile filled up with zeros."""

    def cut(x: Array) -> Array:
        missing = -x.shape[0] % tile
        if missing:
            x = jnp.pad(x, [(0, missing)] + [(0, 0)] * (x.ndim - 1))
        return x.reshape(-1, tile, *x.shape[1:])

    return jax.tree.map(cut, tree)


def _whole(tiles: Tree, length: int) -> Tree:
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:])[:length], tiles)


def _first(tiles: Tree) -> Tree:
    return jax.tree.map(lambda x: x[0], tiles)


def _at(tiles: Tree, number: Array) -> Tree:
    return jax.tree.map(lambda x: jax.lax.dynamic_index_in_dim(x, number, keepdims=False), tiles)


def _put(tiles: Tree, number: Array, tile: Tree) -> Tree:
    return jax.tree.map(
        lambda x, y: jax.lax.dynamic_update_index_in_dim(x, y, number, 0), tiles, tile
    )


def _zeros(function: Callable[..., Tree], *arguments: Tree) -> Tree:
    shapes = jax.eval_shape(function, *arguments)
    return jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)


def _add(tree: Tree, more: Tree) -> Tree:
    return jax.tree.map(jnp.add, tree, more)


# ---- Gradients of some leaves only


def _split(side: Side) -> tuple[Side, Side]:
    """The leaves that have gradients, and those that have none; None in the place of the others."""
    smooth = jax.tree.map(lambda x: x if jnp.issubdtype(x.dtype, jnp.inexact) else None, side)
    return smooth, jax.tree.map(lambda x: None if jnp.issubdtype(x.dtype, jnp.inexact) else x, side)


def _joined(smooth: Side, rest: Side) -> Side:
    return Side._make(b if a is None else a for a, b in zip(smooth, rest, strict=True))


def _flat_zeros(side: Side) -> Side:
    """Zeros for the leaves that have gradients, in the type in which they are added up."""
    return jax.tree.map(
        lambda x: jnp.zeros(x.shape, jnp.promote_types(x.dtype, jnp.float32)), _split(side)[0]
    )


# ---- Many devices


def _pass_on(tree: Tree, axes: Axes) -> Tree:
    size = jax.lax.axis_size(axes)
    ring = [(n, (n + 1) % size) for n in range(size)]
    return jax.tree.map(lambda x: jax.lax.ppermute(x, axes, ring), tree)


def _varying(tree: Tree, axes: Axes) -> Tree:
    """Marks what is equal on all devices so far, such as zeros, as different from now on."""
    if not axes:
        return tree
    nothing = 0 * jax.lax.axis_index(axes)

    def mark(x: Array) -> Array:
        return x ^ (nothing != 0) if x.dtype == bool else x + nothing.astype(x.dtype)

    return jax.tree.map(mark, tree)
