"""Tests of stylejax.training.start.py."""

import json
from pathlib import Path

import jax
import numpy as np
import pretrained_models as models
import pytest
import tiny

from stylejax.config import Config, ConfigError, load_config
from stylejax.config.pretrained import image_tower, text_tower, vector_length
from stylejax.training.mesh import make_mesh, place
from stylejax.training.start import start_pretrained
from stylejax.training.step import exported, make_train_step


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> str:
    record = json.loads((models.RECORDS / "clip.json").read_text())
    return str(models.write_model(record, tmp_path_factory.mktemp("clip")))


def config(source: str, run_dir: Path) -> Config:
    options = tiny.config("", run_dir, training={"ema": 0.9, "steps": 4, "warmup_steps": 0})
    towers = {
        "dim": vector_length(source),
        "image": image_tower(source),
        "text": text_tower(source),
        "fusion": {"depth": 0},
    }
    loss = {"form": "softmax", "matching": ("m-m",), "distinctiveness": (), "consistency": ()}
    text = {"max_tokens": models.LENGTH, "tokenizer": source}
    return tiny.changed(options, {"encoder": towers, "loss": loss, "text": text})


def test_a_run_starts_from_the_weights_and_trains_on(
    clip: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options, mesh = config(clip, tmp_path), make_mesh(8)
    create, step = make_train_step(options, models.VOCAB, mesh)
    state = start_pretrained(create(), options)
    name = "text/tokens/embedding"
    shape = (models.VOCAB, models.WIDTH)
    given = models.weight("text_model.embeddings.token_embedding.weight", shape)
    assert np.array_equal(state.parameters[name], given)
    assert np.array_equal(exported(state)[name], given)
    said = capsys.readouterr().out
    assert "0 initialised, 0 of the files left over" in said
    assert "loaded (" in (tmp_path / "pretrained.txt").read_text()
    batch = tiny.pair_batch(8)
    short = [
        side._replace(tokens=np.minimum(side.tokens[:, : models.LENGTH], models.VOCAB - 1))
        for side in (batch.left, batch.right)
    ]
    batch = batch._replace(left=short[0], right=short[1])
    losses = []
    for _ in range(4):
        state, metrics = step(state, place(mesh, batch))
        losses.append(float(metrics["loss"]))
    assert losses[-1] < losses[0]
    for x in jax.tree.leaves(state):
        assert len(x.sharding.device_set) == 8


def test_pretrained_words_need_their_own_tokenizer(clip: str, tmp_path: Path) -> None:
    options = tiny.changed(config(clip, tmp_path), {"text": {"tokenizer": ""}})
    create, _ = make_train_step(options, models.VOCAB, make_mesh(1))
    with pytest.raises(ConfigError, match=r"set text\.tokenizer to the same folder"):
        start_pretrained(create(), options)


def test_a_run_without_pretrained_weights_is_left_alone(tmp_path: Path) -> None:
    options = tiny.config("", tmp_path)
    create, _ = make_train_step(options, 32, make_mesh(1))
    state = create()
    (tmp_path / "pretrained.txt").write_text("of the training before it")
    assert start_pretrained(state, options) is state
    assert not list(tmp_path.iterdir())


def test_the_recipe_locks_what_it_says(clip: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STYLEJAX_PRETRAINED", clip)
    configs = Path(__file__).parents[2] / "configs"
    training = load_config(configs / "chinese_clip_finetune.py").training
    rates = {
        name: training.rule(name).rate
        for name in ("image/layers/layers/qkv/kernel", "image/head/kernel", "text/positions")
    }
    assert list(rates.values()) == [0.0, 1.0, 0.1]
