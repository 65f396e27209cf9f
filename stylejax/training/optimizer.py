"""AdamW, Lion or Muon, with warm-up and a schedule."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable
from typing import Any, cast

import optax

from stylejax.config import TrainingConfig
from stylejax.training.muon import scale_by_muon

# Matrices between hidden layers. Muon is not for the first and last layer, nor for embeddings.
HIDDEN = re.compile(r"(stem/(downs|stages)|layers)/.*kernel$")


def learning_rate(config: TrainingConfig) -> optax.Schedule:
    """Linear warm-up to `learning_rate`, then `schedule`: down to zero at `steps`, or level."""
    peak, left = config.learning_rate, config.steps - config.warmup_steps
    then = {
        "cosine": optax.cosine_decay_schedule(peak, left),
        "linear": optax.linear_schedule(peak, 0.0, left),
        "constant": optax.constant_schedule(peak),
    }[config.schedule]
    if not config.warmup_steps:
        return then
    warm = optax.linear_schedule(0.0, peak, config.warmup_steps)
    return optax.join_schedules([warm, then], [config.warmup_steps])


def make_optimizer(config: TrainingConfig) -> optax.GradientTransformation:
    """Gradient clipping by global norm, then the optimizer, then the rules of `config.rules`.

    Muon takes the matrices between hidden layers (`HIDDEN`), AdamW the remaining weights. A frozen
    weight has no state, takes no part in the norm, and does not move.
    """

    def kind(name: str) -> str:
        if frozen(config, name):
            return "frozen"
        return "muon" if config.optimizer == "muon" and HIDDEN.search(name) else "usual"

    def decay(wanted: Callable[[str], bool]) -> optax.GradientTransformation:
        """Weight decay of some names, by the factor of each's rule."""

        def decayed(updates: Any, weights: Any) -> Any:
            return {
                name: x + config.weight_decay * config.rule(name).decay * weights[name]
                if wanted(name) and not isinstance(x, optax.MaskedNode)
                else x
                for name, x in updates.items()
            }

        return optax.stateless(decayed)

    def slowed(updates: Any, _: Any) -> Any:
        return {name: config.rule(name).rate * x for name, x in updates.items()}

    adam = optax.scale_by_adam(b1=0.9, b2=config.beta2)
    usual = {
        "adamw": optax.chain(adam, decay(decays)),
        "lion": optax.chain(optax.scale_by_lion(b1=0.9, b2=config.beta2), decay(decays)),
        "muon": adam,
    }
    kinds: dict[Hashable, optax.GradientTransformation] = {
        "usual": usual[config.optimizer],
        "muon": optax.chain(scale_by_muon(), decay(lambda _: True)),
        "frozen": optax.set_to_zero(),
    }
    return optax.chain(
        optax.clip_by_global_norm(config.clip_norm),
        optax.partition(kinds, lambda weights: {name: kind(name) for name in cast(dict, weights)}),
        optax.stateless(slowed),
        optax.scale_by_learning_rate(learning_rate(config)),
    )


def frozen(config: TrainingConfig, name: str) -> bool:
    """Whether a weight's rule says that it stays as it is."""
    return config.rule(name).rate == 0


def decays(name: str) -> bool:
    """Whether weight decay applies: not to biases, norms, positions, tokens, scale and bias."""
    return name.endswith(("kernel", "embedding"))
