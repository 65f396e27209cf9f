"""One optimizer step as a pure function of (state, batch)."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh
from jaxtyping import Array, Float32, Int32

from stylejax.batch import PairBatch, Products, square_pixels
from stylejax.config import Config, require_matches
from stylejax.encoder import Parameters, ProductEncoder, encoder_factory, present_views
from stylejax.losses import Memory, empty_memory, sharded_loss_unit
from stylejax.training.bad_steps import is_bad, next_usual
from stylejax.training.mesh import by_memory_row, by_row, replicated
from stylejax.training.optimizer import frozen, make_optimizer
from stylejax.training.sharding import state_shardings

LOG_SCALE, BIAS = "loss/log_scale", "loss/bias"
LOSS_SCOPE = "contrastive_loss"  # what the loss unit is called in profiles and plans


class TrainState(NamedTuple):
    """Everything that changes during training."""

    step: Int32[Array, ""]  # steps done = position in the data
    parameters: Parameters  # the encoder's weights, and the loss's scale and bias
    average: Parameters  # moving average of the encoder's weights; empty when it is off
    optimizer: Any  # optax state
    memory: Memory | None = None  # vectors of the last batches, where the loss wants them
    usual: Float32[Array, ""] | None = None  # running mean of the loss, where spikes are looked for


Metrics = dict[str, Float32[Array, ""]]
TrainStep = Callable[[TrainState, PairBatch], tuple[TrainState, Metrics]]


def make_train_step(
    config: Config, vocab_size: int, mesh: Mesh
) -> tuple[Callable[[], TrainState], TrainStep]:
    """Builds the first state and the step, both compiled for the mesh.

    Args:
      config: the run.
      vocab_size: number of token ids.
      mesh: devices; the batch is divided over the axes `data` and `fsdp`, weights and optimizer
        over `fsdp` and `tensor` as `stylejax.training.sharding` says, from their birth on.

    Returns:
      `create() -> state` and `step(state, batch) -> (state, metrics)`; the step gives up the
      memory of the state it is handed.
    """
    init, bind = encoder_factory(config, vocab_size)
    optimizer = make_optimizer(config.training)

    def create() -> TrainState:
        parameters = init(jax.random.key(config.seed))
        average = dict(parameters) if config.training.ema else {}
        if config.loss.form != "hinge":
            parameters[LOG_SCALE] = jnp.log(jnp.float32(config.loss.scale))
        if config.loss.form == "sigmoid":
            parameters[BIAS] = jnp.float32(config.loss.bias)
        memory = empty_memory(config.loss, config.training.batch_size, config.encoder.dim)
        usual = jnp.float32(0) if config.training.spike else None
        return TrainState(
            jnp.int32(0), parameters, average, optimizer.init(parameters), memory, usual
        )

    shapes = jax.eval_shape(create)
    require_matches(config.training.rules, shapes.parameters)
    there = state_layout(shapes, config, mesh)

    def step(state: TrainState, batch: PairBatch) -> tuple[TrainState, Metrics]:
        def loss(parameters: Parameters) -> tuple[Float32[Array, ""], tuple]:
            # Of a frozen weight not even the gradient is computed.
            parameters = {
                name: jax.lax.stop_gradient(x) if frozen(config.training, name) else x
                for name, x in parameters.items()
            }
            return pair_loss(parameters, batch, config, bind, mesh, state.memory, state.step)

        (total, (parts, memory)), gradients = jax.value_and_grad(loss, has_aux=True)(
            state.parameters
        )
        updates, optimizer_state = optimizer.update(gradients, state.optimizer, state.parameters)
        parameters = cast(Parameters, optax.apply_updates(state.parameters, updates))
        if LOG_SCALE in parameters:
            most = math.log(config.loss.max_scale)
            parameters[LOG_SCALE] = jnp.minimum(parameters[LOG_SCALE], most)
        average = optax.incremental_update(
            {name: parameters[name] for name in state.average},
            state.average,
            1.0 - _average_decay(config.training.ema, state.step),
        )
        metrics = {"loss": total, **parts, "gradient_norm": optax.global_norm(gradients)}
        if LOG_SCALE in parameters:
            metrics["scale"] = jnp.exp(parameters[LOG_SCALE])
        bad = is_bad(config.training, total, metrics["gradient_norm"], state.usual, state.step)
        metrics["bad"] = bad.astype(jnp.float32)
        done = TrainState(
            state.step + 1,
            parameters,
            cast(Parameters, average),
            optimizer_state,
            memory,
            next_usual(state.usual, total),
        )
        if config.training.bad_steps == "skip":
            undone = state._replace(step=done.step)
            done = jax.tree.map(lambda new, old: jnp.where(bad, old, new), done, undone)
        return done, metrics

    return (
        jax.jit(create, out_shardings=there),
        jax.jit(
            step,
            in_shardings=(there, by_row(mesh)),
            out_shardings=(there, replicated(mesh)),
            donate_argnums=0,
        ),
    )


def state_layout(shapes: TrainState, config: Config, mesh: Mesh) -> TrainState:
    """Which device holds which part of a state of some shapes: a sharding for each array."""
    there = state_shardings(shapes._replace(memory=None), mesh, config.mesh.rules)
    kept: Any = jax.tree.map(lambda _: by_memory_row(mesh), shapes.memory)
    return there._replace(memory=kept)


def pair_loss(
    parameters: Parameters,
    batch: PairBatch,
    config: Config,
    bind: Callable[[Parameters], ProductEncoder],
    mesh: Mesh,
    memory: Memory | None = None,
    step: Int32[Array, ""] | int = 0,
) -> tuple[Float32[Array, ""], tuple[Metrics, Memory | None]]:
    """The loss unit over a batch of pairs divided over the mesh; its parts and the next memory.

    Vectors of the first steps drift too fast: while the rate warms up the memory is not searched.
    """
    encoder = bind({name: x for name, x in parameters.items() if not name.startswith("loss/")})
    encode = partial(
        encode_in_parts,
        encoder,
        parts=config.training.micro_batches,
        shards=mesh.shape["data"] * mesh.shape["fsdp"],
    )
    left_views, right_views = config.loss.views
    if left_views == right_views:
        left, right = encode((batch.left, batch.right), left_views)
    else:
        (left,), (right,) = encode((batch.left,), left_views), encode((batch.right,), right_views)
    scale = jnp.exp(parameters[LOG_SCALE]) if LOG_SCALE in parameters else 1.0
    bias = parameters.get(BIAS, 0.0)
    if not config.loss.learn_scale:
        scale, bias = jax.lax.stop_gradient((scale, bias))
    present = present_views(batch.left), present_views(batch.right)
    with jax.named_scope(LOSS_SCOPE):
        total, parts = sharded_loss_unit(
            mesh,
            left,
            right,
            config.loss,
            left_present=present[0],
            right_present=present[1],
            left_groups=batch.left_group,
            right_groups=batch.right_group,
            weights=batch.weight,
            memory=memory and memory.used(jnp.asarray(step >= config.training.warmup_steps)),
            scale=scale,
            bias=bias,
        )
    if memory is not None:
        groups = batch.left_group, batch.right_group
        memory = memory.with_batch(jnp.asarray(step), (left, right), present, groups)
    return total, (parts, memory)


def encode_in_parts(
    encoder: ProductEncoder,
    sides: Sequence[Products],
    views: Collection[str],
    *,
    parts: int,
    shards: int,
) -> list[dict[str, Float32[Array, "b d"]]]:
    """Vectors of a batch of which only one part is in the encoder at a time.

    In the backward pass each part is encoded once more, with its share of the whole batch's
    gradient: the memory is that of a part, the gradient that of the whole (gradient cache, Gao et
    al. 2021, arXiv 2101.06983).

    Args:
      encoder: with its weights.
      sides: one or both sides of the batch, of `[B, ...]` each.
      views: names of the views.
      parts: 1 = all at once, nothing is encoded twice.
      shards: devices that the rows are divided over; each takes its part of its own rows, one
        after the other as they lie in memory. B is a multiple of `parts` times `shards`.

    Returns:
      View name to `[B, D]` for each side.
    """

    def encoded(number: Array | int) -> dict[str, Array]:
        def part(x: Array) -> Array:
            if parts == 1:
                return x
            # Pictures that are not read have no pixels: sizes are spelled out, not left to -1.
            rows = x.shape[0] // (shards * parts)
            divided = x.reshape(shards, parts, rows, *x.shape[1:])
            mine = jax.lax.dynamic_index_in_dim(divided, number, axis=1, keepdims=False)
            return mine.reshape(shards * rows, *x.shape[1:])

        return encoder(
            _interleave([square_pixels(jax.tree.map(part, side)) for side in sides]),
            views,
            training=True,
        )

    numbers = jnp.arange(parts)
    vectors = encoded(0) if parts == 1 else jax.lax.map(jax.checkpoint(encoded), numbers)

    def of(side: int, x: Array) -> Array:
        """Rows of one side, in their order."""
        groups = 1 if parts == 1 else shards
        rows = x.reshape(parts, groups, -1, len(sides), x.shape[-1])[..., side, :]
        return rows.swapaxes(0, 1).reshape(-1, x.shape[-1])

    return [{view: of(side, x) for view, x in vectors.items()} for side in range(len(sides))]


def exported(state: TrainState) -> Parameters:
    """The encoder's weights to use: the moving average where there is one."""
    if state.average:
        return state.average
    return {name: x for name, x in state.parameters.items() if not name.startswith("loss/")}


def _interleave(sides: Sequence[Products]) -> Products:
    """Rows left 0, right 0, left 1, ...: a batch divided by row stays on its devices."""
    if len(sides) == 1:
        return sides[0]
    return Products(
        *(
            jnp.stack(x, axis=1).reshape(2 * x[0].shape[0], *x[0].shape[1:])
            for x in zip(*sides, strict=True)
        )
    )


def _average_decay(decay: float, step: Int32[Array, ""]) -> Float32[Array, ""]:
    """Ramps the decay up from 0.1, so that early, random weights are forgotten."""
    return jnp.minimum(decay, (1.0 + step) / (10.0 + step))
