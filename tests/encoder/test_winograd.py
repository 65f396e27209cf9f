"""Tests of stylejax/encoder/winograd.py."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import export

from stylejax.encoder.winograd import CHANNELS, conv3x3, winograd


def slow(x: jax.Array, kernel: jax.Array) -> np.ndarray:
    """The sum over the nine shifts, in float64."""
    x, kernel = np.asarray(x, np.float64), np.asarray(kernel, np.float64)
    h, w = x.shape[1:3]
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    shifts = [(r, c) for r in range(3) for c in range(3)]
    return sum(padded[:, r : r + h, c : c + w] @ kernel[r, c] for r, c in shifts)


def drawn(seed: int, b: int, h: int, w: int, inputs: int, outputs: int):
    rng = np.random.default_rng(seed)
    shapes = (b, h, w, inputs), (3, 3, inputs, outputs), (b, h, w, outputs)
    return [jnp.asarray(rng.standard_normal(shape), jnp.float32) for shape in shapes]


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 99),
    b=st.integers(1, 3),
    h=st.integers(1, 4),
    w=st.integers(1, 4),
    inputs=st.integers(1, 5),
    outputs=st.integers(1, 5),
)
def test_sixteen_products_are_the_convolution(seed, b, h, w, inputs, outputs) -> None:
    x, kernel, _ = drawn(seed, b, 2 * h, 2 * w, inputs, outputs)
    np.testing.assert_allclose(winograd(x, kernel), slow(x, kernel), atol=1e-5)


@pytest.mark.parametrize(
    ("side", "inputs"), [(8, CHANNELS), (7, CHANNELS), (8, CHANNELS - 1)], ids=str
)
def test_values_and_gradients_are_those_of_the_convolution(side: int, inputs: int) -> None:
    """Also where it does not pay, and the library's own way is taken."""
    x, kernel, gradient = drawn(0, 2, side, side, inputs, CHANNELS)

    def reference(x, kernel):
        dimensions = ("NHWC", "HWIO", "NHWC")
        return jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", None, None, dimensions)

    np.testing.assert_allclose(jax.jit(conv3x3)(x, kernel), slow(x, kernel), atol=1e-4)
    expected = jax.vjp(reference, x, kernel)[1](gradient)
    for found, wanted in zip(jax.vjp(conv3x3, x, kernel)[1](gradient), expected, strict=True):
        np.testing.assert_allclose(found, wanted, atol=2e-4)


def test_other_devices_and_smaller_numbers_are_left_to_the_library() -> None:
    """Only a CPU, in float32, multiplies matrices here; a GPU has the convolution."""
    x, kernel, _ = drawn(0, 2, 8, 8, CHANNELS, CHANNELS)

    def program(platform: str, x, kernel) -> str:
        return export.export(jax.jit(conv3x3), platforms=[platform])(x, kernel).mlir_module()

    assert "dot_general" in program("cpu", x, kernel)
    assert "stablehlo.convolution" not in program("cpu", x, kernel)
    assert "stablehlo.convolution" in program("cuda", x, kernel)
    assert "dot_general" not in program("cuda", x, kernel)
    half = x.astype(jnp.bfloat16), kernel.astype(jnp.bfloat16)
    assert "stablehlo.convolution" in program("cpu", *half)
