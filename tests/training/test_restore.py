"""Tests of stylejax/training/restore.py."""

from pathlib import Path

import jax
import numpy as np
import pytest
import tiny

from stylejax.config import ConfigError
from stylejax.encoder import encoder_factory
from stylejax.training.checkpoint import Checkpoints
from stylejax.training.mesh import make_mesh
from stylejax.training.restore import load_encoder
from stylejax.training.snapshot import Snapshot
from stylejax.training.step import exported, make_train_step

VOCAB = 32


def test_a_trained_encoder_encodes_like_the_weights_it_was_saved_from(tmp_path: Path) -> None:
    config = tiny.config("", tmp_path)
    state = make_train_step(config, VOCAB, make_mesh(1))[0]()
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(state._replace(step=state.step + 4), config, "{}", VOCAB)
    checkpoints.close()
    trained = load_encoder(tmp_path, make_mesh(8))
    assert (trained.config, trained.tokenizer, trained.origin.step) == (config, "{}", 4)
    assert trained.origin == Snapshot(tmp_path).origin()
    _, bind = encoder_factory(config, VOCAB)
    given = tiny.products(8)
    ((rows, vectors, present),) = trained.encode([(np.arange(5), given)], ["t"])
    expected = jax.jit(lambda p, x: bind(p)(x, ("t",)))(
        exported(state), jax.tree.map(jax.numpy.asarray, given)
    )
    assert rows.tolist() == [0, 1, 2, 3, 4]
    np.testing.assert_allclose(vectors["t"], expected["t"][:5], atol=1e-5)
    assert present["t"].all()
    # Asked again it compiles nothing: neither the same views nor a batch that is not full.
    (program,) = trained._programs.values()
    list(trained.encode([(np.arange(8), given), (np.arange(2), given)], ["t"]))
    assert list(trained._programs.values()) == [program]


def test_a_run_that_was_never_trained_is_refused_and_left_alone(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no checkpoint in .*; train first"):
        load_encoder(tmp_path, make_mesh(1))
    assert not list(tmp_path.iterdir())
    (tmp_path / "checkpoints").mkdir()
    with pytest.raises(ConfigError, match="train first"):
        load_encoder(tmp_path, make_mesh(1))
