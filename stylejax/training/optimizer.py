"""AdamW or Muon, with warm-up and cosine decay."""

from __future__ import annotations

import re
from typing import cast

import optax

from stylejax.config import TrainingConfig
from stylejax.training.muon import scale_by_muon

# Matrices between hidden layers. Muon is not for the first and last layer, nor for embeddings.
HIDDEN = re.compile(r"(stem/(downs|stages)|layers)/.*kernel$")


def learning_rate(config: TrainingConfig) -> optax.Schedule:
    """Linear warm-up to `learning_rate`, then cosine decay to zero at `steps`."""
    return optax.warmup_cosine_decay_schedule(
        init_value=0.0,
        peak_value=config.learning_rate,
        warmup_steps=config.warmup_steps,
        decay_steps=config.steps,
    )


def make_optimizer(config: TrainingConfig) -> optax.GradientTransformation:
    """Gradient clipping by global norm, then AdamW or Muon.

    Muon takes the matrices between hidden layers (`HIDDEN`), AdamW the remaining weights.
    """
    rate = learning_rate(config)
    decay = optax.add_decayed_weights(
        config.weight_decay,
        mask=lambda weights: {name: decays(name) for name in cast(dict, weights)},
    )
    if config.optimizer == "adamw":
        scale = optax.chain(optax.scale_by_adam(b1=0.9, b2=config.beta2), decay)
    else:
        scale = optax.partition(
            {
                "muon": optax.chain(
                    scale_by_muon(), optax.add_decayed_weights(config.weight_decay)
                ),
                "adam": optax.scale_by_adam(b1=0.9, b2=config.beta2),
            },
            lambda weights: {
                name: "muon" if HIDDEN.search(name) else "adam" for name in cast(dict, weights)
            },
        )
    return optax.chain(
        optax.clip_by_global_norm(config.clip_norm), scale, optax.scale_by_learning_rate(rate)
    )


def decays(name: str) -> bool:
    """Whether weight decay applies: not to biases, norms, positions, tokens, scale and bias."""
    return name.endswith(("kernel", "embedding"))
