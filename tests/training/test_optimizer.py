"""Tests of stylejax/training/optimizer.py."""

import math
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import tiny

from stylejax.config import ConfigError, TrainingConfig, WeightRule, require_matches
from stylejax.encoder import encoder_factory
from stylejax.training.optimizer import (
    HIDDEN,
    decays,
    learning_rate,
    make_optimizer,
)


def names(**image) -> dict[str, jax.ShapeDtypeStruct]:
    image = {"patch": 4, "conv_widths": (6, 10), "conv_depths": (1, 1)} | image
    options = {"image": image, "text": {"depth": 1}}
    init, _ = encoder_factory(tiny.config("", "", encoder=options), 32)
    return jax.eval_shape(init, jax.random.key(0))


def options(**changes) -> TrainingConfig:
    return TrainingConfig(**({"steps": 100, "warmup_steps": 10, "learning_rate": 0.5} | changes))


def test_the_rate_rises_linearly_and_falls_as_a_cosine() -> None:
    rate = learning_rate(options())
    for step in (0, 1, 5, 10):
        assert float(rate(step)) == pytest.approx(0.05 * step, abs=1e-6)
    for step in (20, 55, 90):
        expected = 0.25 * (1 + math.cos(math.pi * (step - 10) / 90))
        assert float(rate(step)) == pytest.approx(expected, abs=1e-6)
    assert float(rate(100)) == pytest.approx(0.0, abs=1e-6)


def test_without_warmup_it_starts_at_the_peak() -> None:
    assert float(learning_rate(options(warmup_steps=0))(0)) == pytest.approx(0.5)


def test_only_kernels_and_embeddings_decay() -> None:
    free = {
        name for name in [*names(stem="conv"), "loss/log_scale", "loss/bias"] if not decays(name)
    }
    assert {"loss/log_scale", "loss/bias", "fusion/class_token", "fusion/modality"} <= free
    assert {"text/positions", "image/positions", "fusion/layers/norm/scale"} <= free
    kept = {name for name in names(stem="conv") if decays(name)}
    assert kept
    assert all(name.endswith(("kernel", "embedding")) for name in kept)
    assert all(not name.endswith(("bias", "scale", "gain")) for name in kept)


@pytest.mark.parametrize("optimizer", ["adamw", "lion", "muon"])
def test_decay_shrinks_what_decays_and_leaves_the_rest(optimizer: str) -> None:
    weights = {
        "fusion/layers/layers/qkv/kernel": jnp.ones((2, 4, 12)),
        "fusion/layers/layers/qkv/bias": jnp.ones((2, 12)),
        "class_token": jnp.ones((4,)),
        "loss/log_scale": jnp.ones(()),
    }
    chosen = make_optimizer(options(optimizer=optimizer, warmup_steps=0, weight_decay=0.1))
    still = jax.tree.map(jnp.zeros_like, weights)
    updates, _ = chosen.update(still, chosen.init(weights), weights)
    after = optax.apply_updates(weights, updates)
    np.testing.assert_allclose(after["fusion/layers/layers/qkv/kernel"], 1 - 0.5 * 0.1, rtol=1e-5)
    for name in ("fusion/layers/layers/qkv/bias", "class_token", "loss/log_scale"):
        assert np.array_equal(after[name], weights[name]), name


@pytest.mark.parametrize("optimizer", ["adamw", "lion", "muon"])
def test_rules_freeze_weights_and_scale_rates_and_decay(optimizer: str) -> None:
    weights = {
        "image/layers/layers/qkv/kernel": jnp.ones((1, 4, 12)),
        "text/layers/layers/qkv/kernel": jnp.ones((1, 4, 12)),
        "fusion/layers/layers/qkv/kernel": jnp.ones((1, 4, 12)),
        "text/head/kernel": jnp.ones((4, 4)),
    }
    rules = (
        WeightRule("image/", rate=0.0),
        WeightRule("text/head", rate=0.5),  # the first that matches
        WeightRule("text/", rate=0.1, decay=0.0),
    )
    plain = options(optimizer=optimizer, warmup_steps=0, weight_decay=0.1, clip_norm=1e9)
    gradients = {
        name: jax.random.normal(jax.random.key(n), x.shape)
        for n, (name, x) in enumerate(weights.items())
    }

    def moved(config: TrainingConfig) -> dict[str, np.ndarray]:
        chosen = make_optimizer(config)
        return chosen.update(gradients, chosen.init(weights), weights)[0]

    ruled, free = moved(replace(plain, rules=rules)), moved(plain)
    bare = moved(replace(plain, weight_decay=0.0))
    assert not ruled["image/layers/layers/qkv/kernel"].any()
    for name, expected in (
        ("fusion/layers/layers/qkv/kernel", free["fusion/layers/layers/qkv/kernel"]),
        ("text/head/kernel", 0.5 * free["text/head/kernel"]),
        ("text/layers/layers/qkv/kernel", 0.1 * bare["text/layers/layers/qkv/kernel"]),
    ):
        np.testing.assert_allclose(ruled[name], expected, rtol=1e-5)
    state = make_optimizer(replace(plain, rules=rules)).init(weights)
    held = sum(x.size for x in jax.tree.leaves(state) if x.ndim > 1)
    assert held < 2 * sum(x.size for x in weights.values())  # nothing for what is frozen


