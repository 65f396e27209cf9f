"""Tests of stylejax/config/."""

import ast
import dataclasses
import io
import json
import tokenize
from pathlib import Path

import pytest
import tiny

from stylejax import config as module
from stylejax.config import (
    Config,
    ConfigError,
    EncoderConfig,
    EvaluationConfig,
    ImageTowerConfig,
    LossConfig,
    MiningConfig,
    PictureConfig,
    TextTowerConfig,
    TrainingConfig,
    TransformerConfig,
    differences,
    from_json,
    load_config,
    override,
    parse_direction,
    to_json,
)

CONFIGS = Path(__file__).parents[1] / "configs"


# ---- Recipes


def test_a_missing_recipe_and_one_without_a_config_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no recipe .*nowhere\.py"):
        load_config(tmp_path / "nowhere.py")
    (tmp_path / "empty.py").write_text("x = 1\n")
    with pytest.raises(ConfigError, match=r"defines no `config = Config"):
        load_config(tmp_path / "empty.py")
    (tmp_path / "notes.txt").write_text("config\n")
    with pytest.raises(ConfigError, match="is no Python file"):
        load_config(tmp_path / "notes.txt")
    lines = "from stylejax.config import Config, EncoderConfig, TrainingConfig\n"
    (tmp_path / "old.py").write_text(lines + 'config = Config(encoder=EncoderConfig(remat="dots"))')
    with pytest.raises(ConfigError, match=r"old\.py .*dots.*remat|old\.py .*remat"):
        load_config(tmp_path / "old.py")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("from stylejax.config import Config\nconfig = Config(trainng=1)\n", "trainng"),
        (
            "from stylejax.config import Config\nconfig = Config(run_dirr='x')\n",
            "Config has no field 'run_dirr'; did you mean run_dir\\?",
        ),
        (
            "from stylejax.config import FurtherData\nmore = FurtherData(zz=1)\n",
            "FurtherData has no field 'zz'; it has data, pairs, rate",
        ),
        ("def f(): pass\nf(x=1)\n", "TypeError: f\\(\\) got an unexpected"),
        ("from stylejax.config import Config\nconfig = Config(\n", "line 2"),
        ("from stylejax.config import Confg\n", "Confg"),
    ],
    ids=["unknown field", "nearest", "none near", "other call", "syntax", "unknown name"],
)
def test_a_mistake_in_a_recipe_is_a_config_error(tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / "recipe.py"
    path.write_text(text)
    with pytest.raises(ConfigError, match=named) as raised:
        load_config(path)
    assert str(path) in str(raised.value)


# ---- JSON


def test_json_keeps_every_setting() -> None:
    config = tiny.config("root", "run", loss={"matching": ("i-t",)}, text={"drop_tokens": 0.5})
    text = to_json(config)
    assert from_json(text) == config
    assert json.loads(text)["loss"]["matching"] == ["i-t"]
    assert from_json(text) != Config()


def test_unknown_fields_in_json_are_all_named() -> None:
    values = json.loads(to_json(Config()))
    values["loss"]["temprature"] = 1
    values["colour"] = 2
    with pytest.raises(ConfigError) as raised:
        from_json(json.dumps(values))
    assert "temprature" in str(raised.value)
    assert "colour" in str(raised.value)


@pytest.mark.parametrize(
    ("section", "field", "value"),
    [
        ("training", "steps", "many"),
        ("training", "learning_rate", [1]),
        ("encoder", "stem", "resnet"),
        ("loss", "matching", 3),
    ],
)
def test_a_wrong_type_in_json_names_its_field(section: str, field: str, value) -> None:
    values = json.loads(to_json(Config()))
    values[section][field] = value
    with pytest.raises(ConfigError, match=field):
        from_json(json.dumps(values))


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"training": 3}'])
def test_what_is_no_config_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"config\.json does not fit"):
        from_json(text)


# ---- The command line


