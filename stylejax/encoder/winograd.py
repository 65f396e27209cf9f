"""3x3 convolutions by Winograd's minimal filtering, for the CPU.

A tile of 2x2 outputs takes 16 products of channels instead of 36 (Lavin and Gray 2016, arXiv
1509.09308: F(2x2, 3x3)): input tiles and kernel are transformed, 16 matrix products follow, and the
result is transformed back. XLA's CPU backend convolves directly; accelerators' libraries choose
such algorithms themselves and are left alone.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

# Rows of the transform of a kernel; those of inputs and outputs have only 0, 1 and -1.
KERNEL = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]], np.float32)
PLACES = [(row, column) for row in range(4) for column in range(4)]

Split = Callable[[Array, int], tuple[Array, ...]]


@jax.custom_vjp
def conv3x3(x: Float[Array, "b h w i"], kernel: Float[Array, "3 3 i o"]) -> Float[Array, "b h w o"]:
    """Convolution of stride 1, filled up with zeros to the same height and width.

    On a CPU in float32, where height and width are even and there are channels enough to pay for
    the transforms, as `winograd`; elsewhere as XLA does it. The same to rounding.
    """
    if not _pays(x, kernel):
        return _direct(x, kernel)
    return jax.lax.platform_dependent(x, kernel, cpu=winograd, default=_direct)


def _forward(x: Array, kernel: Array) -> tuple[Array, tuple[Array, Array]]:
    return conv3x3(x, kernel), (x, kernel)


def _backward(kept: tuple[Array, Array], gradient: Array) -> tuple[Array, Array]:
    x, kernel = kept

    def direct(x: Array, kernel: Array, gradient: Array) -> tuple[Array, Array]:
        return jax.vjp(_direct, x, kernel)[1](gradient)

    def tiled(x: Array, kernel: Array, gradient: Array) -> tuple[Array, Array]:
        turned = jnp.flip(kernel, (0, 1)).swapaxes(2, 3)
        return winograd(gradient, turned), _kernel_gradient(x, gradient)

    if not _pays(x, kernel):
        return direct(x, kernel, gradient)
    return jax.lax.platform_dependent(x, kernel, gradient, cpu=tiled, default=direct)


conv3x3.defvjp(_forward, _backward)


def winograd(
    x: Float[Array, "b h w i"], kernel: Float[Array, "3 3 i o"]
) -> Float[Array, "b h w o"]:
    """The convolution by 16 matrix products; height and width are even."""
    b, h, w, _ = x.shape
    outputs = kernel.shape[-1]
    transformed = jnp.einsum("ra,cb,abio->rcio", KERNEL, KERNEL, kernel)
    # One by one: XLA's CPU backend is far slower at batched products.
    products = [tile @ transformed[place] for tile, place in zip(_tiles(x), PLACES, strict=True)]
    rows = [_to_two([products[4 * r + c] for r in range(4)]) for c in range(4)]
    four = [_to_two([rows[c][r] for c in range(4)]) for r in range(2)]  # 2x2 outputs
    shape = (b, h // 2, w // 2, outputs)
    lines = [jnp.stack([x.reshape(shape) for x in pair], axis=3) for pair in four]
    return jnp.stack(lines, axis=2).reshape(b, h, w, outputs)


def _kernel_gradient(
    x: Float[Array, "b h w i"], gradient: Float[Array, "b h w o"]
) -> Float[Array, "3 3 i o"]:
    tiles = _tiles(x)
    outputs = _apart(gradient, _to_four)
    products = [a.T @ g for a, g in zip(tiles, outputs, strict=True)]
    transformed = jnp.stack(products).reshape(4, 4, x.shape[-1], gradient.shape[-1])
    return jnp.einsum("ra,cb,rcio->abio", KERNEL, KERNEL, transformed)


def _tiles(x: Float[Array, "b h w i"]) -> list[Float[Array, "t i"]]:
    """The transform of every 4x4 tile, which overlap by two: 16 matrices, a row a tile."""
    return _apart(jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))), _of_four)


def _apart(x: Float[Array, "b h w c"], split: Split) -> list[Float[Array, "t c"]]:
    halves = (part for rows in split(x, 1) for part in split(rows, 2))
    return [part.reshape(-1, x.shape[-1]) for part in halves]


def _of_four(x: Array, axis: int) -> tuple[Array, ...]:
    """Inputs 0 to 3 of every tile along an axis, transformed."""
    tiles = x.shape[axis] // 2 - 1
    a, b, c, d = (_every_other(x, first, tiles, axis) for first in range(4))
    return a - c, b + c, c - b, b - d


def _to_four(x: Array, axis: int) -> tuple[Array, ...]:
    """The transpose of `_to_two`: gradients 0 and 1 of every tile along an axis."""
    a, b = (_every_other(x, first, x.shape[axis] // 2, axis) for first in range(2))
    return a, a + b, a - b, -b


def _to_two(four: list[Array]) -> tuple[Array, Array]:
    a, b, c, d = four
    return a + b + c, b - c - d


def _every_other(x: Array, first: int, count: int, axis: int) -> Array:
    return jax.lax.slice_in_dim(x, first, first + 2 * count - 1, stride=2, axis=axis)


def _direct(x: Array, kernel: Array) -> Array:
    dimensions = ("NHWC", "HWIO", "NHWC")
    return jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", None, None, dimensions)


def _pays(x: Array, kernel: Array) -> bool:
    even = x.shape[1] % 2 == 0 and x.shape[2] % 2 == 0
    return even and x.dtype == jnp.float32 and min(kernel.shape[2:]) >= CHANNELS


CHANNELS = 48  # fewer do not pay for the transforms
