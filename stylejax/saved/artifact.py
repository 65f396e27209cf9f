"""The whole encoder as one compiled function that needs JAX alone."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
from jax import export
from jaxtyping import Array, Bool, Float32, Int32, UInt8

from stylejax.batch import Products
from stylejax.config import VIEWS, Config
from stylejax.encoder import Parameters, encoder_factory
from stylejax.encoder.inference import make_average

PLATFORMS = ("cpu", "cuda", "tpu")


def compiled_encoder(config: Config, vocab_size: int) -> bytes:
    """What `jax.export` keeps of the encoder, for any number of listings, on CPU, GPU and TPU.

    The function takes the weights by name, pictures `[B, side, side, 3]` uint8 of side
    `config.picture.read_size`, `[B]` bool that says which are there (both with a second axis where
    `config.picture.per_listing` is more than 1), and token ids `[B, max_tokens]` int32, -1 where
    there is none. It returns view name to `[B, dim]` float32 unit
    vectors, as `stylejax export` writes them.

    Args:
      config: the run's.
      vocab_size: number of token ids.
    """
    # It is for devices of any kind: a kernel that one kind alone has is not for it.
    config = replace(config, encoder=replace(config.encoder, attention="xla"))
    init, bind = encoder_factory(config, vocab_size)
    average = make_average(bind, VIEWS, config.picture)

    def encode(
        weights: Parameters,
        image: UInt8[Array, "b *p side side 3"],
        has_image: Bool[Array, "b *p"],
        tokens: Int32[Array, "b length"],
    ) -> dict[str, Float32[Array, "b dim"]]:
        return average(weights, Products(image, has_image, tokens))

    (rows,) = export.symbolic_shape("b")
    side, pictures = config.picture.read_size, config.picture.per_listing
    shown = (rows, pictures) if pictures > 1 else (rows,)
    made = export.export(jax.jit(encode), platforms=PLATFORMS)(
        jax.eval_shape(init, jax.random.key(0)),
        jax.ShapeDtypeStruct((*shown, side, side, 3), jnp.uint8),
        jax.ShapeDtypeStruct(shown, jnp.bool_),
        jax.ShapeDtypeStruct((rows, config.text.max_tokens), jnp.int32),
    )
    return bytes(made.serialize())
