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
from stylejax.losses.tiling import (
    Tree,
    added,
    even_length,
    first_tile,
    gradient_zeros,
    in_tiles,
    joined,
    pass_on,
    scan_tiles,
    split_smooth,
    tile_at,
    unit_vectors,
    untiled,
    varying,
    with_tile,
    zeros_like_result,
)

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
    tile = even_length(tile, rows.number.shape[0])
    return _cosine_sums(cell, tile, axes, *varying((rows, columns), axes))


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
    tile = even_length(tile, size)

    def here(state: State, visitors: Side) -> State:
        def band(_: None, pair: tuple[State, Side]) -> tuple[None, State]:
            first, row_tile = pair
            units, row_tile = unit_vectors(row_tile)

            def one(state: State, column_tile: Side) -> tuple[State, None]:
                others, column_tile = unit_vectors(column_tile)
                cosines = product(units, others, (1, 1))
                return step(state, cosines, row_tile, column_tile), None

            return None, scan_tiles(one, first, in_tiles(visitors, tile))[0]

        return untiled(scan_tiles(band, None, in_tiles((state, rows), tile))[1], size)

    if not axes:
        return here(start, columns)

    def visit(carry: tuple[Side, State], _: None) -> tuple[tuple[Side, State], None]:
        visitors, state = carry
        return (pass_on(visitors, axes), here(state, visitors)), None

    carry = varying((columns, start), axes)
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
        # Both travel while this is computed: sums follow the columns they are of one turn behind.
        coming, arrived = pass_on((visitors, column_sums), axes)
        more, share = here(rows, visitors)
        return (coming, added(arrived, share), added(row_sums, more)), None

    row_zeros, column_zeros = zeros_like_result(here, rows, columns)
    start = varying((columns, column_zeros, row_zeros), axes)
    (_, column_sums, row_sums), _ = jax.lax.scan(visit, start, length=jax.lax.axis_size(axes))
    return (row_sums, pass_on(column_sums, axes), rows.partner), (rows, columns)


def _sums_here(cell: Cell, tile: int, axes: Axes, rows: Side, columns: Side) -> tuple[Tree, Tree]:
    """Sums over this device's rows and some device's columns."""
    size = rows.number.shape[0]
    row_tiles, column_tiles = in_tiles(rows, tile), in_tiles(columns, tile)

    def one(row: tuple, column_tile: Side) -> tuple[Tree, Tree]:
        units, row_tile = row
        others, column_tile = unit_vectors(column_tile)
        return cell(product(units, others, (1, 1)), row_tile, column_tile)

    def band(column_sums: Tree, row_tile: Side) -> tuple[Tree, Tree]:
        row = unit_vectors(row_tile)

        def visit(row_sums: Tree, column_tile: Side) -> tuple[Tree, Tree]:
            more, share = one(row, column_tile)
            return added(row_sums, more), share

        row_sums, shares = scan_tiles(visit, row_zeros, column_tiles)
        return added(column_sums, shares), row_sums

    row_zeros, tile_zeros = zeros_like_result(
        lambda row, column: one(unit_vectors(row), column), *first_tile((row_tiles, column_tiles))
    )
    number = column_tiles.number.shape[0]
    column_zeros = jax.tree.map(lambda x: jnp.zeros((number, *x.shape), x.dtype), tile_zeros)
    row_zeros, column_zeros = varying((row_zeros, column_zeros), axes)
    column_sums, row_sums = scan_tiles(band, column_zeros, row_tiles)
    return untiled(row_sums, size), untiled(column_sums, columns.number.shape[0])


def _partners(rows: Side, columns: Side, tile: int) -> Float[Array, " b"]:
    """Each row's cosine with its partner."""
    assert columns.vectors is not None
    pairs = in_tiles((rows.vectors, columns.vectors[: rows.number.shape[0]]), tile)

    def cosines(_: None, pair: tuple[Array, Array]) -> tuple[None, Array]:
        return None, jnp.sum(normalise(pair[0]) * normalise(pair[1]), axis=-1)

    return untiled(scan_tiles(cosines, None, pairs)[1], rows.number.shape[0])


# ---- Backward


