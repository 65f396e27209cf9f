"""The encoder's weights as a flat dictionary, path to array, and back.

One flat name a weight (``image/stem/stages/0/1/conv1/kernel``) serves checkpoints, weight-decay
and sharding rules, and the exchange with other libraries alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import jax
from flax import nnx

from stylejax.config import Config
from stylejax.encoder.product import ProductEncoder

Parameters = dict[str, jax.Array]


def parameters_of(encoder: ProductEncoder) -> Parameters:
    """Path to array of every weight."""
    flat = nnx.to_flat_state(nnx.state(encoder, nnx.Param))
    return {"/".join(map(str, path)): leaf[...] for path, leaf in flat}


def encoder_factory(
    config: Config, vocab_size: int
) -> tuple[Callable[[jax.Array], Parameters], Callable[[Mapping[str, jax.Array]], ProductEncoder]]:
    """Two pure functions: random key to fresh weights, and weights to a callable encoder.

    Args:
      config: encoder, picture and text settings.
      vocab_size: number of token ids.

    Returns:
      `init(key) -> parameters`, to be jitted with the sharding the weights are to have, and
      `bind(parameters) -> ProductEncoder`.
    """

    def create(key: jax.Array) -> ProductEncoder:
        return ProductEncoder(
            config.encoder,
            picture_size=config.picture.size,
            vocab_size=vocab_size,
            max_tokens=config.text.max_tokens,
            rngs=nnx.Rngs(params=key),
        )

    abstract = nnx.eval_shape(create, jax.random.key(0))
    graph, shapes = nnx.split(abstract)
    paths = {"/".join(map(str, path)): path for path, _ in nnx.to_flat_state(shapes)}

    def init(key: jax.Array) -> Parameters:
        return parameters_of(create(key))

    def bind(parameters: Mapping[str, jax.Array]) -> ProductEncoder:
        state = nnx.from_flat_state({paths[name]: x for name, x in parameters.items()})
        return nnx.merge(graph, state)

    return init, bind
