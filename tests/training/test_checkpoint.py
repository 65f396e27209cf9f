"""Tests of stylejax/training/checkpoint.py."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import jax
import numpy as np
import pytest
import tiny

from stylejax.config import Config, ConfigError, MeshConfig
from stylejax.encoder import encoder_factory
from stylejax.origin import Origin
from stylejax.training.checkpoint import Checkpoints
from stylejax.training.mesh import make_mesh
from stylejax.training.run_folder import steps
from stylejax.training.snapshot import Snapshot, kept_tokenizer
from stylejax.training.step import TrainState, exported, make_train_step

VOCAB = 32
MESH = make_mesh(2)


def config(run_dir: Path | str, **sections) -> Config:
    sections = {"training": {"ema": 0.9}, "loss": {"form": "sigmoid"}} | sections
    return tiny.config("", run_dir, **sections)


@cache
def makers(ema: float):
    return make_train_step(config("", training={"ema": ema}), VOCAB, MESH)


def state_at(step: int, ema: float = 0.9) -> TrainState:
    """A state in which every array differs from the initial one."""
    state = makers(ema)[0]()
    moved = jax.tree.map(lambda x: x + jax.numpy.asarray(step).astype(x.dtype), state)
    return moved._replace(step=state.step + step)


def saved(run_dir: Path, *steps: int, keep: int = 2, ema: float = 0.9) -> Config:
    options = config(run_dir, training={"ema": ema})
    checkpoints = Checkpoints(run_dir, keep)
    for step in steps:
        checkpoints.save(state_at(step, ema), options, '{"tokens": "ä"}', VOCAB)
    checkpoints.close()
    return options


@pytest.mark.parametrize("ema", [0.9, 0.0])
def test_a_state_survives_the_disk_bit_for_bit(tmp_path: Path, ema: float) -> None:
    options = saved(tmp_path, 3, ema=ema)
    restored = Checkpoints(tmp_path).restore(makers(ema)[0](), options)
    expected = state_at(3, ema)
    assert jax.tree.structure(restored) == jax.tree.structure(expected)
    for a, b in zip(jax.tree.leaves(restored), jax.tree.leaves(expected), strict=True):
        assert a.dtype == b.dtype
        assert a.sharding == b.sharding
        assert np.array_equal(a, b)
    assert int(restored.step) == 3
    assert bool(restored.average) == bool(ema)


def test_what_the_loss_remembers_is_kept_too(tmp_path: Path) -> None:
    options = config(tmp_path, loss={"memory": 2})
    state = make_train_step(options, VOCAB, MESH)[0]()
    moved = jax.tree.map(lambda x: x + jax.numpy.ones((), x.dtype), state)._replace(step=state.step)
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(moved, options, "{}", VOCAB)
    checkpoints.close()
    restored = Checkpoints(tmp_path).restore(state, options)
    assert jax.tree.structure(restored) == jax.tree.structure(moved)
    jax.tree.map(np.testing.assert_array_equal, restored.memory, moved.memory)


@pytest.mark.parametrize(
    "section", [{"training": {"batch_size": 16}}, {"loss": {"matching": ("m-m", "t-t")}}]
)
def test_memory_of_other_shapes_is_no_damage(tmp_path: Path, section: dict) -> None:
    """Settings that decide what is remembered cannot be overridden, and nothing is set aside."""
    loss = {"form": "softmax", "matching": ("m-m",), "distinctiveness": (), "consistency": ()}
    options = config(tmp_path, loss={**loss, "memory": 2})
    checkpoints = Checkpoints(tmp_path, 2)
    state = make_train_step(options, VOCAB, MESH)[0]()
    for step in (3, 6):
        checkpoints.save(state._replace(step=state.step + step), options, "{}", VOCAB)
    checkpoints.close()
    changed = tiny.changed(options, section)
    like = make_train_step(changed, VOCAB, MESH)[0]()
    with pytest.raises(ConfigError, match=r"the memory of the checkpoint .* has other shapes"):
        Checkpoints(tmp_path).restore(like, changed, overriding=True)
    assert steps(tmp_path) == [3, 6]


def test_the_newest_is_found_and_older_ones_go(tmp_path: Path) -> None:
    saved(tmp_path, 2, 4, 6, keep=2)
    checkpoints = Checkpoints(tmp_path, 2)
    assert checkpoints.latest() == 6
    folders = {path.name for path in (tmp_path / "checkpoints").iterdir() if path.name.isdigit()}
    assert folders == {"4", "6"}


def test_every_kth_is_kept_for_good(tmp_path: Path) -> None:
    options = config(tmp_path)
    checkpoints = Checkpoints(tmp_path, keep=1, keep_every=4)
    for step in (2, 4, 6, 8, 10):
        checkpoints.save(state_at(step), options, "{}", VOCAB)
    checkpoints.close()
    folders = {path.name for path in (tmp_path / "checkpoints").iterdir() if path.name.isdigit()}
    assert folders == {"4", "8", "10"}


def cut_short(folder: Path) -> None:
    """Its largest files lose their ends, as on a disk that was full or taken away."""
    files = sorted((p for p in folder.rglob("*") if p.is_file()), key=lambda p: -p.stat().st_size)
    for path in files[:3]:
        with path.open("r+b") as file:
            file.truncate(path.stat().st_size // 2)


def without_metadata(folder: Path) -> None:
    (folder / "_CHECKPOINT_METADATA").unlink()


def emptied(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


DAMAGES = [cut_short, without_metadata, emptied]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_set_aside_and_the_one_before_it_taken(
    tmp_path: Path, damage: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    options = saved(tmp_path, 2, 4, keep=2)
    damage(tmp_path / "checkpoints" / "4")
    checkpoints = Checkpoints(tmp_path, 2)
    assert kept_tokenizer(tmp_path) == '{"tokens": "ä"}'
    restored = checkpoints.restore(makers(0.9)[0](), options)
    assert int(restored.step) == 2
    jax.tree.map(np.testing.assert_array_equal, restored, state_at(2))
    told = capsys.readouterr().err
    assert "the checkpoint of step 4 cannot be read" in told
    assert "going on from step 2" in told
    assert (tmp_path / "unreadable" / "4").is_dir()
    checkpoints.save(state_at(4), options, "{}", VOCAB)  # its place is free
    checkpoints.close()
    assert Checkpoints(tmp_path, 2).latest() == 4
    assert int(Checkpoints(tmp_path, 2).restore(makers(0.9)[0](), options).step) == 4


def test_one_whose_marks_are_damaged_is_set_aside_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options, checkpoints = config(tmp_path), Checkpoints(tmp_path, 2)
    for step in (2, 4):
        marks = {"retrieval/m-m/recall@1": 0.1 * step}
        checkpoints.save(state_at(step), options, "{}", VOCAB, metrics=marks)
    checkpoints.close()
    (tmp_path / "checkpoints" / "4" / "metrics" / "metrics").write_text('{"retr')
    restored = Checkpoints(tmp_path, 2).restore(makers(0.9)[0](), options)
    assert int(restored.step) == 2
    assert "the checkpoint of step 4 cannot be read" in capsys.readouterr().err
    assert (tmp_path / "unreadable" / "4").is_dir()


@pytest.mark.parametrize("damage", DAMAGES)
def test_when_none_can_be_read_all_are_named_and_left(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    options = saved(tmp_path, 2, 4, keep=2)
    for step in ("2", "4"):
        damage(tmp_path / "checkpoints" / step)
    with pytest.raises(ConfigError, match=r"no checkpoint .* can be read \(step 4: .*; step 2: "):
        Checkpoints(tmp_path, 2).restore(makers(0.9)[0](), options)
    assert {p.name for p in (tmp_path / "checkpoints").iterdir()} >= {"2", "4"}


@pytest.mark.parametrize("then", [0.0, 3.0])
@pytest.mark.parametrize("now", [0.0, 3.0])
def test_whether_spikes_are_looked_for_may_change(tmp_path: Path, then: float, now: float) -> None:
    options = config(tmp_path, training={"spike": then})
    state = make_train_step(options, VOCAB, MESH)[0]()
    usual = jax.numpy.float32(1.5) if then else None
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(state._replace(step=jax.numpy.int32(3), usual=usual), options, "{}", VOCAB)
    checkpoints.close()
    options = config(tmp_path, training={"spike": now})
    like = make_train_step(options, VOCAB, MESH)[0]()
    restored = Checkpoints(tmp_path).restore(like, options)
    expected = {(0.0, 0.0): None, (0.0, 3.0): 0.0, (3.0, 0.0): None, (3.0, 3.0): 1.5}[then, now]
    assert (restored.usual is None) == (expected is None)
    assert restored.usual is None or float(restored.usual) == expected


def test_the_run_is_kept_beside_the_weights(tmp_path: Path) -> None:
    options = saved(tmp_path, 3)
    snapshot = Snapshot(tmp_path)
    assert snapshot.config == options
    assert snapshot.tokenizer == '{"tokens": "ä"}'
    assert snapshot.vocab_size == VOCAB


@pytest.mark.parametrize("ema", [0.9, 0.0])
def test_the_encoder_loads_alone_onto_any_mesh(tmp_path: Path, ema: float) -> None:
    options = saved(tmp_path, 3, ema=ema)
    init, _ = encoder_factory(options, VOCAB)
    shapes = jax.eval_shape(init, jax.random.key(0))
    weights = Snapshot(tmp_path).encoder(shapes, make_mesh(8))
    expected = exported(state_at(3, ema))
    assert set(weights) == set(expected) == set(shapes)
    for name, x in weights.items():
        assert np.array_equal(x, expected[name])
        assert len(x.sharding.device_set) == 8


def test_weights_of_another_version_are_named(tmp_path: Path) -> None:
    options = saved(tmp_path, 3)
    other = tiny.changed(options, {"encoder": {"text": {"depth": 1}}})
    init, _ = encoder_factory(other, VOCAB)
    shapes = jax.eval_shape(init, jax.random.key(0))
    with pytest.raises(ConfigError, match=r"another version.*text/layers/"):
        Snapshot(tmp_path).encoder(shapes, MESH)


def test_another_config_is_refused_with_the_differences(tmp_path: Path) -> None:
    options = saved(tmp_path, 3)
    changed = replace(
        options,
        seed=5,
        training=replace(options.training, learning_rate=0.5),
        text=replace(options.text, drop_tokens=0.25),
        picture=replace(options.picture, eval_crops=(0.5,)),
    )
    with pytest.raises(ConfigError) as raised:
        Checkpoints(tmp_path).restore(makers(0.9)[0](), changed)
    message = str(raised.value)
    assert "seed: 0 -> 5" in message
    assert "training.learning_rate: 0.003 -> 0.5" in message
    assert "text.drop_tokens: 0.0 -> 0.25" in message
    assert "picture.eval_crops: (1.0,) -> (0.5,)" in message  # export and search would not see it
    assert str(tmp_path) in message
    assert "batch_size" not in message


def test_other_pairs_or_listings_are_refused(tmp_path: Path) -> None:
    options = config(tmp_path)
    checkpoints = Checkpoints(tmp_path, 2)
    trained_on = {"pairs": "aa", "catalogue": "bb"}
    checkpoints.save(state_at(3), options, "{}", VOCAB, trained_on)
    checkpoints.close()
    like, now = makers(0.9)[0](), Checkpoints(tmp_path)
    with pytest.raises(ConfigError, match=r"other data: pairs changed; mine .*--restart"):
        now.restore(like, options, trained_on | {"pairs": "cc"})
    with pytest.raises(ConfigError, match=r"other data: catalogue changed; .*titles"):
        now.restore(like, options, trained_on | {"catalogue": "cc"})
    assert int(now.restore(like, options, trained_on).step) == 3


def test_settings_and_data_may_be_overridden_and_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = config(tmp_path)
    checkpoints = Checkpoints(tmp_path, 2)
    checkpoints.save(state_at(3), options, "{}", VOCAB, {"pairs": "aa"})
    checkpoints.close()
    changed = tiny.changed(options, {"training": {"learning_rate": 0.5}})
    like = makers(0.9)[0]()
    restored = Checkpoints(tmp_path).restore(like, changed, {"pairs": "bb"}, overriding=True)
    assert int(restored.step) == 3
    told = "going on with training.learning_rate: 0.003 -> 0.5; other pairs"
    assert told in capsys.readouterr().err
    for section, told in (
        ({"training": {"optimizer": "lion"}}, "training.optimizer: adamw -> lion"),
        ({"training": {"ema": 0.0}}, "training.ema: 0.9 -> 0.0"),
        ({"loss": {"memory": 2}}, "loss.memory: 0 -> 2"),
    ):
        with pytest.raises(ConfigError, match=f"{told}. These cannot be overridden"):
            Checkpoints(tmp_path).restore(like, tiny.changed(options, section), overriding=True)
    wider = tiny.changed(options, {"encoder": {"fusion": {"hidden": 64}}})
    like = make_train_step(wider, VOCAB, MESH)[0]()
    with pytest.raises(ConfigError, match=r"of another encoder: fusion/.* is \(.*32.*64"):
        Checkpoints(tmp_path).restore(like, wider, overriding=True)


def test_a_checkpoint_is_known_by_its_run_step_settings_data_and_weights(tmp_path: Path) -> None:
    def origin(
        folder: str, *, data: dict[str, str] | None = None, moved: float = 0, **sections
    ) -> Origin:
        checkpoints = Checkpoints(tmp_path / folder, 1)
        options = config("somewhere", **sections)
        state = state_at(3)
        average = {name: x + moved for name, x in state.average.items()}
        checkpoints.save(state._replace(average=average), options, "{}", VOCAB, data)
        checkpoints.close()
        return Snapshot(tmp_path / folder).origin()

    first = origin("first")
    assert (first.run, first.step, len(first.config)) == ("first", 3, 64)
    assert len(first.weights) == 64
    assert origin("second") == replace(first, run="second")
    seen = {first.config}
    seen.add(origin("third", training={"ema": 0.9, "learning_rate": 0.5}).config)
    seen.add(origin("fourth", data={"pairs": "aa", "catalogue": "bb"}).config)
    seen.add(origin("fifth", data={"pairs": "ab", "catalogue": "bb"}).config)
    assert len(seen) == 4
    # Other pictures under the old names, or another program: the weights alone tell.
    sixth = origin("sixth", moved=0.5)
    assert sixth.config == first.config
    assert sixth.weights != first.weights


def test_settings_that_do_not_touch_the_result_may_change(tmp_path: Path) -> None:
    options = saved(tmp_path, 3)
    changed = replace(
        options,
        run_dir="elsewhere",
        data=replace(options.data, root="elsewhere"),
        mining=replace(options.mining, memory_limit="1GiB", spill_dir="elsewhere"),
        training=replace(
            options.training, save_every=1, keep=9, evaluate_every=7, log_every=2, micro_batches=2
        ),
        encoder=replace(options.encoder, remat="layers"),
        mesh=MeshConfig(data=1),
        evaluation=replace(options.evaluation, query_split="train", batch_size=8),
    )
    assert int(Checkpoints(tmp_path).restore(makers(0.9)[0](), changed).step) == 3


def test_without_a_checkpoint_the_error_says_what_to_do(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    assert checkpoints.latest() is None
    for read in (
        lambda: Snapshot(tmp_path),
        lambda: kept_tokenizer(tmp_path),
        lambda: checkpoints.restore(makers(0.9)[0](), config(tmp_path)),
    ):
        with pytest.raises(ConfigError, match=r"no checkpoint in .*; train first"):
            read()
