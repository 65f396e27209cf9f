"""Tests of stylejax/encoder/attention.py: which kernel, and what is handed to it."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from stylejax.encoder.attention import attend, even_attention, kernel

GPU = SimpleNamespace(compute_capability="9.0")


@pytest.mark.parametrize(
    ("choice", "device", "dtype", "channels", "expected"),
    [
        ("auto", GPU, jnp.bfloat16, 64, "cudnn"),
        ("auto", SimpleNamespace(compute_capability="12.0"), jnp.float16, 128, "cudnn"),
        ("xla", GPU, jnp.bfloat16, 64, "xla"),
        ("auto", GPU, jnp.float32, 64, "xla"),
        ("auto", GPU, jnp.bfloat16, 60, "xla"),
        ("auto", GPU, jnp.bfloat16, 136, "xla"),
        ("auto", SimpleNamespace(compute_capability="7.5"), jnp.bfloat16, 64, "xla"),
        ("auto", SimpleNamespace(compute_capability="gfx90a"), jnp.bfloat16, 64, "xla"),
        ("auto", jax.devices()[0], jnp.bfloat16, 64, "xla"),
    ],
)
def test_the_fused_kernel_is_taken_where_it_fits(
    choice: str, device, dtype, channels: int, expected: str
) -> None:
    assert kernel(choice, device, jnp.dtype(dtype), channels) == expected


def slow(query, key, value, present, causal: bool) -> np.ndarray:
    """Attention written out."""
    t, s = query.shape[1], key.shape[1]
    scores = np.einsum("btnh,bsnh->bnts", query, key) / np.sqrt(query.shape[-1])
    seen = present[:, None, None, :] & (np.tri(t, s, dtype=bool) if causal else True)
    weights = np.exp(scores - scores.max(-1, keepdims=True)) * seen
    return np.einsum("bnts,bsnh->btnh", weights / weights.sum(-1, keepdims=True), value)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(("t", "s"), [(5, 5), (1, 7), (4, 6)])
def test_attention_is_the_formula_also_filled_up_to_even_numbers(
    causal: bool, t: int, s: int
) -> None:
    rng = np.random.default_rng(0)
    query = rng.normal(size=(2, t, 3, 4)).astype(np.float32)
    key, value = rng.normal(size=(2, 2, s, 3, 4)).astype(np.float32)
    present = np.arange(s) < np.array([[s], [s - 2]])
    expected = slow(query, key, value, present, causal)
    given = [jnp.asarray(x) for x in (query, key, value, present)]
    np.testing.assert_allclose(attend(*given, causal=causal), expected, atol=1e-6)
    np.testing.assert_allclose(even_attention(*given, causal, "xla"), expected, atol=1e-6)
    everything = slow(query, key, value, np.ones_like(present), causal)
    np.testing.assert_allclose(attend(*given[:3], causal=causal), everything, atol=1e-6)