def test_lion_moves_by_the_sign_of_its_momentum_and_keeps_nothing_else() -> None:
    weights = {"fusion/layers/layers/qkv/kernel": jnp.zeros((2, 3, 4))}
    gradient = {name: jax.random.normal(jax.random.key(0), x.shape) for name, x in weights.items()}
    chosen = make_optimizer(options(optimizer="lion", warmup_steps=0, weight_decay=0.0))
    state = chosen.init(weights)
    updates, _ = chosen.update(gradient, state, weights)
    for name, x in updates.items():
        np.testing.assert_allclose(x, -0.5 * np.sign(gradient[name]), rtol=1e-6)
    kept = [x.size for x in jax.tree.leaves(state) if x.ndim]
    assert sum(kept) == sum(x.size for x in weights.values())


def test_a_rule_for_weights_that_are_not_there_is_refused() -> None:
    config = options(rules=(WeightRule("image/"), WeightRule("images/", rate=0.0)))
    with pytest.raises(ConfigError, match=r"begins with 'images/'; there are fusion/.*image/stem"):
        require_matches(config.rules, names())


def test_gradients_are_clipped_by_their_global_norm() -> None:
    """A first AdamW step only sees directions, so look at its memory instead."""
    weights = {"a/kernel": jnp.zeros((2, 2)), "b/bias": jnp.zeros(3)}
    chosen = make_optimizer(options(clip_norm=1.0))
    huge = jax.tree.map(lambda x: jnp.full_like(x, 100.0), weights)
    _, state = chosen.update(huge, chosen.init(weights), weights)
    momentum = optax.tree_utils.tree_get(state, "mu")
    assert float(optax.global_norm(momentum)) == pytest.approx(0.1, rel=1e-4)  # 1 - b1
    _, state = chosen.update(
        jax.tree.map(lambda x: 1e-3 * jnp.ones_like(x), weights), chosen.init(weights), weights
    )
    momentum = optax.tree_utils.tree_get(state, "mu")
    np.testing.assert_allclose(momentum["b/bias"], 1e-4, rtol=1e-4)  # small ones are left alone


@pytest.mark.parametrize("stem", ["patch", "conv"])
def test_muon_takes_the_matrices_between_hidden_layers(stem: str) -> None:
    shapes = names(stem=stem)
    taken = {name for name in shapes if HIDDEN.search(name)}
    for name in ("qkv", "out", "mlp/up", "mlp/down"):
        assert f"fusion/layers/layers/{name}/kernel" in taken
        assert f"text/layers/layers/{name}/kernel" in taken
    assert all(name.endswith("kernel") and shapes[name].ndim >= 3 for name in taken)
    first = "image/stem/first/kernel" if stem == "conv" else "image/stem/kernel"
    assert first in shapes
    assert not taken & {first, "fusion/head/kernel", "text/tokens/embedding", "fusion/class_token"}
    assert any("stem/stages" in name for name in taken) == (stem == "conv")


def test_muon_updates_its_matrices_and_adam_the_rest() -> None:
    name = "fusion/layers/layers/mlp/up/kernel"
    weights = {name: jnp.zeros((3, 8, 16)), "class_token": jnp.zeros((4,))}
    gradients = {
        name: jax.random.normal(jax.random.key(0), (3, 8, 16)),
        "class_token": jnp.array([1e-3, -1.0, 2.0, 5.0]),
    }
    chosen = make_optimizer(options(optimizer="muon", warmup_steps=0, clip_norm=1e9))
    updates, _ = chosen.update(gradients, chosen.init(weights), weights)
    # 0.2 a weight: an orthogonal 8 x 16 matrix of that size has singular values 0.2 * sqrt(16).
    for layer in np.asarray(updates[name]) / 0.5:
        values = np.linalg.svd(layer, compute_uv=False) / (0.2 * 4)
        assert values.min() > 0.5
        assert values.max() < 1.3
    # Adam's first step sees signs only.
    np.testing.assert_allclose(updates["class_token"], [-0.5, 0.5, -0.5, -0.5], rtol=1e-3)


@pytest.mark.parametrize("warmup", [0, 10])
@pytest.mark.parametrize("schedule", ["cosine", "linear", "constant"])
def test_after_the_warm_up_the_rate_goes_by_its_schedule(schedule: str, warmup: int) -> None:
    rate = learning_rate(options(warmup_steps=warmup, schedule=schedule))
    for step in range(warmup, 101):
        gone = (step - warmup) / (100 - warmup)
        left = {"cosine": (1 + math.cos(math.pi * gone)) / 2, "linear": 1 - gone, "constant": 1.0}
        assert float(rate(step)) == pytest.approx(0.5 * left[schedule], abs=1e-6)
    for step in range(warmup):
        assert float(rate(step)) == pytest.approx(0.05 * step, abs=1e-6)
