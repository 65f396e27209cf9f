"""Tests of stylejax/training/describe.py."""

import json

import pytest
import tiny

from stylejax.config import ConfigError, WeightRule, to_json
from stylejax.training.describe import describe
from stylejax.training.mesh import make_mesh
from stylejax.training.step import make_train_step

VOCAB = 32


def test_settings_shapes_and_weights_are_told() -> None:
    rules = (WeightRule("text/.*", rate=0.0),)
    config = tiny.config("", "nowhere", training={"rules": rules}, mesh={"data": 2})
    lines = describe(config, VOCAB)
    end = lines.index("")
    assert json.loads("\n".join(lines[:end])) == json.loads(to_json(config))
    assert "devices     2 x cpu (data 2 x fsdp 1 x tensor 1)" in lines
    assert "batch       left.image      uint8 [8, 768]" in lines
    assert "batch       right.tokens    int32 [8, 8]" in lines
    state = make_train_step(config, VOCAB, make_mesh(2))[0]()
    text = sum(x.size for name, x in state.parameters.items() if name.startswith("text/"))
    everything = sum(x.size for x in state.parameters.values())
    assert f"weights     text            {text:,}, {text:,} of them frozen" in lines
    assert f"weights     all             {everything:,}" in lines


def test_a_batch_that_does_not_divide_is_refused() -> None:
    with pytest.raises(ConfigError, match="12 cannot be divided over 8 devices"):
        describe(tiny.config("", "nowhere", training={"batch_size": 12}), VOCAB)
