"""Tests of stylejax/encoder/parameters.py."""

import jax
import numpy as np
import pytest
import tiny

from stylejax.encoder import ProductEncoder, encoder_factory, parameters_of


@pytest.mark.parametrize("stem", ["patch", "conv"])
def test_weights_survive_the_round_trip(stem: str) -> None:
    image = {"stem": stem, "patch": 4, "conv_widths": (6, 10), "conv_depths": (1, 1), "depth": 1}
    config = tiny.config("", "", encoder={"image": image})
    init, bind = encoder_factory(config, 32)
    parameters = jax.jit(init)(jax.random.key(0))
    encoder = bind(parameters)
    assert isinstance(encoder, ProductEncoder)
    again = parameters_of(encoder)
    assert set(again) == set(parameters)
    assert all(np.array_equal(again[name], x) for name, x in parameters.items())


def test_names_are_flat_and_say_where_a_weight_is() -> None:
    init, _ = encoder_factory(tiny.config("", ""), 32)
    shapes = jax.eval_shape(init, jax.random.key(0))
    assert shapes["text/tokens/embedding"].shape == (32, 16)
    assert shapes["text/positions"].shape == (8, 16)
    assert shapes["image/positions"].shape == (2, 2, 16)
    assert shapes["fusion/layers/layers/qkv/kernel"].shape == (1, 16, 48)
    assert shapes["fusion/head/kernel"].shape == (16, 8)
    assert all(isinstance(name, str) for name in shapes)
    assert {x.dtype for x in shapes.values()} == {np.dtype("float32")}


def test_the_key_decides_the_weights() -> None:
    init, _ = encoder_factory(tiny.config("", ""), 32)
    make = jax.jit(init)
    one, same, other = (make(jax.random.key(n)) for n in (0, 0, 1))
    for name, x in one.items():
        assert np.array_equal(x, same[name])
    assert not np.array_equal(one["fusion/head/kernel"], other["fusion/head/kernel"])


def test_weights_of_another_model_are_refused() -> None:
    init, bind = encoder_factory(tiny.config("", ""), 32)
    parameters = jax.jit(init)(jax.random.key(0))
    with pytest.raises(KeyError):
        bind(parameters | {"image/extra": parameters["fusion/head/kernel"]})


def test_depth_zero_towers_hold_no_layers() -> None:
    init, _ = encoder_factory(tiny.config("", "", encoder={"fusion": {"depth": 0}}), 32)
    names = jax.eval_shape(init, jax.random.key(0))
    assert not [name for name in names if "layers" in name or "class_token" in name]
    assert {"image/head/kernel", "text/head/kernel"} <= set(names)
