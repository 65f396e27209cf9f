"""Tests of stylejax/training/step.py."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import tiny

from stylejax.batch import NO_TOKEN, PairBatch, flat_pixels
from stylejax.config import Config, WeightRule
from stylejax.encoder import encoder_factory, present_views
from stylejax.losses import contrastive_loss_unit
from stylejax.training.mesh import make_mesh, place
from stylejax.training.step import BIAS, LOG_SCALE, exported, make_train_step, pair_loss

VOCAB = 32
MATCHING = {"matching": ("m-m",), "distinctiveness": (), "consistency": ()}  # quick to compile


def config(**sections) -> Config:
    training = {"steps": 40, "warmup_steps": 2, "learning_rate": 1e-2}
    sections = {"training": {}} | sections
    return tiny.config("", "", **(sections | {"training": training | sections["training"]}))


@cache
def batch() -> PairBatch:
    """Eight pairs whose right listing is nearly the left one; two rows sell the same product."""
    rng = np.random.default_rng(0)
    given = tiny.pair_batch(8, groups=np.array([0, 1, 2, 3, 4, 5, 6, 0]))
    noise = rng.integers(-20, 20, given.left.image.shape)
    image = np.clip(given.left.image.astype(int) + noise, 0, 255).astype(np.uint8)
    tokens = given.left.tokens.copy()
    tokens[3] = NO_TOKEN
    right = given.right._replace(image=image, tokens=tokens)
    right.has_image[5] = False
    return given._replace(right=right)


def curve(options: Config, steps: int, devices: int = 1):
    """Losses of the steps, the final state, and all metrics."""
    mesh = make_mesh(devices)
    create, step = make_train_step(options, VOCAB, mesh)
    state, history = create(), []
    given = place(mesh, batch())
    for _ in range(steps):
        state, metrics = step(state, given)
        history.append(jax.device_get(metrics))
    return [float(metrics["loss"]) for metrics in history], jax.device_get(state), history


@pytest.mark.parametrize(
    ("form", "optimizer"), [("hinge", "adamw"), ("softmax", "muon"), ("sigmoid", "adamw")]
)
def test_the_loss_falls(form: str, optimizer: str) -> None:
    parts = {} if form == "hinge" else MATCHING
    options = config(loss={"form": form} | parts, training={"optimizer": optimizer})
    losses, state, history = curve(options, 40)
    assert np.isfinite(losses).all()
    assert losses[-1] < 0.5 * losses[0]
    assert int(state.step) == 40
    assert (LOG_SCALE in state.parameters) == (form != "hinge")
    assert (BIAS in state.parameters) == (form == "sigmoid")
    assert history[0]["gradient_norm"] > 0
    named = {"scale", "ppm/m-m"}
    if form == "hinge":
        named = {"ppm/m-m", "ppm/t-m", "ppm/i-m", "pdc/t-m", "pdc/i-m", "plc/t", "plc/i"}
    assert set(history[0]) == {"loss", "gradient_norm", "bad"} | named


@pytest.mark.parametrize("form", ["hinge", "softmax"])
def test_one_and_eight_devices_train_alike(form: str) -> None:
    parts = MATCHING
    if form == "hinge":
        parts = {"matching": ("t-m",), "distinctiveness": ("t-m",), "consistency": ("t",)}
    options = config(loss={"form": form} | parts, training={"ema": 0.9})
    (one, state_one, _), (eight, state_eight, _) = (curve(options, 5, n) for n in (1, 8))
    assert one[0] != one[-1]
    np.testing.assert_allclose(one, eight, rtol=1e-4)
    for name, x in state_one.parameters.items():
        # A key's bias has no effect on attention: its gradient is rounding, which Adam blows up.
        if not name.endswith("qkv/bias"):
            np.testing.assert_allclose(x, state_eight.parameters[name], atol=2e-3, err_msg=name)


def test_earlier_batches_are_searched_once_the_rate_has_warmed_up() -> None:
    """On one device as on eight; the memory lies where the rows of the batch lie."""
    plain = config(loss={"form": "softmax", **MATCHING})
    remembering = config(loss={"form": "softmax", "memory": 2, **MATCHING})
    without, _, _ = curve(plain, 6)
    one, state, _ = curve(remembering, 6)
    eight, _, _ = curve(remembering, 6, devices=8)
    np.testing.assert_allclose(one, eight, rtol=2e-4)
    warm = remembering.training.warmup_steps
    assert one[:warm] == pytest.approx(without[:warm], rel=1e-5)
    assert one[warm] > without[warm] + 0.1  # more candidates, a larger loss
    assert state.memory.vectors["m"].shape == (2, 1, 8, 8)
    assert state.memory.present["m"].sum() == 16


def test_two_runs_are_equal_bit_for_bit() -> None:
    options = config(loss=MATCHING)
    (first, state, _), (second, again, _) = (curve(options, 3) for _ in range(2))
    assert first == second
    assert all(np.array_equal(x, again.parameters[name]) for name, x in state.parameters.items())


def test_the_average_follows_its_recurrence() -> None:
    options = config(training={"ema": 0.5}, loss={"form": "softmax"} | MATCHING)
    mesh = make_mesh(1)
    create, step = make_train_step(options, VOCAB, mesh)
    state = create()
    assert set(state.average) == {n for n in state.parameters if not n.startswith("loss/")}
    name = "fusion/head/kernel"
    average = np.asarray(state.average[name])
    assert np.array_equal(average, state.parameters[name])
    for number in range(6):
        decay = min(0.5, (1 + number) / (10 + number))
        state, _ = step(state, place(mesh, batch()))
        average = decay * average + (1 - decay) * np.asarray(state.parameters[name])
        np.testing.assert_allclose(state.average[name], average, atol=1e-6)
    assert exported(state) is state.average
    assert np.abs(np.asarray(state.average[name]) - state.parameters[name]).max() > 1e-5


def test_without_an_average_the_weights_themselves_are_exported() -> None:
    create, _ = make_train_step(config(loss={"form": "sigmoid"}), VOCAB, make_mesh(1))
    state = create()
    assert state.average == {}
    assert set(exported(state)) == set(state.parameters) - {LOG_SCALE, BIAS}


def test_a_frozen_tower_stays_and_the_rest_moves() -> None:
    """Locked-image tuning (LiT): the picture's weights, bit for bit."""
    rules = WeightRule("image/", rate=0.0), WeightRule("fusion/", rate=0.1)
    options = config(training={"rules": rules})
    mesh = make_mesh(1)
    create, step = make_train_step(options, VOCAB, mesh)
    before = jax.device_get(create().parameters)
    state = create()
    for _ in range(2):  # the first step's rate is zero
        state, _ = step(state, place(mesh, batch()))
    for name, x in jax.device_get(state.parameters).items():
        moved = not np.array_equal(x, before[name])
        assert moved != name.startswith("image/"), name


