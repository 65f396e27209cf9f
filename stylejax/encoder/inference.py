"""Encoding listings with trained weights, compiled once for one batch shape."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Sharding
from jaxtyping import Array, Float32, UInt8
from numpy.typing import NDArray

from stylejax.batch import Products
from stylejax.config import ConfigError, PictureConfig
from stylejax.encoder.parameters import Parameters
from stylejax.encoder.product import ProductEncoder, present_views

Launched = tuple[dict[str, jax.Array], dict[str, jax.Array]]
Encoded = tuple[NDArray[np.int64], dict[str, NDArray[np.float32]], dict[str, NDArray[np.bool_]]]


def make_encode(
    bind: Callable[[Parameters], ProductEncoder],
    views: Iterable[str],
    picture: PictureConfig,
    rows: Sharding,
    whole: Sharding,
) -> Callable[[Parameters, Products], Launched]:
    """Compiles weights and listings to unit vectors, on one host or several.

    Args:
      bind: weights to encoder.
      views: any of m, t, i.
      picture: pictures come at `picture.read_size`; their centre crops and mirrored copies are
        encoded at the evaluation size and the unit vectors averaged.
      rows: sharding of the listings by row; their number must divide by its devices.
      whole: sharding of the result; the weights are taken as they lie.

    Returns:
      `encode(parameters, products) -> {view: [B, dim] float32}, {view: [B] bool, is there}`, where
      each host gives its own rows of the batch; it raises ConfigError when they do not divide by
      its devices.
    """
    encode = make_average(bind, views, picture)

    def both(parameters: Parameters, products: Products) -> Launched:
        return encode(parameters, products), present_views(products)

    compiled = jax.jit(both, in_shardings=(None, rows), out_shardings=whole)

    def checked(parameters: Parameters, products: Products) -> Launched:
        batch, devices = products.tokens.shape[0], len(rows.addressable_devices)
        if batch % devices:
            raise ConfigError(
                f"{batch} listings at a time cannot be divided over {devices} devices; make "
                "evaluation.batch_size a multiple"
            )
        put = partial(jax.make_array_from_process_local_data, rows)
        return compiled(parameters, jax.tree.map(put, products))

    return checked


def make_average(
    bind: Callable[[Parameters], ProductEncoder], views: Iterable[str], picture: PictureConfig
) -> Callable[[Parameters, Products], dict[str, Float32[Array, "b dim"]]]:
    """Weights and listings to unit vectors, as a pure function; see `make_encode`."""
    wanted = tuple(views)

    def encode(parameters: Parameters, products: Products) -> dict[str, jax.Array]:
        encoder = bind(parameters)
        total = {view: jnp.zeros(()) for view in wanted}
        for image in picture_variants(products.image, picture):
            for view, vector in encoder(products._replace(image=image), wanted).items():
                total[view] += vector
        return {
            view: x / jnp.maximum(jnp.linalg.norm(x, axis=-1, keepdims=True), 1e-12)
            for view, x in total.items()
        }

    return encode


def picture_variants(
    image: UInt8[Array, "b *p side side 3"], picture: PictureConfig
) -> list[UInt8[Array, "b *p size size 3"]]:
    """Centre crops, and mirrored copies of them, at the evaluation size."""
    read, size = picture.read_size, picture.encoded_size
    variants = []
    for share in picture.eval_crops:
        side = round(read * share)
        start = (read - side) // 2
        crop = image[..., start : start + side, start : start + side, :]
        if side != size:
            shape = (*image.shape[:-3], size, size, 3)
            resized = jax.image.resize(crop.astype(jnp.float32), shape, "bilinear")
            crop = jnp.clip(jnp.round(resized), 0, 255).astype(jnp.uint8)
        variants += [crop, crop[..., ::-1, :]] if picture.eval_mirror else [crop]
    return variants


def encode_all(
    encode: Callable[[Parameters, Products], Launched],
    parameters: Parameters,
    batches: Iterable[tuple[NDArray[np.int64], Products]],
) -> Iterator[Encoded]:
    """Encodes batch after batch, one ahead of the one that is read back.

    Yields:
      The batch's rows `[b]`, view to `[b, dim]` vectors, and view to `[b]` presence.
    """
    waiting = None
    for rows, products in batches:
        launched = rows, *encode(parameters, products)
        if waiting is not None:
            yield _fetch(*waiting)
        waiting = launched
    if waiting is not None:
        yield _fetch(*waiting)


def _fetch(rows, vectors, present) -> Encoded:
    n = len(rows)
    return (
        rows,
        {view: np.asarray(x)[:n] for view, x in vectors.items()},
        {view: np.asarray(x)[:n] for view, x in present.items()},
    )
