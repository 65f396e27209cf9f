"""AdamW with warm-up and cosine decay."""

from __future__ import annotations

from typing import cast

import optax

from stylejax.config import TrainingConfig


def learning_rate(config: TrainingConfig) -> optax.Schedule:
    """Linear warm-up to `learning_rate`, then cosine decay to zero at `steps`."""
    return optax.warmup_cosine_decay_schedule(
        init_value=0.0,
        peak_value=config.learning_rate,
        warmup_steps=config.warmup_steps,
        decay_steps=config.steps,
    )


def make_optimizer(config: TrainingConfig) -> optax.GradientTransformation:
    """Gradient clipping by global norm, then AdamW; kernels and embeddings alone decay."""
    return optax.chain(
        optax.clip_by_global_norm(config.clip_norm),
        optax.adamw(
            learning_rate(config),
            b1=0.9,
            b2=config.beta2,
            weight_decay=config.weight_decay,
            mask=lambda weights: {name: decays(name) for name in cast(dict, weights)},
        ),
    )


def decays(name: str) -> bool:
    """Whether weight decay applies: not to biases, norms, positions, tokens, scale and bias."""
    return name.endswith(("kernel", "embedding"))