@pytest.mark.parametrize("learn", [True, False])
def test_scale_and_bias_are_trained_only_when_asked(learn: bool) -> None:
    loss = {"form": "sigmoid", "learn_scale": learn, **MATCHING}
    _, state, history = curve(config(loss=loss), 3)
    moved = [
        abs(float(state.parameters[LOG_SCALE]) - np.log(20.0)) > 1e-3,
        abs(float(state.parameters[BIAS]) + 10.0) > 1e-3,
    ]
    assert moved == [learn, learn]
    assert history[-1]["scale"] == pytest.approx(20.0, rel=0.2)


def test_a_trained_scale_stops_at_its_highest_value() -> None:
    loss = {"form": "softmax", "scale": 2.0, "max_scale": 2.0, **MATCHING}
    _, state, history = curve(config(loss=loss), 3)
    assert float(state.parameters[LOG_SCALE]) <= np.float32(np.log(2.0))
    free = curve(config(loss={**loss, "max_scale": 100.0}), 3)[2]
    assert max(line["scale"] for line in free) > 2.0
    assert max(line["scale"] for line in history) == pytest.approx(2.0)


@pytest.mark.parametrize("matching", [("m-m",), ("m-m", "t-m")])
def test_encoding_both_sides_at_once_changes_nothing(matching: tuple[str, ...]) -> None:
    """With equal views on both sides one call encodes them; the loss is that of two calls."""
    options = config(loss=MATCHING | {"matching": matching})
    left_views, right_views = options.loss.views
    assert (left_views == right_views) == (len(matching) == 1)
    init, bind = encoder_factory(options, VOCAB)
    parameters = jax.jit(init)(jax.random.key(0))
    given = jax.tree.map(jnp.asarray, batch())

    def apart(parameters):
        encoder = bind(parameters)
        return contrastive_loss_unit(
            encoder(given.left, left_views),
            encoder(given.right, right_views),
            options.loss,
            left_present=present_views(given.left),
            right_present=present_views(given.right),
            left_groups=given.left_group,
            right_groups=given.right_group,
        )[0]

    mesh = make_mesh(1)
    together = jax.jit(lambda parameters: pair_loss(parameters, given, options, bind, mesh)[0])
    np.testing.assert_allclose(together(parameters), jax.jit(apart)(parameters), rtol=1e-5)


