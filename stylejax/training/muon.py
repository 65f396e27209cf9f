"""Muon: momentum orthogonalised by Newton-Schulz, iterated on the small Gram matrix.

Newton-Schulz multiplies a matrix X by odd polynomials of itself, X <- (a + b A + c A^2) X with
A = X X^T. All of them commute, so the polynomial can be gathered on A alone, whose side is X's
shorter one, and applied to X once: a convolution kernel of 2304 x 256 costs a third of the products
of the plain iteration.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float32, Int32

COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # Jordan et al. 2024: steepest slope at zero
STEPS = 5
HIGHEST = jax.lax.Precision.HIGHEST


def orthogonalise(x: Float32[Array, "m n"]) -> Float32[Array, "m n"]:
    """The nearest matrix with orthonormal rows or columns, roughly: singular values near 1.

    Rows (or columns, whichever are fewer) are first scaled by the sums of |A|, which bounds the
    largest singular value by 1 and leaves the others larger than the Frobenius norm would
    (Turbo-Muon: Boissin et al. 2025, arXiv 2512.04632).

    Returns:
      The same shape. Singular values lie in about [0.6, 1.3], those below about 0.002 of the
      largest excepted; a zero matrix stays zero.
    """
    if x.shape[0] > x.shape[1]:
        return orthogonalise(x.T).T
    a, b, c = COEFFICIENTS
    gram = _product(x, x.T)
    # Momentum may be tiny; only ratios matter.
    shrink = jax.lax.rsqrt(jnp.maximum(jnp.sum(jnp.abs(gram), axis=1), jnp.finfo(x.dtype).tiny))
    gram = gram * shrink[:, None] * shrink[None, :]
    identity = jnp.eye(len(gram), dtype=x.dtype)
    total = identity
    for step in range(STEPS):
        polynomial = a * identity + b * gram + c * _product(gram, gram)
        total = polynomial if step == 0 else _product(polynomial, total)
        if step < STEPS - 1:
            gram = _product(_product(polynomial, gram), polynomial)
            gram = 0.5 * (gram + gram.T)  # rounding must not break what makes them commute
    return _product(total * shrink[None, :], x)


def _product(a: Float32[Array, "m k"], b: Float32[Array, "k n"]) -> Float32[Array, "m n"]:
    return jnp.matmul(a, b, precision=HIGHEST)


class MuonState(NamedTuple):
    """Momentum of the matrices."""

    steps: Int32[Array, ""]
    momentum: optax.Updates


def scale_by_muon(momentum: float = 0.95, rms: float = 0.2) -> optax.GradientTransformation:
    """Gradients of hidden weights to orthogonal updates (Jordan et al. 2024).

    A weight is read as matrices: `[..., h, w, in, out]` kernels of convolutions as one from
    h * w * in to out; `[depth, in, out]` as one a layer.

    Args:
      momentum: of Nesterov's kind, as a running mean with its start corrected.
      rms: root mean square of an update's entries, 0.2 being AdamW's usual one, so that one
        learning rate serves both (Liu et al. 2025, arXiv 2502.16982).
    """

    def init(params: optax.Params) -> MuonState:
        return MuonState(jnp.int32(0), optax.tree.zeros_like(params))

    def update(updates, state, params=None):
        del params
        steps = state.steps + 1
        mean = optax.tree.update_moment(updates, state.momentum, momentum, 1)
        ahead = jax.tree.map(
            lambda m, g: momentum * m + (1 - momentum) * g,
            optax.tree.bias_correction(mean, momentum, steps + 1),
            optax.tree.bias_correction(updates, momentum, steps),
        )
        return jax.tree.map(lambda x: _orthogonal_update(x, rms), ahead), MuonState(steps, mean)

    return optax.GradientTransformation(init, update)


def _orthogonal_update(x: Float32[Array, "*shape"], rms: float) -> Float32[Array, "*shape"]:
    if x.ndim == 4:  # a convolution
        matrices = [x.reshape(-1, x.shape[-1])]
    elif x.ndim == 3:
        # One by one, not under vmap: XLA's CPU backend is far slower at batched products.
        matrices = list(x)
    else:
        matrices = [x]
    scale = rms * max(matrices[0].shape) ** 0.5
    return jnp.stack([scale * orthogonalise(matrix) for matrix in matrices]).reshape(x.shape)
