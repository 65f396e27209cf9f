"""Tests of stylejax/encoder/blocks.py."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from stylejax.config import TransformerConfig
from stylejax.encoder.blocks import TransformerLayer, TransformerStack, dense

CONFIG = TransformerConfig(depth=1, width=8, heads=2, hidden=16)
X = jax.random.normal(jax.random.key(0), (2, 5, 8))
PRESENT = jnp.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]], bool)


def slow_layer(layer: TransformerLayer, x: np.ndarray, present: np.ndarray) -> np.ndarray:
    """One row, token by token."""

    def weights(part):
        return [np.asarray(p[...], np.float64) for p in (part.kernel, part.bias)]

    def norm(part, x):
        scale, bias = (np.asarray(p[...], np.float64) for p in (part.scale, part.bias))
        return (x - x.mean(-1, keepdims=True)) / np.sqrt(
            x.var(-1, keepdims=True) + 1e-6
        ) * scale + bias

    (wqkv, bqkv), (wout, bout) = weights(layer.qkv), weights(layer.out)
    (wup, bup), (wdown, bdown) = weights(layer.mlp.up), weights(layer.mlp.down)
    q, k, v = np.split(norm(layer.attention_norm, x) @ wqkv + bqkv, 3, axis=-1)
    size = q.shape[-1] // layer.heads
    mixed = np.zeros_like(q)
    for head in range(layer.heads):
        part = slice(head * size, (head + 1) * size)
        for token in range(len(x)):
            scores = np.array([q[token, part] @ k[j, part] / np.sqrt(size) for j in range(len(x))])
            share = np.where(present, np.exp(scores), 0.0)
            mixed[token, part] = (share / share.sum()) @ v[:, part]
    x = x + mixed @ wout + bout
    hidden = norm(layer.mlp_norm, x) @ wup + bup
    gelu = 0.5 * hidden * (1 + np.tanh(np.sqrt(2 / np.pi) * (hidden + 0.044715 * hidden**3)))
    return x + gelu @ wdown + bdown


def test_a_layer_is_attention_and_mlp_written_out() -> None:
    layer = TransformerLayer(CONFIG, dtype="float32", rngs=nnx.Rngs(params=1))
    result = layer(X, PRESENT)
    for row in range(2):
        expected = slow_layer(layer, np.asarray(X[row], np.float64), np.asarray(PRESENT[row]))
        np.testing.assert_allclose(result[row], expected, atol=1e-4)


def test_a_stack_is_its_layers_one_after_the_other() -> None:
    stack = TransformerStack(replace(CONFIG, depth=3), dtype="float32", rngs=nnx.Rngs(params=1))
    graph, stacked = nnx.split(stack.layers)
    layers = [nnx.merge(graph, jax.tree.map(lambda p, n=n: p[n], stacked)) for n in range(3)]
    kernels = [np.asarray(layer.qkv.kernel[...]) for layer in layers]
    assert not np.array_equal(kernels[0], kernels[1])  # each layer draws its own weights
    x = X
    for layer in layers:
        x = layer(x, PRESENT)
    np.testing.assert_allclose(stack(X, PRESENT), stack.norm(x), atol=1e-5)


@pytest.mark.parametrize("norm", ["pre", "post"])
@pytest.mark.parametrize("remat", ["none", "elementwise", "attention", "layers"])
@pytest.mark.parametrize("depth", [1, 3])
def test_reading_the_first_token_only_changes_nothing(norm: str, remat: str, depth: int) -> None:
    """Nor does keeping less for the backward pass."""
    config = replace(CONFIG, depth=depth, norm=norm, layer_scale=norm == "post")
    stacks = [
        TransformerStack(config, dtype="float32", rngs=nnx.Rngs(params=1), remat=kept)
        for kept in ("none", remat)
    ]

    def total(stack: TransformerStack, read: int | None) -> jax.Array:
        return (stack(X, PRESENT, read=read)[:, :1] ** 3).sum()

    whole, first = (
        nnx.jit(nnx.value_and_grad(total), static_argnums=1)(stack, read)
        for stack, read in zip(stacks, (None, 1), strict=True)
    )
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-4, atol=1e-5), whole, first)


def test_a_stack_of_no_layers_is_the_identity() -> None:
    stack = TransformerStack(replace(CONFIG, depth=0), dtype="float32", rngs=nnx.Rngs(params=1))
    assert np.array_equal(stack(X, PRESENT), X)
    assert not jax.tree.leaves(nnx.state(stack, nnx.Param))


def test_a_row_without_any_token_stays_finite() -> None:
    stack = TransformerStack(CONFIG, dtype="float32", rngs=nnx.Rngs(params=1))
    assert np.isfinite(stack(X, jnp.zeros((2, 5), bool))).all()


def test_dense_is_the_layer_whatever_the_leading_axes() -> None:
    layer = nnx.Linear(8, 3, rngs=nnx.Rngs(params=0))
    np.testing.assert_allclose(dense(layer, X), layer(X), atol=1e-6)
    np.testing.assert_allclose(dense(layer, X[0, 0]), layer(X[0, 0]), atol=1e-6)
