"""Attention by the device's fused kernel where it has one, by XLA's own elsewhere."""

from __future__ import annotations

import re
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

Kernel = Literal["xla", "cudnn"]


def attend(
    query: Float[Array, "b t n h"],
    key: Float[Array, "b s n h"],
    value: Float[Array, "b s n h"],
    present: Bool[Array, "b s"] | None = None,
    *,
    causal: bool = False,
    choice: str = "auto",
) -> Float[Array, "b t n h"]:
    """Scaled dot-product attention.

    Args:
      query: T tokens that read, in N heads of H channels.
      key: S tokens that are read.
      value: likewise.
      present: which of those are there; None: all, which saves the kernel a mask.
      causal: a token reads those up to its own place only.
      choice: `encoder.attention` of the config.

    Returns:
      `[B, T, N, H]`. A row none of whose tokens is there reads their mean.
    """
    implementation = kernel(choice, jax.devices()[0], query.dtype, query.shape[-1])
    if implementation == "cudnn" and present is not None:
        return even_attention(query, key, value, present, causal, implementation)
    mask = None if present is None else present[:, None, None, :]
    return jax.nn.dot_product_attention(
        query, key, value, mask=mask, is_causal=causal, implementation=implementation
    )


def kernel(choice: str, device: Any, dtype: Any, channels: int) -> Kernel:
    """The kernel of `jax.nn.dot_product_attention` to use.

    cuDNN's reads half-precision numbers in heads of up to 128 channels, a multiple of 8, on NVIDIA
    GPUs from compute capability 8.0 on; JAX takes it only where it is asked for.
    """
    capability = str(getattr(device, "compute_capability", ""))
    if choice == "xla" or not re.fullmatch(r"\d+\.\d+", capability) or float(capability) < 8:
        return "xla"
    half = dtype in (jnp.bfloat16, jnp.float16)
    return "cudnn" if half and channels % 8 == 0 and channels <= 128 else "xla"


def even_attention(
    query: Array, key: Array, value: Array, present: Array, causal: bool, implementation: Kernel
) -> Float[Array, "b t n h"]:
    """Attention under a mask, by a kernel whose gradient wants even numbers of tokens there."""
    tokens = query.shape[1]
    query, key, value, present = (_even(x) for x in (query, key, value, present))
    attended = jax.nn.dot_product_attention(
        query,
        key,
        value,
        mask=present[:, None, None, :],
        is_causal=causal,
        implementation=implementation,
    )
    return attended[:, :tokens]


def _even(x: Array) -> Array:
    """Fills up axis 1 with one zero, or false, where its length is odd."""
    return jnp.pad(x, [(0, x.shape[1] % 2) if axis == 1 else (0, 0) for axis in range(x.ndim)])