def _backward(cell: Cell, tile: int, axes: Axes, saved: Any, cotangents: Any) -> tuple[Side, Side]:
    """Gradients, written out: the derivative of the scans would hold more copies of the vectors.

    Shares of all tiles are added up where they lie, as gradients of the unit vectors; the last
    step makes them those of the vectors, in place.
    """
    (rows, columns), (row_cotangents, column_cotangents, partner_cotangents) = saved, cotangents
    gradients = gradient_zeros(rows), gradient_zeros(columns)
    if not axes:
        gradients = _gradients_here(
            cell, tile, axes, (rows, row_cotangents), (columns, column_cotangents), *gradients
        )
    else:

        def visit(carry: tuple, _: None) -> tuple[tuple, None]:
            visitors, row_gradients, column_gradients = carry
            coming, arrived = pass_on((visitors, column_gradients), axes)  # as in `_forward`
            row_gradients, share = _gradients_here(
                cell, tile, axes, (rows, row_cotangents), visitors, row_gradients, zeros
            )
            return (coming, row_gradients, added(arrived, share)), None

        zeros = varying(gradients[1], axes)
        start = varying(((columns, column_cotangents), *gradients), axes)
        (_, *gradients), _ = jax.lax.scan(visit, start, length=jax.lax.axis_size(axes))
        gradients[1] = pass_on(gradients[1], axes)
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
    column_tiles = in_tiles(theirs, tile)
    numbers = varying(jnp.arange(column_tiles[0].number.shape[0]), axes)

    def band(gradients: Side, tiles: tuple) -> tuple[Side, Side]:
        (row_tile, row_cotangents), start = tiles
        units, row_tile = unit_vectors(row_tile)
        smooth, rest = split_smooth(row_tile)

        def visit(carry: tuple[Side, Side], number: Array) -> tuple[tuple[Side, Side], None]:
            gradients, row_gradients = carry
            column_tile, column_cotangents = tile_at(column_tiles, number)
            others, column_tile = unit_vectors(column_tile)
            their_smooth, their_rest = split_smooth(column_tile)

            def sums(cosines: Array, smooth: Side, their_smooth: Side) -> tuple[Tree, Tree]:
                return cell(cosines, joined(smooth, rest), joined(their_smooth, their_rest))

            cosines = product(units, others, (1, 1))
            pull = jax.vjp(sums, cosines, smooth, their_smooth)[1]
            slope, more, share = pull((row_cotangents, column_cotangents))
            more = more._replace(vectors=product(slope, others, (1, 0)))
            # The transpose of a product is quicker than the product of a transpose.
            share = share._replace(vectors=product(units, slope, (0, 0)).T)
            gradients = with_tile(gradients, number, added(tile_at(gradients, number), share))
            return (gradients, added(row_gradients, more)), None

        return scan_tiles(visit, (gradients, start), numbers)[0]

    column_gradients, row_gradients = scan_tiles(
        band, in_tiles(column_gradients, tile), in_tiles((own, row_gradients), tile)
    )
    return untiled(row_gradients, size), untiled(column_gradients, theirs[0].number.shape[0])


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
            pull = jax.vjp(function, *tile_at(vectors, number))[1]
            mine = pull((*tile_at(gradients, number), *tile_at(more, number)))
            mine = jax.tree.map(lambda x, there: x.astype(there.dtype), mine, gradients)
            return with_tile(gradients, number, mine), None

        tiles = jnp.arange(gradients[0].shape[0])
        return scan_tiles(visit, gradients, tiles)[0]

    assert columns.vectors is not None
    assert row_gradients.partner is not None
    assert column_gradients.vectors is not None
    size = rows.number.shape[0]
    paired = pulled(
        units,
        in_tiles((rows.vectors, columns.vectors[:size]), tile),
        in_tiles((row_gradients.vectors, column_gradients.vectors[:size]), tile),
        (in_tiles(row_gradients.partner + partner_cotangents, tile),),
    )
    first, second = untiled(paired, size)
    if further := columns.number.shape[0] - size:
        tiles = in_tiles((columns.vectors[size:], column_gradients.vectors[size:]), tile)
        (rest,) = pulled(alone, tiles[:1], tiles[1:])
        second = jnp.concatenate([second, untiled(rest, further)])
    whole = row_gradients._replace(vectors=first), column_gradients._replace(vectors=second)
    first, second = jax.tree.map(
        lambda x, like: x.astype(like.dtype),
        whole,
        (split_smooth(rows)[0], split_smooth(columns)[0]),
    )
    return first._replace(partner=None), second


_cosine_sums.defvjp(_forward, _backward)
