"""Tests of stylejax/training/muon.py."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylejax.training.muon import COEFFICIENTS, STEPS, orthogonalise, scale_by_muon


def plain_newton_schulz(x: np.ndarray) -> np.ndarray:
    """The iteration as it is written in the papers, on the whole matrix, in float64."""
    if x.shape[0] > x.shape[1]:
        return plain_newton_schulz(x.T).T
    x = x.astype(np.float64)
    x = x / np.sqrt(np.abs(x @ x.T).sum(axis=1, keepdims=True))
    a, b, c = COEFFICIENTS
    for _ in range(STEPS):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x


def matrix(rows: int, columns: int, seed: int, spread: float = 1.0) -> np.ndarray:
    """A random matrix whose singular values fall from 1 to `spread`."""
    values = np.random.default_rng(seed).normal(size=(rows, columns))
    left, _, right = np.linalg.svd(values, full_matrices=False)
    return (left * np.geomspace(1, spread, min(rows, columns))) @ right


@given(st.integers(1, 24), st.integers(1, 24), st.integers(0, 99))
def test_it_is_the_plain_iteration(rows: int, columns: int, seed: int) -> None:
    x = matrix(rows, columns, seed, spread=0.05)
    np.testing.assert_allclose(
        orthogonalise(jnp.asarray(x, jnp.float32)), plain_newton_schulz(x), atol=2e-4
    )


@pytest.mark.parametrize("shape", [(64, 16), (16, 64), (32, 32)])
@pytest.mark.parametrize("scale", [1e-7, 1.0, 1e4])
def test_singular_values_come_near_one_whatever_the_scale(shape, scale: float) -> None:
    x = matrix(*shape, seed=0, spread=0.02) * scale
    values = np.linalg.svd(orthogonalise(jnp.asarray(x, jnp.float32)), compute_uv=False)
    assert values.min() > 0.5
    assert values.max() < 1.3


def test_a_zero_matrix_stays_zero() -> None:
    assert not np.asarray(orthogonalise(jnp.zeros((4, 6)))).any()


def test_nesterov_momentum_is_a_corrected_running_mean() -> None:
    optimizer = scale_by_muon(momentum=0.9)
    weights = {"kernel": jnp.zeros((6, 4))}
    state, mean = optimizer.init(weights), np.zeros((6, 4))
    for step in range(1, 4):
        gradient = matrix(6, 4, seed=step).astype(np.float32)
        update, state = optimizer.update({"kernel": jnp.asarray(gradient)}, state)
        mean = 0.9 * mean + 0.1 * gradient
        ahead = 0.9 * mean / (1 - 0.9 ** (step + 1)) + 0.1 * gradient / (1 - 0.9**step)
        expected = 0.2 * np.sqrt(6) * plain_newton_schulz(ahead)
        np.testing.assert_allclose(update["kernel"], expected, atol=1e-3)


def test_a_convolution_is_one_matrix_and_stacked_layers_are_many() -> None:
    optimizer = scale_by_muon()
    key = jax.random.key(0)
    gradients = {"conv": jax.random.normal(key, (3, 3, 4, 8)), "qkv": jnp.ones((2, 4, 12))}
    gradients["qkv"] = gradients["qkv"].at[1].multiply(1e-3)
    updates, _ = optimizer.update(gradients, optimizer.init(gradients))
    assert {name: x.shape for name, x in updates.items()} == {
        "conv": (3, 3, 4, 8),
        "qkv": (2, 4, 12),
    }
    values = np.linalg.svd(np.asarray(updates["conv"]).reshape(36, 8), compute_uv=False)
    assert values.min() > 0.5 * 0.2 * 6
    # Layers do not share a scale: a small gradient gives as large an update.
    np.testing.assert_allclose(updates["qkv"][0], updates["qkv"][1], rtol=1e-2)
