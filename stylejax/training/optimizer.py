"""AdamW or Muon, with warm-up and cosine decay."""

from __future__ import annotations

import re
from typing import cast

import jax
import optax
from optax.contrib import MuonDimensionNumbers, muon

from stylejax.config import TrainingConfig

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
    """Gradient clipping by global norm, then AdamW or Muon (Jordan et al. 2024).

    Muon turns the momentum of a hidden layer's matrix into the nearest orthogonal one, scaled to
    AdamW's usual step (0.2 a weight, Liu et al. 2025), so one learning rate serves both; AdamW
    takes the remaining weights.
    """
    rate = learning_rate(config)
    if config.optimizer == "adamw":
        update = optax.adamw(
            rate,
            b1=0.9,
            b2=config.beta2,
            weight_decay=config.weight_decay,
            mask=lambda weights: {name: decays(name) for name in cast(dict, weights)},
        )
    else:
        update = muon(
            rate,
            weight_decay=config.weight_decay,
            adam_b2=config.beta2,
            consistent_rms=0.2,
            muon_weight_dimension_numbers=lambda weights: {
                name: muon_axes(name, x) for name, x in cast(dict, weights).items()
            },
        )
    return optax.chain(optax.clip_by_global_norm(config.clip_norm), update)


def decays(name: str) -> bool:
    """Whether weight decay applies: not to biases, norms, positions, tokens, scale and bias."""
    return name.endswith(("kernel", "embedding"))


def muon_axes(name: str, weight: jax.Array) -> MuonDimensionNumbers | None:
    """How Muon reads a weight as a matrix; None where AdamW takes it.

    A convolution kernel `[h, w, in, out]` is one matrix from h * w * in to out; the layers of a
    transformer stack `[depth, in, out]` are a matrix each.
    """
    if not HIDDEN.search(name):
        return None
    if weight.ndim == 4:
        return MuonDimensionNumbers(reduction_axis=(0, 1, 2), output_axis=3)
    return MuonDimensionNumbers(reduction_axis=weight.ndim - 2, output_axis=weight.ndim - 1)