@pytest.mark.parametrize("matching", [("m-m",), ("t-m",)])
@pytest.mark.parametrize("devices", [1, 2])
def test_encoding_in_parts_gives_the_gradients_of_the_whole(
    matching: tuple[str, ...], devices: int
) -> None:
    """With views that both sides need, and with others."""
    mesh = make_mesh(devices)
    given = place(mesh, batch())

    def slopes(micro_batches: int):
        training = {"micro_batches": micro_batches}
        options = config(
            loss={"form": "softmax"} | MATCHING | {"matching": matching}, training=training
        )
        init, bind = encoder_factory(options, VOCAB)
        parameters = jax.jit(init)(jax.random.key(0))
        parameters[LOG_SCALE] = jnp.float32(3.0)

        def loss(parameters):
            return pair_loss(parameters, given, options, bind, mesh)[0]

        return jax.device_get(jax.jit(jax.value_and_grad(loss))(parameters))

    whole, parts = slopes(1), slopes(4)
    np.testing.assert_allclose(whole[0], parts[0], rtol=1e-5)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), whole[1], parts[1]
    )
    off = {name: x - parts[1][name] for name, x in whole[1].items()}
    assert optax.global_norm(off) <= 1e-5 * optax.global_norm(whole[1])


def test_the_parts_share_the_memory_of_the_encoder() -> None:
    mesh = make_mesh(1)
    given = place(mesh, tiny.pair_batch(64, groups=np.arange(64)))

    def temporary(micro_batches: int) -> int:
        options = config(loss=MATCHING, training={"micro_batches": micro_batches, "batch_size": 64})
        create, step = make_train_step(options, VOCAB, mesh)
        memory = step.lower(jax.eval_shape(create), given).compile().memory_analysis()
        return memory.temp_size_in_bytes

    assert temporary(8) < 0.4 * temporary(1)


@pytest.mark.parametrize("parts", [1, 2])
def test_flat_pixels_train_like_square_ones(parts: int) -> None:
    options = config(loss=MATCHING, training={"micro_batches": parts})
    mesh = make_mesh(2)
    create, step = make_train_step(options, VOCAB, mesh)
    square, _ = step(create(), place(mesh, batch()))
    flat, _ = step(create(), place(mesh, flat_pixels(batch())))
    for name, x in square.parameters.items():
        np.testing.assert_array_equal(flat.parameters[name], x, err_msg=name)


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("matching", ["i-t", "t-t", "m-t"])
def test_pictures_that_no_loss_reads_may_be_left_out(matching: str, parts: int) -> None:
    """Nothing changes for the step but that they are not there, with one part or several."""
    options = tiny.config(
        "",
        "",
        loss={"matching": (matching,), "distinctiveness": (), "consistency": ()},
        training={"micro_batches": parts},
    )
    mesh = make_mesh(2)
    create, step = make_train_step(options, 32, mesh)
    whole = tiny.pair_batch(8)
    sides = [
        side if read else side._replace(image=side.image[:, :0, :0])
        for side, read in zip((whole.left, whole.right), options.pictures_read, strict=True)
    ]
    partly = whole._replace(left=sides[0], right=sides[1])
    losses = [
        float(step(create(), place(mesh, flat_pixels(batch)))[1]["loss"])
        for batch in (whole, partly)
    ]
    assert losses[0] == losses[1] > 0