def test_single_fields_are_overridden() -> None:
    base = tiny.config("", "")
    words = [
        "--training.steps",
        "77",
        "--encoder.image.patch",
        "4",
        "--loss.matching",
        "i-i",
        "t-t",
    ]
    changed = override(base, words, "test")
    assert changed.training.steps == 77
    assert changed.encoder.image.patch == 4
    assert changed.loss.matching == ("i-i", "t-t")
    assert differences(base, changed) == [
        "encoder.image.patch: 8 -> 4",
        "loss.matching: ('m-m', 't-m', 'i-m') -> ('i-i', 't-t')",
        "training.steps: 6 -> 77",
    ]
    assert override(base, [], "test") == base


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--training.stepz", "7"], "training.steps"),  # the nearest field
        (["--training.steps", "many"], "many"),
        (["--encoder.image.stem", "resnet"], "resnet"),
        (["--colour", "red"], "colour"),
    ],
)
def test_what_cannot_be_overridden_exits_with_2(
    words: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as raised:
        override(Config(), words, "test")
    assert raised.value.code == 2
    printed = capsys.readouterr()
    assert named in printed.err + printed.out


def test_a_value_out_of_range_names_the_field_and_the_fix(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises((SystemExit, ConfigError)) as raised:
        override(Config(), ["--mining.min-relevance", "3"], "test")
    printed = capsys.readouterr()
    assert "mining.min_relevance is 3" in printed.err + printed.out + str(raised.value)


# ---- Checks


def image(**fields) -> EncoderConfig:
    return EncoderConfig(image=ImageTowerConfig(**fields))


def text(**fields) -> EncoderConfig:
    return EncoderConfig(text=TextTowerConfig(**fields))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: MiningConfig(category_level=-1), "category_level is -1"),
        (lambda: MiningConfig(min_support=0), "min_support is 0"),
        (lambda: MiningConfig(max_items_per_query=1), "a pair needs >= 2"),
        (lambda: MiningConfig(min_relevance=float("nan")), "min_relevance is nan"),
        (lambda: PictureConfig(min_crop=0), "min_crop is 0"),
        (lambda: PictureConfig(max_aspect=0.5), "max_aspect is 0.5"),
        (lambda: PictureConfig(eval_crops=()), "eval_crops"),
        (lambda: PictureConfig(eval_crops=(1.2,)), "eval_crops"),
        (
            lambda: PictureConfig(later_sizes=(96,), later_starts=(1.5,)),
            r"later_starts is \(1.5,\); give one share .* rising",
        ),
        (lambda: PictureConfig(later_sizes=(96,)), r"for each of picture.later_sizes \(96,\)"),
        (
            lambda: TrainingConfig(later_batch_sizes=(256,)),
            r"later_batch_starts is \(\); .* each of training.later_batch_sizes \(256,\)",
        ),
        (
            lambda: TrainingConfig(
                later_batch_sizes=(30,), later_batch_starts=(0.5,), micro_batches=4
            ),
            r"training.later_batch_sizes: 30 cannot be divided into training.micro_batches 4",
        ),
        (
            lambda: Config(
                loss=LossConfig(memory=2),
                training=TrainingConfig(later_batch_sizes=(256,), later_batch_starts=(0.5,)),
            ),
            "loss.memory remembers batches of one size",
        ),
        (
            lambda: TrainingConfig(best="loss"),
            '"loss"; the evaluation on the way gives retrieval/m-m',
        ),
        (lambda: PictureConfig(erase=-0.1), "erase is -0.1"),
        (lambda: Config(picture=PictureConfig(size=90)), r"picture\.size 90 .*stride 16.* 80"),
        (
            lambda: Config(picture=PictureConfig(later_sizes=(90,), later_starts=(0.5,))),
            r"picture\.later_sizes: 90",
        ),
        (lambda: Config(picture=PictureConfig(eval_size=8)), r"picture\.eval_size 8 .*try 16"),
        (
            lambda: text(depth=1, width=10, heads=4),
            "width 10 is not divisible",
        ),
        (lambda: image(conv_widths=(8, 8)), "one entry a stage"),
        (lambda: text(depth=-1), r"encoder\.text\.depth is -1"),
        (lambda: text(hidden=0), r"encoder\.text\.hidden is 0; use >= 1"),
        (lambda: text(epsilon=0.0), r"encoder\.text\.epsilon is 0.0; use > 0"),
        (lambda: image(pool="class"), r'pool is "class", but encoder\.image\.class_token is False'),
        (lambda: image(registers=-1), r"registers is -1; use >= 0"),
        (lambda: image(pixel_std=(0.5, 0.0, 0.5)), r"pixel_std is .*; use three numbers > 0"),
        (
            lambda: image(head="none"),
            r'image\.head is "none", .* width 192 is not encoder\.dim 128',
        ),
        (lambda: LossConfig(matching=("m-x",)), "'m-x'"),
        (lambda: LossConfig(matching=("mm",)), "'mm'"),
        (lambda: LossConfig(consistency=("m",)), "'m'; use t or i"),
        (lambda: LossConfig(matching=(), distinctiveness=(), consistency=()), "no part at all"),
        (lambda: LossConfig(scale=0.0), "scale is 0"),
        (lambda: LossConfig(scale=120.0), r"max_scale 100.0 is below loss.scale 120.0"),
        (
            lambda: LossConfig(form="hinge", duplicates="positive"),
            '"hinge" always leaves duplicates out',
        ),
        (
            lambda: EncoderConfig(late_fusion="gated", fusion=TransformerConfig(depth=1)),
            r'late_fusion is "gated", but a fusion transformer \(encoder.fusion.depth 1\)',
        ),
        (lambda: LossConfig(consistency_k=0), "consistency_k is 0"),
        (lambda: LossConfig(memory=-1), "loss.memory is -1; use 0 or more"),
        (lambda: LossConfig(memory=2, matching=()), "nothing would search it"),
        (lambda: PictureConfig(per_listing=0), "picture.per_listing is 0; use >= 1"),
        (
            lambda: Config(encoder=EncoderConfig(pictures="attention")),
            "picture.per_listing is 1: there is nothing to choose from",
        ),
        (lambda: LossConfig(weight_exponent=-1), "loss.weight_exponent is -1; use 0 or more"),
        (lambda: LossConfig(prefixes=(64, 0)), r"loss.prefixes is \(64, 0\); give lengths >= 1"),
        (lambda: LossConfig(prefixes=(64, 64)), "each once"),
        (lambda: Config(loss=LossConfig(prefixes=(128,))), "shorter than encoder.dim 128"),
        (lambda: TrainingConfig(steps=0), "steps is 0"),
        (lambda: TrainingConfig(steps=5, warmup_steps=5), "must be below training.steps 5"),
        (lambda: TrainingConfig(ema=1.0), "ema is 1.0"),
        (lambda: TrainingConfig(beta2=2.0), r"training\.beta2 is 2.0; use \[0, 1\)"),
        (lambda: TrainingConfig(learning_rate=-1.0), r"training\.learning_rate is -1.0; use > 0"),
        (lambda: TrainingConfig(clip_norm=0.0), r"training\.clip_norm is 0.0; use > 0"),
        (lambda: TrainingConfig(weight_decay=-1.0), r"training\.weight_decay is -1.0; use 0 or"),
        (lambda: TrainingConfig(evaluate_every=-3), r"training\.evaluate_every is -3; use 0 or"),
        (lambda: LossConfig(form="infonce"), r'loss\.form is "infonce"; use hinge, softmax, sigm'),
        (lambda: LossConfig(duplicates="no"), r'loss\.duplicates is "no"; use exclude, positive'),
        (lambda: EvaluationConfig(category_level=-1), r"evaluation\.category_level is -1; use 0"),
        (lambda: PictureConfig(cache_mib=-1), r"picture\.cache_mib is -1; use 0 or more"),
        (lambda: PictureConfig(rotation=-5.0), r"picture\.rotation is -5.0; use 0 or more"),
        (lambda: PictureConfig(brightness=-3.0), r"picture\.brightness is -3.0; use a share"),
        (lambda: PictureConfig(contrast=1.5), r"picture\.contrast is 1.5; use a share"),
        (lambda: image(conv_widths=(), conv_depths=()), r"conv_widths is \(\); give one"),
        (lambda: image(conv_widths=(64, 0, 128)), r"is \(64, 0, 128\); .* each width >= 1"),
        (lambda: image(conv_depths=(1, -1, 2)), r"conv_depths is \(1, -1, 2\); use >= 0"),
        (lambda: LossConfig(matching_weight=-0.5), r"loss\.matching_weight is -0.5; use 0 or"),
        (lambda: LossConfig(distinctiveness_margin=-0.2), r"distinctiveness_margin is -0.2; use 0"),
        (lambda: LossConfig(consistency_tolerance=-1.0), r"consistency_tolerance is -1.0; use 0"),
        (
            lambda: LossConfig(distinctiveness=(), consistency=(), matching_weight=0.0),
            r"parts of the loss \(matching\) are 0; raise loss\.matching_weight",
        ),
    ],
)
def test_settings_that_cannot_be_are_refused(build, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build()


@pytest.mark.parametrize("direction", ["m-t", "i-i"])
def test_directions(direction: str) -> None:
    assert parse_direction(direction) == tuple(direction.split("-"))


def test_differences_name_every_changed_setting_by_its_path() -> None:
    old = Config()
    assert differences(old, old) == []
    new = dataclasses.replace(
        old,
        seed=1,
        data=dataclasses.replace(
            old.data, columns=dataclasses.replace(old.data.columns, title="name")
        ),
    )
    assert differences(old, new) == ["seed: 0 -> 1", "data.columns.title: title -> name"]


# ---- The file itself


def test_every_field_has_a_comment() -> None:
    """The settings are documented where they are defined, one comment a field."""
    fields, bare = 0, []
    for path in Path(module.__file__).parent.glob("*.py"):
        source = path.read_text(encoding="utf-8")
        commented = {
            token.start[0]
            for token in tokenize.generate_tokens(io.StringIO(source).readline)
            if token.type == tokenize.COMMENT
        }
        for owner in ast.parse(source).body:
            for field in owner.body if isinstance(owner, ast.ClassDef) else []:
                if isinstance(field, ast.AnnAssign):
                    fields += 1
                    if not commented & set(range(field.lineno, field.end_lineno + 1)):
                        bare.append(f"{owner.name}.{field.target.id}")
    assert fields > 80
    assert bare == []


def test_every_setting_is_frozen_and_reachable() -> None:
    def walk(value, path: str) -> list[str]:
        if not dataclasses.is_dataclass(value):
            return [path]
        assert value.__dataclass_params__.frozen, path
        return [
            name
            for field in dataclasses.fields(value)
            for name in walk(getattr(value, field.name), f"{path}.{field.name}")
        ]

    classes = {name for name, thing in vars(module).items() if dataclasses.is_dataclass(thing)}
    seen: set[str] = set()

    def collect(value) -> None:
        if dataclasses.is_dataclass(value):
            seen.add(type(value).__name__)
            for field in dataclasses.fields(value):
                collect(getattr(value, field.name))
        if isinstance(value, tuple):
            for part in value:
                collect(part)

    further = dataclasses.replace(Config().sampling, further=(module.FurtherData(),))
    training = dataclasses.replace(Config().training, rules=(module.WeightRule(),))
    mesh = dataclasses.replace(Config().mesh, rules=(module.ShardingRule(),))
    collect(dataclasses.replace(Config(), sampling=further, training=training, mesh=mesh))
    assert seen == classes
    assert len(walk(Config(), "config")) > 80


def test_pictures_are_read_where_a_view_or_the_choice_of_words_needs_them() -> None:
    def read(prune_by: str = "", **loss) -> tuple[bool, bool]:
        given = {"distinctiveness": (), "consistency": (), "pooled": False} | loss
        encoder = EncoderConfig(prune=0.3, prune_by=prune_by) if prune_by else EncoderConfig()
        return Config(encoder=encoder, loss=LossConfig(**given)).pictures_read

    assert read(matching=("i-t",)) == (True, False)
    assert read(matching=("t-m",)) == (False, True)
    assert read(matching=("i-t",), pooled=True) == (True, True)
    assert read(matching=("t-t",), distinctiveness=("i-m",)) == (True, False)
    assert read(matching=("t-t",), consistency=("t",)) == (True, True)
    assert read("image", matching=("t-t",)) == (True, True)
    assert read("text", matching=("t-t",)) == (False, False)
